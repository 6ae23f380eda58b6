"""Pictures of the demonstration's rewards, drawn at its making: flat shapes, nobody's property.

Each is drawn twice as large and made smaller, which smooths its edges.
Places and sizes are in hundredths of the picture's height.
"""

from collections.abc import Callable
from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 960, 720
_LARGER = 2
_MIDDLE = 50 * WIDTH / HEIGHT

_Box = tuple[float, float, float, float]
_Points = list[tuple[float, float]]


class _Sheet:
    """What is drawn on."""

    def __init__(self, ground: str, glow: str):
        self._image = Image.new("RGB", (WIDTH * _LARGER, HEIGHT * _LARGER), ground)
        self._draw = ImageDraw.Draw(self._image)
        self._unit = HEIGHT * _LARGER / 100
        self.disc(_MIDDLE, 50, 41, glow)

    def _box(self, box: _Box) -> _Box:
        left, top, right, bottom = (part * self._unit for part in box)
        return left, top, right, bottom

    def _scaled(self, points: _Points) -> _Points:
        return [(x * self._unit, y * self._unit) for x, y in points]

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        self.oval((x - radius, y - radius, x + radius, y + radius), colour)

    def oval(self, box: _Box, colour: str) -> None:
        self._draw.ellipse(self._box(box), fill=colour)

    def block(self, box: _Box, colour: str, *, radius: float = 0) -> None:
        self._draw.rounded_rectangle(self._box(box), radius=radius * self._unit, fill=colour)

    def shape(self, points: _Points, colour: str) -> None:
        self._draw.polygon(self._scaled(points), fill=colour)

    def arc(
        self, box: _Box, colour: str, *, width: float, start: float = 0, end: float = 360
    ) -> None:
        self._draw.arc(self._box(box), start, end, fill=colour, width=round(width * self._unit))

    def line(self, points: _Points, colour: str, *, width: float) -> None:
        thick = round(width * self._unit)
        self._draw.line(self._scaled(points), fill=colour, width=thick, joint="curve")
        for x, y in (points[0], points[-1]):
            self.disc(x, y, width / 2, colour)

    def wedge(self, box: _Box, start: float, end: float, colour: str) -> None:
        self._draw.pieslice(self._box(box), start, end, fill=colour)

    def png(self) -> bytes:
        kept = BytesIO()
        small = self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
        small.save(kept, "PNG", optimize=True)
        return kept.getvalue()


def coffee() -> bytes:
    """A cup on its saucer."""
    sheet = _Sheet("#f3dcc3", "#f9ebda")
    x = _MIDDLE
    sheet.oval((x - 38, 72, x + 38, 84), "#d9b48f")
    sheet.oval((x - 38, 69, x + 38, 81), "#fffaf4")
    sheet.oval((x - 22, 71.5, x + 22, 77.5), "#ead7c2")
    sheet.arc((x + 16, 42, x + 38, 64), "#fffaf4", width=5.5)
    sheet.wedge((x - 26, 6, x + 26, 76), 0, 180, "#fffaf4")
    sheet.oval((x - 26, 35, x + 26, 47), "#fffaf4")
    sheet.oval((x - 23, 36.6, x + 23, 46), "#6b3f23")
    sheet.oval((x - 11, 38.4, x + 11, 44.4), "#e7c39b")
    sheet.oval((x - 6, 39.6, x + 6, 43), "#fff3e2")
    for shift in (-10, 2, 14):
        sheet.arc((x + shift - 5, 12, x + shift + 1, 21), "#fffaf4", width=2, start=90, end=270)
        sheet.arc((x + shift - 5, 19.2, x + shift + 1, 28), "#fffaf4", width=2, start=270, end=90)
    return sheet.png()


