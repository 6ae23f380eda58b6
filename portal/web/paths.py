"""Where a person may be sent next: only to a page of ours."""

from urllib.parse import urlsplit

PATH_LENGTH_MAX = 2000


def local(wanted: str | None) -> str | None:
    """``wanted`` if it is a path on this host, else None.

    Refuses every way to write another host: a scheme, ``//host``, backslashes
    that browsers read as slashes, and control characters that they drop.
    """
    if not wanted or len(wanted) > PATH_LENGTH_MAX or not wanted.startswith("/"):
        return None
    if wanted.startswith(("//", "/\\")) or "\\" in wanted:
        return None
    if any(ord(character) < 33 or ord(character) == 127 for character in wanted):
        return None
    parts = urlsplit(wanted)
    return wanted if not parts.scheme and not parts.netloc else None
