"""Identifiers: found whatever way they are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.members import cards
from portal.members.customers import CustomerView, IdentifierView
from portal.members.display import (
    display,
    masked_contact,
    masked_email,
    masked_mobile,
    masked_name,
)
from portal.members.errors import InvalidIdentifier
from portal.members.identifiers import IdentifierType, normalise


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("+351912345689", "GB"),
        ("+351 912 345 689", "US"),
        ("  +351-912-345-689 ", "PT"),
        ("+351 (912) 345.689", "PT"),
        ("00351912345689", "PT"),
        ("00351 912 345 689", "US"),
        ("912345689", "PT"),
        ("912 345 689", "PT"),
        ("+351912345689", "PT"),
    ],
)
def test_a_mobile_is_kept_in_e164_however_it_is_typed(typed, region):
    assert normalise("mobile", typed, region=region) == "+351912345689"


def test_a_national_number_is_one_of_the_region():
    assert normalise("mobile", "07700 900123", region="GB") == "+447700900123"
    assert normalise("mobile", "(202) 555-0123", region="US") == "+12025550123"
    assert normalise("mobile", "+44 (0)7700 900123", region="US") == "+447700900123"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "12",
        "+",
        "hello",
        "1-800-FLOWERS",
        "+351912345689 ext. 5",
        "+999123456789",
        "+3519123456890123456",
        "9" * 65,
        "+351\x00912345689",
        "+351912345689\u202e",
    ],
)
def test_what_is_no_phone_number_is_refused(typed):
    with pytest.raises(InvalidIdentifier) as caught:
        normalise("mobile", typed, region="PT")
    assert caught.value.field == "mobile"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ana@Example.COM", "ana@example.com"),
        (" ana.dias+shop@example.com ", "ana.dias+shop@example.com"),
        ("ana@BÜCHER.de", "ana@bücher.de"),
        ("ana@corner.test", "ana@corner.test"),
    ],
)
def test_an_email_is_kept_in_lower_case(typed, kept):
    assert normalise("email", typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ana",
        "ana@",
        "@example.com",
        "a b@example.com",
        "ana@example",
        "ana@@example.com",
        "ana@exa\nmple.com",
        "x" * 250 + "@example.com",
        "ana@[127.0.0.1]",
        "ana@localhost",
    ],
)
def test_what_is_no_email_is_refused(typed):
    with pytest.raises(InvalidIdentifier) as caught:
        normalise("email", typed)
    assert caught.value.field == "email"


def test_other_identifiers_are_trimmed_and_nothing_else():
    assert normalise("external_id", "  C-00 42 ") == "C-00 42"
    assert normalise("facebook", "Ana.Dias") == "Ana.Dias"
    assert normalise("card_number", " 6330 0012 3456 7897 ") == "6330001234567897"


@pytest.mark.parametrize(
    ("type", "longest"), [("external_id", 64), ("card_number", 64), ("wechat", 255)]
)
def test_other_identifiers_have_a_length(type, longest):
    assert normalise(type, "x" * longest) == "x" * longest
    with pytest.raises(InvalidIdentifier):
        normalise(type, "x" * (longest + 1))


@pytest.mark.parametrize("value", ["", " ", "a\x00", "a\tb", "\ud800", "a\u2028b", "\u200bx", 5])
def test_control_characters_and_emptiness_are_refused(value):
    with pytest.raises(InvalidIdentifier) as caught:
        normalise("external_id", value)
    assert caught.value.field == "external_id"


@pytest.mark.parametrize("type", ["phone", "", "member_code", None])
def test_an_unknown_kind_is_refused(type):
    with pytest.raises(InvalidIdentifier) as caught:
        normalise(type, "x")
    assert caught.value.field == "type"


def test_the_same_letters_are_the_same_identifier_however_they_are_composed():
    assert normalise("external_id", "Zoe\u0308") == normalise("external_id", "Zo\u00eb")


@given(type=st.sampled_from(list(IdentifierType)), typed=st.text(max_size=300))
def test_normalising_refuses_by_name_or_is_stable(type, typed):
    try:
        once = normalise(type, typed)
    except InvalidIdentifier:
        return
    assert normalise(type, once) == once


def test_card_numbers_carry_a_check_digit():
    # The example of ISO/IEC 7812.
    assert cards.check_digit("7992739871") == "3"
    number = cards.new_card_number()
    assert len(number) == 16
    assert cards.is_ours(number)
    assert len({cards.new_card_number() for _ in range(1000)}) == 1000


@given(st.data())
def test_one_wrong_or_swapped_digit_of_a_card_is_noticed(data):
    number = cards.new_card_number()
    place = data.draw(st.integers(2, 15))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != number[place]]))
    assert not cards.is_ours(number[:place] + other + number[place + 1 :])


@pytest.mark.parametrize("number", ["", "63", "6" * 15, "630000000000000x", "６３" * 8, "1" * 16])
def test_what_is_no_card_of_ours(number):
    assert not cards.is_ours(number)


def person(first_name=None, last_name=None, at=None, **known):
    return CustomerView(
        id="cus_1", first_name=first_name, last_name=last_name, birth_date=None, language=None,
        fraud_status="none", merged_into=None, referred_by=None, contact_changed_at=None,
        erased_at=None, created_at=at, updated_at=at,
        identifiers=tuple(
            IdentifierView(
                type=IdentifierType(type), value=value, source=None, source_account="",
                verified_at=None,
            )
            for type, value in known.items()
        ),
    )  # fmt: skip


def test_others_see_initials_and_last_digits():
    assert masked_name("Jana", "Dias") == "Ja… D…"
    assert masked_name("J", None) == "J"
    assert masked_name(None, "Dias") == "D…"
    assert masked_name(None, None) == ""
    assert masked_mobile("+351912345689") == "…89"
    assert masked_email("jana@example.com") == "j…@e….com"
    assert masked_contact(mobile="+351912345689", email="a@b.co") == "…89"
    assert masked_contact(email="ana@b.co") == "a…@b….co"
    assert masked_contact() == ""
    assert display(person("Jana", "Dias", mobile="+351912345689")) == "Ja… D… (…89)"
    assert display(person("Jana", "Dias")) == "Ja… D…"
    assert display(person(email="ana@b.co")) == "a…@b….co"
    assert display(person()) == "?"
    assert person("Jana", "Dias").name == "Jana Dias"
