"""Comma-separated lists as data sets ship them: any line ends, with or without a byte order mark."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_fer.errors import FERError


@dataclass(frozen=True)
class Table:
    """A CSV file read row by row, cells found by column name.

    Args:
        path: the file.
        columns: names of the columns, lower case, in the order of the file.
        has_header: whether the first row holds the names.
    """

    path: Path
    columns: tuple[str, ...]
    has_header: bool

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Yields number and cells of each row that is not blank.

        The number is what a spreadsheet shows: 1 for the first row, header included. Cells are
        stripped; they are None if the row has fewer cells than there are columns.

        Raises:
            FERError: if the file cannot be read to its end as CSV.
        """
        for number, row in raw_rows(self.path):
            if number == 1 and self.has_header:
                continue
            if len(row) < len(self.columns):
                yield number, None
            else:
                yield (
                    number,
                    {name: cell.strip() for name, cell in zip(self.columns, row, strict=False) if name},
                )

    def require(self, names: Sequence[str], source: str) -> None:
        """Raises `FERError` unless the table has all the columns `names`, and none of its columns twice."""
        if missing := [name for name in names if name not in self.columns]:
            raise FERError(
                f"{str(self.path)!r} is no list of {source}: it lacks the column(s) {', '.join(missing)}. "
                f"Received columns: {', '.join(column[:40] for column in self.columns[:20]) or 'none'}"
            )
        if twice := sorted({name for name in self.columns if name and self.columns.count(name) > 1}):
            raise FERError(f"{str(self.path)!r} names the column(s) {', '.join(twice)} more than once.")


def open_table(path: Path, default_columns: Sequence[str] = ()) -> Table:
    """Reads the header of a CSV file.

    Args:
        path: the file.
        default_columns: names of the columns of a copy without header. It counts as having one if
            its first row holds the first of these names; without default columns it must have one.

    Raises:
        FERError: if the file cannot be read or is empty.
    """
    first = next((row for _, row in raw_rows(path)), None)
    if first is None:
        raise FERError(f"{str(path)!r} is empty; a list with one row per image was expected.")
    names = tuple(cell.strip().lower() for cell in first)
    if default_columns and default_columns[0].lower() not in names:
        return Table(path, tuple(name.lower() for name in default_columns), has_header=False)
    return Table(path, names, has_header=True)


def raw_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields number and cells of each row of a CSV file that is not blank.

    Raises:
        FERError: if the file cannot be opened, is not UTF-8, or is not CSV. An open quotation mark
            is an error too: it would swallow the rows after it.
    """
    number = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            for number, row in enumerate(csv.reader(stream, strict=True), start=1):
                if any(cell.strip() for cell in row):
                    yield number, row
    except UnicodeDecodeError as error:
        raise FERError(f"{str(path)!r} is not UTF-8 text ({error.reason}): save it as UTF-8.") from error
    except csv.Error as error:
        raise FERError(f"{str(path)!r} is not valid CSV after row {number}: {error}.") from error
    except OSError as error:
        raise FERError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error


def number(text: str) -> float:
    """Returns a cell as a finite float, NaN if it is none (`"NULL"`, empty, `"inf"`)."""
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if abs(value) < float("inf") else float("nan")


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields number, from 1, and text of each line of a UTF-8 file that is not blank.

    Raises:
        FERError: if the file cannot be opened or is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig") as stream:
            for number_, line in enumerate(stream, start=1):
                if line.strip():
                    yield number_, line.strip()
    except UnicodeDecodeError as error:
        raise FERError(f"{str(path)!r} is not UTF-8 text ({error.reason}): save it as UTF-8.") from error
    except OSError as error:
        raise FERError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
