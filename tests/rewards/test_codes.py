"""Codes that cannot be guessed, can be read aloud, and say when they were read wrong."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.rewards import codes
from portal.rewards.errors import VoucherCodeMalformed

characters = st.sampled_from(codes.ALPHABET)
places = st.integers(0, codes.LENGTH - 1)
fresh = st.lists(characters, min_size=codes.LENGTH - 1, max_size=codes.LENGTH - 1).map(
    lambda body: "".join(body) + codes._check("".join(body))
)


def test_a_code_has_more_than_sixty_random_bits_and_no_look_alikes():
    assert (codes.LENGTH - 1) * math.log2(len(codes.ALPHABET)) >= 60
    assert not set("ILOU") & set(codes.ALPHABET)
    assert len(set(codes.ALPHABET)) == 32
    made = {codes.new_code() for _ in range(2_000)}
    assert len(made) == 2_000
    assert {character for code in made for character in code} == set(codes.ALPHABET)


def test_a_code_is_shown_in_groups_and_read_as_it_is_typed():
    code = codes.new_code()
    shown = codes.grouped(code)
    assert [len(group) for group in shown.split("-")] == [4, 4, 4, 4]
    for typed in (
        code,
        shown,
        shown.lower(),
        f"  {shown.replace('-', ' ')}\n",
        shown.replace("-", "–"),
        shown.replace("0", "O").replace("1", "l"),
        shown.replace("0", "o").replace("1", "I"),
        "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c != "-" else c for c in shown),
    ):
        assert codes.normalise(typed) == code


@given(code=fresh, place=places, other=characters)
def test_every_single_wrong_character_is_found(code, place, other):
    wrong = code[:place] + other + code[place + 1 :]
    if wrong != code:
        with pytest.raises(VoucherCodeMalformed):
            codes.normalise(wrong)


@given(code=fresh, one=places, two=places)
def test_every_two_that_changed_places_are_found(code, one, two):
    swapped = list(code)
    swapped[one], swapped[two] = swapped[two], swapped[one]
    if swapped != list(code):
        with pytest.raises(VoucherCodeMalformed):
            codes.normalise("".join(swapped))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "-",
        "A",
        "0" * 15,
        "0" * 17,
        "0" * 15 + "1",
        "U" * 16,
        "0" * 70,
        "é" * 16,
        "\x00" * 16,
    ],
)
def test_what_is_no_code_is_refused(typed):
    with pytest.raises(VoucherCodeMalformed):
        codes.normalise(typed)


@given(st.text(max_size=40))
def test_anything_at_all_is_a_code_or_refused(typed):
    with contextlib.suppress(VoucherCodeMalformed):
        assert codes.normalise(codes.normalise(typed)) == codes.normalise(typed)