def cake() -> bytes:
    """A slice of almond cake on a plate."""
    sheet = _Sheet("#f6cfc9", "#fbe3df")
    x = _MIDDLE
    sheet.oval((x - 44, 68, x + 44, 86), "#e0a79f")
    sheet.oval((x - 44, 65, x + 44, 83), "#fffaf6")
    sheet.oval((x - 34, 67, x + 34, 79), "#f3e5dc")
    sheet.shape([(x - 34, 45), (x + 30, 38), (x + 30, 66), (x - 34, 73)], "#e2a95f")
    sheet.shape([(x - 34, 54), (x + 30, 47), (x + 30, 52), (x - 34, 59)], "#fff5e4")
    sheet.shape([(x - 34, 64), (x + 30, 57), (x + 30, 61.5), (x - 34, 68.5)], "#fff5e4")
    sheet.shape([(x - 34, 45), (x + 8, 27), (x + 30, 38)], "#fff8ec")
    sheet.shape([(x - 34, 45), (x + 30, 38), (x + 30, 41.5), (x - 34, 48.5)], "#f2d9b0")
    for left, top in ((-16, 38.5), (-3, 36), (-4, 31.5), (9, 33), (18, 36)):
        sheet.oval((x + left, top, x + left + 7.5, top + 3), "#c98a45")
    sheet.disc(x + 7, 25, 5.4, "#b3202e")
    sheet.disc(x + 5.4, 23.4, 1.3, "#f3a6ac")
    sheet.arc((x + 6, 10, x + 20, 34), "#5f7a3a", width=1.3, start=180, end=250)
    return sheet.png()


def tote() -> bytes:
    """A cotton bag with a leaf on it."""
    sheet = _Sheet("#cfe0d2", "#e3eee4")
    x = _MIDDLE
    sheet.arc((x - 15, 10, x + 15, 62), "#b98f54", width=4, start=180, end=360)
    sheet.shape([(x - 30, 34), (x + 30, 34), (x + 34, 88), (x - 34, 88)], "#f7efdf")
    sheet.shape([(x + 21, 34), (x + 30, 34), (x + 34, 88), (x + 24, 88)], "#eadfc8")
    sheet.block((x - 30, 34, x + 30, 38.4), "#e3d5b9")
    for side in (-15, 11):
        sheet.block((x + side, 33, x + side + 4, 43), "#b98f54", radius=0.8)
    sheet.oval((x - 11, 51, x + 11, 77), "#2f7d5b")
    sheet.oval((x + 1, 47, x + 15, 66), "#5aa97f")
    sheet.line([(x, 82), (x, 60)], "#1d5a40", width=1.6)
    sheet.line([(x, 70), (x + 7, 60)], "#1d5a40", width=1.2)
    return sheet.png()


def moka() -> bytes:
    """A moka pot."""
    sheet = _Sheet("#d3d9e6", "#e7ebf3")
    x = _MIDDLE
    sheet.oval((x - 27, 84, x + 27, 91), "#aab3c6")
    sheet.line([(x + 17, 28), (x + 30, 30), (x + 32, 44), (x + 29, 56)], "#27303f", width=5)
    sheet.shape([(x - 16, 55), (x + 16, 55), (x + 22, 87), (x - 22, 87)], "#9aa5b8")
    sheet.shape([(x - 16, 55), (x - 5, 55), (x - 7, 87), (x - 22, 87)], "#b9c2d1")
    sheet.shape([(x + 7, 55), (x + 16, 55), (x + 22, 87), (x + 10, 87)], "#7f8ba0")
    sheet.block((x - 18, 52, x + 18, 57), "#6a768c", radius=1)
    sheet.shape([(x - 21, 25), (x + 20, 25), (x + 15, 52), (x - 15, 52)], "#a7b1c2")
    sheet.shape([(x - 21, 25), (x - 6, 25), (x - 5, 52), (x - 15, 52)], "#c6cedb")
    sheet.shape([(x + 7, 25), (x + 20, 25), (x + 15, 52), (x + 6, 52)], "#8793a8")
    sheet.shape([(x - 20, 27), (x - 29, 25), (x - 17.5, 38)], "#c6cedb")
    sheet.shape([(x - 21, 25), (x, 15), (x + 20, 25)], "#8793a8")
    sheet.shape([(x - 21, 25), (x, 15), (x - 5, 25)], "#a7b1c2")
    sheet.disc(x, 13, 3.4, "#27303f")
    sheet.disc(x, 71, 3, "#6a768c")
    return sheet.png()


def beans() -> bytes:
    """A bag of coffee."""
    sheet = _Sheet("#e6d3b3", "#f1e4cc")
    x = _MIDDLE
    sheet.oval((x - 30, 83, x + 36, 91), "#cdb48a")
    sheet.shape([(x - 22, 20), (x + 22, 20), (x + 26, 88), (x - 26, 88)], "#20483a")
    sheet.shape([(x + 14, 20), (x + 22, 20), (x + 26, 88), (x + 17, 88)], "#173629")
    sheet.block((x - 23, 13, x + 23, 21), "#2f6451", radius=1)
    sheet.block((x - 18, 15.8, x + 18, 17.8), "#d8b36a", radius=1)
    sheet.block((x - 17, 40, x + 13, 70), "#f6ecd8", radius=2)
    sheet.oval((x - 10, 44, x + 6, 66), "#7a4a28")
    sheet.arc((x - 14, 43, x - 0.5, 67), "#f6ecd8", width=1.5, start=300, end=60)
    for left, top in ((27, 78), (34, 83), (-38, 80)):
        sheet.oval((x + left, top, x + left + 9, top + 6.4), "#7a4a28")
        sheet.line([(x + left + 2, top + 3.6), (x + left + 7, top + 2.8)], "#4f2e17", width=0.9)
    return sheet.png()


