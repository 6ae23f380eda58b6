import pytest

from portal.imports.errors import UnusableFile
from portal.imports.table import BadRow, Row, open_table

REQUIRED = ("a", "b")


def write(tmp_path, content):
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def records(tmp_path, content):
    return list(open_table(write(tmp_path, content), required=REQUIRED).records())


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_table_is_read_however_the_spreadsheet_wrote_it(tmp_path, mark, delimiter, end):
    lines = (" A ", "c", "B"), (" 1 ", "x", "2"), ("3", "", "4")
    content = mark + "".join(delimiter.join(line) + end for line in lines)
    assert records(tmp_path, content) == [
        Row(line=2, fields={"a": "1", "c": "x", "b": "2"}),
        Row(line=3, fields={"a": "3", "c": "", "b": "4"}),
    ]


def test_a_quoted_newline_stays_one_row_and_lines_go_on_counting(tmp_path):
    first, second = records(tmp_path, 'a,b\n"one\ntwo","x ""y"""\n3,4\n')
    assert first == Row(line=2, fields={"a": "one\ntwo", "b": 'x "y"'})
    assert second == Row(line=4, fields={"a": "3", "b": "4"})


def test_empty_lines_are_no_rows(tmp_path):
    assert [row.line for row in records(tmp_path, "a,b\n\n1,2\n , \n\n3,4\n")] == [3, 6]


def test_a_row_with_another_number_of_fields_is_bad_and_stops_nothing(tmp_path):
    found = records(tmp_path, "a,b\n1\n1,2,3\n4,5\n")
    assert [type(row) for row in found] == [BadRow, BadRow, Row]
    assert found[0] == BadRow(line=2, reason="it has 1 fields, the header has 2")


def test_what_an_unclosed_quote_swallows_is_never_taken_for_rows(tmp_path):
    found = records(tmp_path, 'a,b\n1,2\n"open,3\n4,5\n')
    assert found[0] == Row(line=2, fields={"a": "1", "b": "2"})
    assert [row.line for row in found[1:]] == [3]
    assert isinstance(found[1], BadRow)
    assert "lines 3 to 4" in found[1].reason


def test_text_behind_a_closing_quote_is_a_bad_row(tmp_path):
    found = records(tmp_path, 'a,b\n"x"y,2\n3,4\n')
    assert isinstance(found[0], BadRow)
    assert found[1] == Row(line=3, fields={"a": "3", "b": "4"})


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "It is empty."),
        (b"\n\n", "first line must name the columns"),
        (b"a,c\n1,2\n", "The column b is missing. The first line names: a, c."),
        (b"x;y\n1;2\n", "The columns a, b are missing. The first line names: x, y."),
        (b"a,b,a\n", "The column a is there twice."),
        (b"a,b,\n", "Column 3 has no name."),
        ("a,b\nå,2\n".encode("utf-16"), "It is in UTF-16"),
        ("a,b\n1,2\nInês,3\n".encode("latin-1"), "Line 3 is not UTF-8 (byte 0xea)"),
    ],
)
def test_a_file_that_cannot_be_read_says_how_to_mend_it(tmp_path, content, says):
    with pytest.raises(UnusableFile) as refused:
        open_table(write(tmp_path, content), required=REQUIRED)
    assert says in refused.value.detail


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnusableFile, match=r"There is no file .*gone\.csv"):
        open_table(tmp_path / "gone.csv", required=REQUIRED)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(UnusableFile, match="cannot be read"):
        open_table(tmp_path, required=REQUIRED)
