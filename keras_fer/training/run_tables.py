"""The tables that a report is given, kept so that they stand in the next one too."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_fer.errors import FERError
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.field_types import fits
from keras_fer.training.run_folder import read_json, write_json

_CELL = str | int | float | bool | None


class RunTables(NamedTuple):
    """Rows of `measure_leakage`, and one row per exported file: column names to values."""

    probes: list[RepresentationProbe]
    exports: list[Mapping[str, Any]]


def read_tables(path: Path) -> RunTables:
    """Returns what `write_tables` left; nothing where there is no file.

    Raises:
        FERError: if it is damaged.
    """
    if not path.is_file():
        return RunTables([], [])
    tables = read_json(path)
    try:
        probes, exports = tables.get("probes", []), tables.get("exports", [])
        if not fits(Sequence[Mapping[str, _CELL]], exports) or len({tuple(row) for row in exports}) > 1:
            raise ValueError("its exports are no rows of the same columns")
        return RunTables([RepresentationProbe.from_dict(row) for row in probes], list(exports))
    except (FERError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise FERError(f"{str(path)!r} cannot be read ({error}); remove it.") from error


def write_tables(path: Path, tables: RunTables) -> None:
    """Writes both tables; the file appears whole or not at all."""
    write_json(
        path,
        {
            "probes": [row.to_dict() for row in tables.probes],
            "exports": [dict(row) for row in tables.exports],
        },
    )