def voucher() -> bytes:
    """A ticket of money off."""
    sheet = _Sheet("#f5d98b", "#fae8b4")
    x = _MIDDLE
    for shift, colour in ((1.8, "#dcb455"), (0, "#fffaf0")):
        sheet.block((x - 42, 31 + shift, x + 42, 69 + shift), colour, radius=4)
    for side in (-42, 42):
        sheet.disc(x + side, 50, 5, "#f5d98b")
    for step in range(6):
        sheet.block((x + 16, 35 + step * 5.4, x + 17.4, 38 + step * 5.4), "#dcb455", radius=0.7)
    # A euro sign, as an arc and two bars.
    sheet.arc((x - 24, 38, x, 62), "#0a7d5a", width=4.4, start=48, end=312)
    sheet.block((x - 29, 46, x - 8, 49), "#0a7d5a", radius=1.2)
    sheet.block((x - 29, 51.6, x - 10, 54.6), "#0a7d5a", radius=1.2)
    sheet.disc(x + 29, 50, 7, "#f0b429")
    sheet.disc(x + 29, 50, 4.2, "#fae8b4")
    return sheet.png()


def workshop() -> bytes:
    """A filter, a jug and a drop: an evening of tasting."""
    sheet = _Sheet("#d9cbe8", "#ebe3f4")
    x = _MIDDLE
    sheet.oval((x - 30, 83, x + 30, 91), "#b8a4cf")
    sheet.arc((x + 14, 58, x + 34, 80), "#5a3f8f", width=4)
    sheet.shape([(x - 13, 48), (x + 13, 48), (x + 25, 86), (x - 25, 86)], "#f8f5fc")
    sheet.shape([(x - 18.5, 66), (x + 18.5, 66), (x + 25, 86), (x - 25, 86)], "#6b3f23")
    sheet.block((x - 15, 45, x + 15, 50), "#5a3f8f", radius=1.4)
    sheet.shape([(x - 27, 17), (x + 27, 17), (x + 7, 45), (x - 7, 45)], "#fffaf0")
    sheet.shape([(x + 12, 17), (x + 27, 17), (x + 7, 45), (x + 2, 45)], "#ece1f5")
    sheet.oval((x - 27, 13, x + 27, 21), "#e3d6ef")
    sheet.oval((x - 23, 14.4, x + 23, 20), "#6b3f23")
    sheet.shape([(x, 51), (x + 2.6, 57), (x - 2.6, 57)], "#6b3f23")
    sheet.disc(x, 58, 2.7, "#6b3f23")
    return sheet.png()


def trees() -> bytes:
    """Young trees on a hill."""
    sheet = _Sheet("#bfe0ea", "#d9eef4")
    x = _MIDDLE
    sheet.disc(x + 22, 27, 8, "#f7c948")
    sheet.oval((x - 92, 66, x + 42, 140), "#5f9e62")
    sheet.oval((x - 30, 70, x + 110, 150), "#7cb774")
    for left, ground, height in ((-22, 72, 34), (16, 75, 24), (-44, 77, 20)):
        sheet.block((x + left - 1.4, ground - height * 0.5, x + left + 1.4, ground), "#6b4a2b")
        for step, half in ((0.45, 0.36), (0.7, 0.29), (0.95, 0.2)):
            top = ground - height * (step + 0.36)
            base = ground - height * (step - 0.14)
            sheet.shape(
                [
                    (x + left, top),
                    (x + left + height * half, base),
                    (x + left - height * half, base),
                ],
                "#2f7d4b" if step < 0.9 else "#3b8f59",
            )
    return sheet.png()


PICTURES: dict[str, Callable[[], bytes]] = {
    "coffee": coffee,
    "cake": cake,
    "tote": tote,
    "moka": moka,
    "beans": beans,
    "voucher": voucher,
    "workshop": workshop,
    "trees": trees,
}


@cache
def draw(name: str) -> bytes:
    """The picture of this name, as PNG."""
    return PICTURES[name]()
