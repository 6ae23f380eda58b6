"""What codes and limits refuse with."""

from portal.errors import InvalidInput, Kind, PortalError, TooMany


class CodeMalformed(InvalidInput):
    """What was typed cannot be a code at all; it is not counted as a try."""

    code = "code_malformed"
    legacy_code = 808
    sentence = "A code is six digits. Please check it and type it again."


class CodeRefused(PortalError):
    """The code is not accepted. Each reason has a class of its own below.

    Which reason it is tells nothing about whether the digits were right: a
    code that can no longer be used is never compared.
    """

    code = "code_refused"
    kind = Kind.REFUSED
    legacy_code = 808
    sentence = "That code is not accepted. Please ask for a new one."


class WrongCode(CodeRefused):
    """The digits are wrong, or belong to something else; ``tries_left`` says how often more."""

    code = "wrong_code"
    sentence = "That is not the code we sent. Please check it and try again."


class CodeExpired(CodeRefused):
    """Its five minutes are over, or there never was one."""

    code = "code_expired"
    sentence = "That code is no longer valid. Please ask for a new one."


class TriesUsedUp(CodeRefused):
    """Five tries were made; the right digits no longer help."""

    code = "code_tries_used_up"
    sentence = "That was tried too often. Please ask for a new code."


class CodeUsed(CodeRefused):
    """It was accepted once already, or a newer one took its place."""

    code = "code_used"
    sentence = "That code was used already. Please ask for a new one."


class LimitReached(TooMany):
    """A counted limit is used up; ``limit`` and ``retry_after_seconds`` are among the facts."""

    code = "limit_reached"
    sentence = "That was asked too often. Please wait a while and try again."


class TooManyCodes(TooMany):
    """No further code can be sent yet; ``retry_after_seconds`` is among the facts."""

    code = "too_many_codes"
    legacy_code = 860
    sentence = "A new code cannot be sent yet. Please wait a moment and ask again."
