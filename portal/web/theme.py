"""A program's colours, worked out from its one accent, and the choice of light or dark.

The content security policy forbids inline style, so the colours come as a
stylesheet of their own. Whatever accent a retailer picks, text on it and text
in it stay readable: each colour is moved towards black or white until it has
the contrast that WCAG 2.2 asks of small text, 4.5 to 1, with a little to spare.
"""

from collections.abc import Iterable
from colorsys import hls_to_rgb, rgb_to_hls
from dataclasses import dataclass

Colour = tuple[int, int, int]

CONTRAST_MIN = 4.6
DEFAULT_ACCENT = "#0b6b50"

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
INK: Colour = (15, 14, 12)
_LIGHT_GROUNDS: tuple[Colour, ...] = ((247, 245, 241), (255, 255, 255), (239, 236, 229))
"""The stylesheet's --paper, --surface and --sunken in the light."""
_DARK_GROUNDS: tuple[Colour, ...] = ((19, 18, 16), (29, 28, 25), (40, 38, 34))
"""The same in the dark."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours that follow from an accent, for light or for dark pages."""

    accent: Colour
    on_accent: Colour
    accent_hover: Colour
    accent_text: Colour
    accent_soft: Colour
    hero: Colour
    hero_deep: Colour
    on_hero: Colour


def parse(colour: str) -> Colour:
    """``#rrggbb`` as three numbers."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(colour: Colour, towards: Colour, share: float) -> Colour:
    """``colour`` moved by ``share`` (0 to 1) of the way ``towards`` another."""
    red, green, blue = (
        round(part + (goal - part) * share) for part, goal in zip(colour, towards, strict=True)
    )
    return red, green, blue


def readable(colour: Colour, grounds: Iterable[Colour], *, towards: Colour) -> Colour:
    """The nearest colour of the same hue, ``towards`` black or white, that can be read on all."""
    grounds = tuple(grounds)
    hue, lightness, saturation = rgb_to_hls(*(part / 255 for part in colour))
    goal = 1.0 if towards == WHITE else 0.0
    for step in range(101):
        moved = _colour(hls_to_rgb(hue, lightness + (goal - lightness) * step / 100, saturation))
        if all(contrast(moved, ground) >= CONTRAST_MIN for ground in grounds):
            return moved
    return towards


def _colour(shares: tuple[float, float, float]) -> Colour:
    red, green, blue = (round(share * 255) for share in shares)
    return red, green, blue


def light(accent: Colour) -> Palette:
    """The palette on light pages."""
    on_accent = max((WHITE, INK), key=lambda ink: contrast(ink, accent))
    away = BLACK if on_accent == WHITE else WHITE
    fill = readable(accent, [on_accent], towards=away)
    soft = mix(WHITE, accent, 0.11)
    return Palette(
        accent=fill,
        on_accent=on_accent,
        accent_hover=mix(fill, away, 0.16),
        accent_text=readable(accent, [*_LIGHT_GROUNDS, soft], towards=BLACK),
        accent_soft=soft,
        hero=fill,
        hero_deep=mix(fill, away, 0.28),
        on_hero=on_accent,
    )


def dark(accent: Colour) -> Palette:
    """The palette on dark pages: the accent lightened where it speaks, deepened where it fills."""
    soft = mix(_DARK_GROUNDS[1], accent, 0.18)
    text = readable(accent, [*_DARK_GROUNDS, soft], towards=WHITE)
    hero = mix(accent, BLACK, 0.3)
    while contrast(hero, WHITE) < 7:
        hero = mix(hero, BLACK, 0.06)
    return Palette(
        accent=text,
        on_accent=INK,
        accent_hover=mix(text, WHITE, 0.2),
        accent_text=text,
        accent_soft=soft,
        hero=hero,
        hero_deep=mix(hero, BLACK, 0.3),
        on_hero=WHITE,
    )


def _declarations(palette: Palette) -> str:
    return "".join(
        f"--{name.replace('_', '-')}:#{red:02x}{green:02x}{blue:02x};"
        for name in Palette.__slots__
        for red, green, blue in [getattr(palette, name)]
    )


def stylesheet(accent: str) -> str:
    """The custom properties that make the pages wear ``accent`` (``#rrggbb``)."""
    colour = parse(accent)
    bright, night = _declarations(light(colour)), _declarations(dark(colour))
    return (
        f":root{{{bright}}}\n"
        f'@media (prefers-color-scheme:dark){{:root:not([data-theme="light"]){{{night}}}}}\n'
        f':root[data-theme="dark"]{{{night}}}\n'
    )
