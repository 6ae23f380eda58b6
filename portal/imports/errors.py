"""What can be wrong with a file as a whole."""

from portal.errors import InvalidInput


class UnusableFile(InvalidInput):
    """The file cannot be read as a table at all; nothing of it was imported."""

    code = "unusable_file"
    sentence = "This file cannot be imported."
