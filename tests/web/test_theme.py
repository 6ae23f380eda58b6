"""The colours of a program: readable, whatever accent it picks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web import theme

ACCENTS = ["#0a7d5a", "#ffd400", "#000000", "#ffffff", "#808080", "#e4002b", "#00a0ff", "#7f7f00"]
colours = st.tuples(*[st.integers(0, 255)] * 3)


def test_contrast_is_that_of_the_standard():
    assert theme.contrast(theme.BLACK, theme.WHITE) == pytest.approx(21)
    assert theme.contrast((119, 119, 119), theme.WHITE) == pytest.approx(4.48, abs=0.01)
    assert theme.contrast((255, 0, 0), (255, 0, 0)) == 1


@given(colours)
def test_every_accent_can_be_read_on_every_ground(accent):
    for palette, grounds in [
        (theme.light(accent), theme._LIGHT_GROUNDS),
        (theme.dark(accent), theme._DARK_GROUNDS),
    ]:
        assert theme.contrast(palette.on_accent, palette.accent) >= 4.5
        assert theme.contrast(palette.on_accent, palette.accent_hover) >= 4.5
        assert theme.contrast(palette.on_hero, palette.hero) >= 4.5
        assert theme.contrast(palette.on_hero, palette.hero_deep) >= 4.5
        for ground in (*grounds, palette.accent_soft):
            assert theme.contrast(palette.accent_text, ground) >= 4.5


@pytest.mark.parametrize("accent", ACCENTS)
def test_the_stylesheet_sets_the_same_properties_for_light_and_dark(accent):
    css = theme.stylesheet(accent)
    for name in ("accent", "on-accent", "accent-text", "accent-soft", "hero", "on-hero"):
        assert css.count(f"--{name}:#") == 3
    assert css.count("{") == css.count("}") == 4


def test_an_accent_that_is_readable_already_is_kept():
    assert theme.light(theme.parse("#0a7d5a")).accent == theme.parse("#0a7d5a")
