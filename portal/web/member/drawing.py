"""Codes as drawings within the page: QR and Code 128, black on white, without inline style.

Both bring their quiet zone along, so that they scan whatever stands beside
them, and are one path, so that they stay small and sharp at any size.
"""

from itertools import groupby

import segno
from barcode.charsets import code128
from markupsafe import Markup, escape

QUIET_MODULES = 10
"""What Code 128 asks for on either side (ISO/IEC 15417)."""
QR_QUIET_MODULES = 4
"""What a QR code asks for on all sides (ISO/IEC 18004)."""
BAR_HEIGHT = 34
_LAST_BAR = "11"


def qr(text: str, label: str | None = None) -> Markup:
    """A QR code that takes a stain (level M). ``label``: None where text beside it says so."""
    drawn = segno.make(text, micro=False, error="m")
    size = len(drawn.matrix) + 2 * QR_QUIET_MODULES
    path = "".join(
        f"M{start} {row}h{length}v1h-{length}z"
        for row, modules in enumerate(drawn.matrix, QR_QUIET_MODULES)
        for start, length in _runs("".join("1" if module else "0" for module in modules), 4)
    )
    return _drawing("qr-code", size, size, path, label)


def barcode(text: str, label: str | None = None) -> Markup:
    """A Code 128 barcode, for scanners that read nothing else.

    It asks for whole pixels, two for each module: bars that fall between
    pixels are what scanners cannot read. A narrow phone makes it smaller, and
    has pixels enough.
    """
    modules = _code_128(text)
    width = len(modules) + 2 * QUIET_MODULES
    path = "".join(
        f"M{start} 0h{length}v{BAR_HEIGHT}h-{length}z"
        for start, length in _runs(modules, QUIET_MODULES)
    )
    return _drawing("bar-code", width, BAR_HEIGHT, path, label, size=(2 * width, 2 * BAR_HEIGHT))


def can_be_bars(text: str) -> bool:
    """Whether a barcode can say it: printable ASCII."""
    return bool(text) and text.isascii() and text.isprintable()


def _code_128(text: str) -> str:
    """The modules of a Code 128, dark ones as 1: digits in pairs (set C), else one by one (B).

    python-barcode knows the patterns, and drops a leading 99 where it puts
    them together itself.
    """
    if text.isdigit() and len(text) % 2 == 0:
        values = [code128.START_CODES["C"]]
        values += [int(text[place : place + 2]) for place in range(0, len(text), 2)]
    else:
        values = [code128.START_CODES["B"], *(ord(character) - 32 for character in text)]
    check = sum(value * max(place, 1) for place, value in enumerate(values)) % 103
    patterns = [code128.CODES[value] for value in (*values, check)]
    return "".join([*patterns, code128.STOP, _LAST_BAR])


def _runs(modules: str, offset: int) -> list[tuple[int, int]]:
    """Where dark modules begin, and how many stand together."""
    runs, place = [], offset
    for module, together in groupby(modules):
        length = len(list(together))
        if module == "1":
            runs.append((place, length))
        place += length
    return runs


def _drawing(
    kind: str,
    width: int,
    height: int,
    path: str,
    label: str | None,
    *,
    size: tuple[int, int] | None = None,
) -> Markup:
    told = (
        Markup('role="img" aria-label="{}"').format(escape(label))
        if label
        else Markup('aria-hidden="true"')
    )
    # A barcode may be stretched upwards; a QR code stays square.
    sized = (
        Markup('width="{}" height="{}" preserveAspectRatio="none"').format(*size) if size else ""
    )
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" {} {} shape-rendering="crispEdges" focusable="false">'
        '<path fill="#fff" d="M0 0h{}v{}h-{}z"/><path fill="#000" d="{}"/></svg>'
    ).format(kind, width, height, told, sized, width, height, width, path)
