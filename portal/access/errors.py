"""What sign-in, sessions and keys refuse with."""

from portal.errors import (
    Conflict,
    InvalidInput,
    Kind,
    NotFound,
    PortalError,
    TooMany,
    Unauthenticated,
)


class SignInExpired(PortalError):
    """The sign-in took too long, was finished already, or belongs to another browser."""

    code = "sign_in_expired"
    sentence = "That took too long. Please start again."


class NoDestination(PortalError):
    """A code is needed, and there is no proven phone or e-mail to send it to."""

    code = "no_destination"
    sentence = "There is no phone or e-mail to send a code to. Please ask in a store."


class SessionNotFound(NotFound):
    """No such open session of this member."""

    code = "session_not_found"
    sentence = "That sign-in has ended already."


class BadKey(Unauthenticated):
    """No key, a mistyped one, an unknown one or a revoked one; which, is not said."""

    code = "bad_key"
    sentence = "Give a valid key as “Authorization: Bearer ptl_…”."


class KeyNotFound(NotFound):
    """No key by that id."""

    code = "key_not_found"
    sentence = "There is no such key."


class TooManyKeys(Conflict):
    """A client has two valid keys at most: the old one and the one that replaces it."""

    code = "too_many_keys"
    sentence = "This client has two keys already. Revoke one first."


class InvalidKey(InvalidInput):
    """Something asked for a new key cannot be."""

    code = "invalid_key"
    sentence = "Some of what was asked for this key is not right."


class MemberCodeMalformed(InvalidInput):
    """What was typed or scanned cannot be a member's code; it is not counted as a miss."""

    code = "member_code_malformed"
    legacy_code = 808
    sentence = "A member code is sixteen digits. Please check it and type it again."


class MemberCodeRefused(PortalError):
    """The member's code is not accepted. Each reason has a class of its own below."""

    code = "member_code_refused"
    kind = Kind.REFUSED
    legacy_code = 808
    sentence = "That member code is not accepted. Ask the member for the one that shows now."


class WrongMemberCode(MemberCodeRefused):
    """It is nobody's: guessed, or from before its owner renewed their codes."""

    code = "wrong_member_code"
    sentence = "That is no member's code. Please scan the one that shows on their page now."


class MemberCodeExpired(MemberCodeRefused):
    """It is a member's, and not the one of now."""

    code = "member_code_expired"
    sentence = "That member code is not the present one. Please scan the one that shows now."


class MemberCodeUsed(MemberCodeRefused):
    """It was accepted once already, or a later one was; ``next_at`` is when another counts."""

    code = "member_code_used"
    sentence = "That member code was used already. Please scan the next one, in half a minute."


class TooManyWrongMemberCodes(TooMany):
    """Too many codes that are nobody's; ``retry_after_seconds`` is among the facts."""

    code = "too_many_wrong_member_codes"
    sentence = "Too many wrong member codes. Use the card number, or wait a while."
