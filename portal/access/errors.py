"""What sign-in, sessions and keys refuse with."""

from portal.errors import Conflict, InvalidInput, NotFound, PortalError, Unauthenticated


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
