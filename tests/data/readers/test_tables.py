import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers.tables import number, open_table, text_lines
from keras_fer.errors import FERError


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_line_ends_and_byte_order_marks(tmp_path, trees, newline, encoding):
    lines = [" Name,b", "", "ä , 2", ",", '"x,1",3,4']
    path = trees.write_text(tmp_path / "a.csv", *lines, newline=newline, encoding=encoding)
    table = open_table(path)
    assert table.columns == ("name", "b")
    # Numbers are those of a spreadsheet; blank rows are left out.
    assert list(table.rows()) == [(3, {"name": "ä", "b": "2"}), (5, {"name": "x,1", "b": "3"})]


def test_short_rows_are_none(tmp_path, trees):
    table = open_table(trees.write_text(tmp_path / "a.csv", "a,b,c", "1,2", "1,2,"))
    assert list(table.rows()) == [(2, None), (3, {"a": "1", "b": "2", "c": ""})]


def test_default_columns_stand_in_for_a_missing_header(tmp_path, trees):
    path = trees.write_text(tmp_path / "a.csv", "x.jpg,3")
    table = open_table(path, ("Path", "label"))
    assert not table.has_header
    assert list(table.rows()) == [(1, {"path": "x.jpg", "label": "3"})]
    assert open_table(trees.write_text(path, "label,PATH", "3,x.jpg"), ("Path", "label")).has_header


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "is empty"),
        ("path\n\xe9".encode("latin-1"), "is not UTF-8 text .+: save it as UTF-8"),
        ("path\nx".encode("utf-16"), "is not UTF-8 text"),
        (b'path\n"x', "is not valid CSV after row 1"),
    ],
)
def test_files_that_are_no_table(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(FERError, match=message):
        list(open_table(tmp_path / "a.csv").rows())


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FERError, match="cannot be read: No such file"):
        open_table(tmp_path / "a.csv")
    with pytest.raises(FERError, match="cannot be read: Is a directory"):
        list(text_lines(tmp_path))


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), (" -2.5 ", -2.5), ("NULL", None), ("", None), ("inf", None), ("1e999", None)],
)
def test_numbers(text, value):
    assert math.isnan(number(text)) if value is None else number(text) == value


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_rows_or_one_error(table_path, content):
    table_path.write_bytes(content)
    try:
        table = open_table(table_path)
        for _, cells in table.rows():
            assert cells is None or set(cells) == set(table.columns) - {""}
        list(text_lines(table_path))
    except FERError:
        return


@pytest.fixture(scope="module")
def table_path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "a.csv"
