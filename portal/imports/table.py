"""Reading a table that a spreadsheet wrote: forgiving of its form, strict about its content."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.imports.errors import UnusableFile

DELIMITERS = (",", ";", "\t")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record: the line it begins on, and its fields by column, without outer spaces."""

    line: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A record that cannot be imported, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file whose header has been understood. Lines are counted from 1, the header's included."""

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    line_count: int

    @property
    def decimal_comma(self) -> bool:
        """Whether a comma may be the decimal sign: only where it does not part the columns."""
        return self.delimiter != ","

    def records(self) -> Iterator[Row | BadRow]:
        """Each record after the header, one at a time, however long the file is.

        A record that cannot be parsed is one :class:`BadRow` however many lines
        an unclosed quote made it swallow: what stands inside quotes is never
        taken for a row.
        """
        with self.path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter=self.delimiter, strict=True)
            next(reader)
            while True:
                line = reader.line_num + 1
                try:
                    fields = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield BadRow(line=line, reason=_unparsed(error, line, reader.line_num))
                    continue
                if not any(field.strip() for field in fields):
                    continue
                if len(fields) != len(self.columns):
                    reason = f"it has {len(fields)} fields, the header has {len(self.columns)}"
                    yield BadRow(line=line, reason=reason)
                    continue
                cleaned = (field.strip() for field in fields)
                yield Row(line=line, fields=dict(zip(self.columns, cleaned, strict=True)))


def open_table(path: Path, *, required: Sequence[str]) -> Table:
    """Look through the whole file once: can it be decoded, and has it the columns it needs?

    Raises:
        UnusableFile: it is missing, empty, in another encoding, or lacks a
            column; the sentence says which and how to mend it.
    """
    line_count = _decodable_lines(path)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        # A header is one line in any file worth importing.
        header = stream.readline()
    found: dict[str, list[str]] = {}
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader(io.StringIO(header), delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        found[delimiter] = [name.strip().lower() for name in names]
    if not found or not any(any(names) for names in found.values()):
        raise UnusableFile("The first line must name the columns.", field="file")
    delimiter = max(found, key=lambda one: (len(set(required) & set(found[one])), len(found[one])))
    columns = found[delimiter]
    if missing := [name for name in required if name not in columns]:
        raise UnusableFile(
            f"{_columns(missing)} missing. The first line names: {', '.join(columns)}.",
            field="file",
        )
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise UnusableFile(f"The column {', '.join(twice)} is there twice.", field="file")
    if "" in columns:
        raise UnusableFile(f"Column {columns.index('') + 1} has no name.", field="file")
    return Table(path=path, delimiter=delimiter, columns=tuple(columns), line_count=line_count)


def _decodable_lines(path: Path) -> int:
    """How many lines the file has, having made sure that all of it is UTF-8."""
    number = 0
    try:
        with path.open("rb") as stream:
            if stream.peek(2)[:2] in UTF16_MARKS:
                raise UnusableFile(
                    "It is in UTF-16. Save it as “CSV UTF-8” and try again.", field="file"
                )
            for line in stream:
                number += 1
                line.decode("utf-8")
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        raise UnusableFile(
            f"Line {number} is not UTF-8 (byte 0x{wrong:02x}). "
            "Save it as “CSV UTF-8” and try again.",
            field="file",
        ) from error
    except FileNotFoundError as error:
        raise UnusableFile(f"There is no file {path}.", field="file") from error
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}.", field="file") from error
    if number == 0:
        raise UnusableFile("It is empty.", field="file")
    return number


def _columns(names: Sequence[str]) -> str:
    return f"The column {names[0]} is" if len(names) == 1 else f"The columns {', '.join(names)} are"


def _unparsed(error: csv.Error, first: int, last: int) -> str:
    text = str(error)
    if last > first:
        return f"lines {first} to {last} read as one, for a quote that is not closed: {text}"
    return f"it is not well-formed CSV: {text}"
