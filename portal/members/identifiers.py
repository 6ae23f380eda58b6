"""What a customer is known by, brought into one standard form before it is kept or looked for."""

import unicodedata
from enum import StrEnum

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from portal.members.errors import InvalidIdentifier

DEFAULT_REGION = "GB"
"""Whose numbers may be typed without their international prefix, unless a setting says."""


class IdentifierType(StrEnum):
    """The kinds of identifier there are (003)."""

    MOBILE = "mobile"
    EMAIL = "email"
    EXTERNAL_ID = "external_id"
    CARD_NUMBER = "card_number"
    CARD_EXTERNAL_ID = "card_external_id"
    WECHAT = "wechat"
    FACEBOOK = "facebook"
    MARTJACK = "martjack"


LENGTH_MAX = {
    IdentifierType.MOBILE: 64,
    IdentifierType.EMAIL: 254,
    IdentifierType.EXTERNAL_ID: 64,
    IdentifierType.CARD_NUMBER: 64,
    IdentifierType.CARD_EXTERNAL_ID: 64,
    IdentifierType.WECHAT: 255,
    IdentifierType.FACEBOOK: 255,
    IdentifierType.MARTJACK: 255,
}
"""Characters, as typed."""

_SENTENCES = {
    IdentifierType.MOBILE: "This is not a phone number. Type it with its country, like +351 …",
    IdentifierType.EMAIL: "This is not an e-mail address.",
}


def type_of(name: str) -> IdentifierType:
    """The kind of this name.

    Raises:
        InvalidIdentifier: there is none (``field`` is ``type``).
    """
    try:
        return IdentifierType(name)
    except ValueError:
        kinds = ", ".join(IdentifierType)
        raise InvalidIdentifier(f"Must be one of: {kinds}.", field="type") from None


def normalise(type: str, value: str, *, region: str = DEFAULT_REGION) -> str:
    """The standard form: E.164 for a mobile, lower case for e-mail, trimmed for the rest.

    Args:
        value: as someone typed it.
        region: the country (``PT``) whose numbers need no international prefix.

    Raises:
        InvalidIdentifier: ``field`` is ``type`` for an unknown kind, else the
            kind itself.
    """
    kind = type_of(type)
    if not isinstance(value, str):
        raise InvalidIdentifier("Must be text.", field=kind.value)
    text = unicodedata.normalize("NFC", value).strip()
    if not text:
        raise InvalidIdentifier("Must not be empty.", field=kind.value)
    longest = LENGTH_MAX[kind]
    if len(text) > longest:
        raise InvalidIdentifier(f"Must have at most {longest} characters.", field=kind.value)
    if any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        raise InvalidIdentifier("Must not contain control characters.", field=kind.value)
    match kind:
        case IdentifierType.MOBILE:
            return _e164(text, region)
        case IdentifierType.EMAIL:
            return _address(text)
        case IdentifierType.CARD_NUMBER:
            # Printed in groups, and typed with or without the gaps.
            return "".join(text.split())
        case _:
            return text


_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _e164(text: str, region: str) -> str:
    number = _phone(text, region)
    if number is None and text.startswith("00"):
        # The international prefix of most countries, typed where it is another.
        number = _phone(f"+{text[2:]}", region)
    if number is None:
        raise InvalidIdentifier(_SENTENCES[IdentifierType.MOBILE], field="mobile")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    if any(character.isalpha() for character in text):
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_possible_number(number):
        return None
    return number


def _address(text: str) -> str:
    try:
        # .test is a top level for trying things out; nothing is ever sent there.
        found = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidIdentifier(_SENTENCES[IdentifierType.EMAIL], field="email") from None
    return found.normalized.lower()
