"""Bringing in what other systems know, from files."""

from portal.imports.errors import UnusableFile
from portal.imports.purchases import Summary, errors_path, import_purchases

__all__ = ["Summary", "UnusableFile", "errors_path", "import_purchases"]
