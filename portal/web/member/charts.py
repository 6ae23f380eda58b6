"""Charts as SVG, made on the server, for people who would rather look than read.

leather works out scales and shapes; its colours and fonts are attributes, which
are taken off again here, so that the stylesheet alone says how a chart looks, in
the light and in the dark. There is no style attribute and no script, so a chart
passes the content security policy. Each chart has a title and a description of
its own, and its page has the same figures in words.
"""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import leather
from markupsafe import Markup

_WIDTH = 480
_HEIGHT = 220
_MARGIN = 24
"""leather leaves a twentieth of the width on every side."""
_PRESENTATION = ("fill", "stroke", "stroke-width", "font-family", "font-size")
_TICKS_WANTED = 3


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says to those who do not see it. ``id`` is unique in its page."""

    id: str
    title: str
    description: str


class _Scale:
    """A straight scale between two ends. leather's own moves the ends to rounder numbers."""

    def __init__(self, lowest: int, highest: int):
        self._lowest, self._highest = lowest, highest

    def contains(self, value: int) -> bool:
        return self._lowest <= value <= self._highest

    def project(self, value: int, start: float, end: float) -> float:
        share = (value - self._lowest) / (self._highest - self._lowest)
        return start + (end - start) * share

    def format_tick(self, value: int, _index: int, _count: int) -> str:
        return str(value)


def balance_chart(
    readings: Sequence[tuple[datetime, int]],
    *,
    words: Words,
    amount: Callable[[int], str],
    day: Callable[[datetime], str],
) -> Markup:
    """A balance over time, as steps: it stays what it was until something happens.

    Args:
        readings: instants in order with the balance at each, in smallest units;
            at least two.
        amount: writes a balance on the axis, short.
        day: writes an instant on the axis, short.
    """
    # leather knows no time zones, so it is given seconds since the first reading.
    began, ended = readings[0][0], readings[-1][0]
    span = int((ended - began).total_seconds())
    steps: list[tuple[int, int]] = []
    for at, points in readings:
        seconds = int((at - began).total_seconds())
        if steps and steps[-1][1] != points:
            steps.append((seconds, steps[-1][1]))
        steps.append((seconds, points))
    ticks = _ticks(min(points for _, points in readings), max(points for _, points in readings))
    chart = leather.Chart()
    chart.set_x_scale(_Scale(0, span))
    chart.set_y_scale(_Scale(ticks[0], ticks[-1]))
    chart.add_y_axis(ticks=ticks, tick_formatter=lambda value, _i, _count: amount(int(value)))
    chart.add_x_axis(
        ticks=[0, span // 2, span],
        tick_formatter=lambda value, _i, _count: day(began + timedelta(seconds=int(value))),
    )
    chart.add_line(steps)
    group = chart.to_svg_group(_WIDTH, _HEIGHT)
    _fill_below(group)
    return _document(group, words, "chart-balance")


def column_chart(
    columns: Sequence[tuple[str, int]],
    *,
    words: Words,
    amount: Callable[[int], str],
) -> Markup:
    """How much at each of a few places, as columns.

    Args:
        columns: a short label, each once, and an amount in smallest units; at least one.
        amount: writes an amount on the axis, short.
    """
    ticks = _ticks(0, max(points for _, points in columns))
    chart = leather.Chart()
    chart.set_y_scale(_Scale(ticks[0], ticks[-1]))
    chart.add_y_axis(ticks=ticks, tick_formatter=lambda value, _i, _count: amount(int(value)))
    every = -(-len(columns) // 7)
    chart.add_x_axis(
        tick_formatter=lambda value, i, count: "" if (count - 1 - i) % every else str(value)
    )
    chart.add_columns(list(columns))
    group = chart.to_svg_group(_WIDTH, _HEIGHT)
    return _document(group, words, "chart-columns")


def _ticks(lowest: int, highest: int) -> list[int]:
    """Round numbers that span both and zero, about ``_TICKS_WANTED`` steps of them."""
    lowest, highest = min(lowest, 0), max(highest, 0)
    if lowest == highest:
        return [0, 1]
    rough = max(1, (highest - lowest) // _TICKS_WANTED)
    power = 10 ** (len(str(rough)) - 1)
    step = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= rough)
    first = lowest // step
    last = -(-highest // step)
    return [step * number for number in range(first, last + 1)]


def _fill_below(group: ET.Element) -> None:
    """A shape between the line and zero, drawn under the line."""
    series = _found(group, "series lines")
    path = series.find("path")
    zero = next(
        tick for tick in _found(group, "axis left").iter("line") if tick.get("stroke") == "#a8a8a8"
    )
    if path is None:  # pragma: no cover - a line of two points always has a path
        return
    steps = path.get("d", "").split()
    base = zero.get("y1", "0")
    area = ET.Element("path", {"class": "area"})
    area.set("d", f"M {steps[1]} {base} L {' '.join(steps[1:])} L {steps[-2]} {base} Z")
    series.insert(0, area)


def _found(group: ET.Element, name: str) -> ET.Element:
    return next(element for element in group.iter("g") if element.get("class") == name)


def _document(group: ET.Element, words: Words, name: str) -> Markup:
    background = group.find("rect")
    if background is not None:
        group.remove(background)
    root = ET.Element(
        "svg",
        {
            "class": f"chart {name}",
            "viewBox": f"0 {_MARGIN - 10} {_WIDTH - _MARGIN // 2} {_HEIGHT - 2 * _MARGIN + 18}",
            "role": "img",
            "aria-labelledby": f"{words.id}-title {words.id}-desc",
        },
    )
    title = ET.SubElement(root, "title", {"id": f"{words.id}-title"})
    title.text = words.title
    description = ET.SubElement(root, "desc", {"id": f"{words.id}-desc"})
    description.text = words.description
    for element in group.iter():
        if element.get("stroke") == "#a8a8a8":
            element.set("class", "zero")
        for attribute in _PRESENTATION:
            element.attrib.pop(attribute, None)
        for attribute in ("x", "y", "x1", "y1", "x2", "y2", "width", "height"):
            if attribute in element.attrib:
                element.set(attribute, _short(element.attrib[attribute]))
        if "d" in element.attrib:
            element.set("d", " ".join(_short(part) for part in element.attrib["d"].split()))
    root.append(group)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - ElementTree escaped it


def _short(number: str) -> str:
    if number in ("M", "L", "Z"):
        return number
    return f"{float(number):.1f}".removesuffix(".0")
