"""QR codes as drawings within the page."""

import segno
from markupsafe import Markup


def drawing(text: str, *, label: str | None = None) -> Markup:
    """A QR code of ``text``.

    Args:
        label: what it is, for whoever cannot see it; None where it only decorates.
    """
    return Markup(  # noqa: S704 - segno escapes the title, the rest is numbers
        segno.make(text, micro=False, error="m").svg_inline(
            omitsize=True, border=1, svgclass="qr-code", lineclass="qr-line", title=label
        )
    )
