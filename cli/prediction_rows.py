"""Answers of `keras-fer predict` as rows of a table, lines of JSON or lines of CSV."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from keras_fer.runtime.answers import Answer

FORMATS = ("table", "json", "csv")
_COLUMNS = (
    *("path", "frame", "time_s", "track", "face", "num_faces", "left", "top", "right", "bottom", "score"),
    *("expression", "probability", "uncertain"),
)


def head(output_format: str, label_names: Sequence[str]) -> list[str]:
    """Returns the lines that come before all answers: the column names of CSV, else none."""
    return [_csv_line([*_COLUMNS, *label_names])] if output_format == "csv" else []


def renderer(
    output_format: str, label_names: Sequence[str], top: int, whole_images: bool
) -> "Callable[[Answer], list[str]]":
    """Returns what renders an answer.

    Args:
        output_format: one of `FORMATS`.
        label_names: of the model.
        top: expressions in a row of the table.
        whole_images: whether every image is one crop, so that boxes say nothing.
    """
    if output_format == "table":
        width, top = max(map(len, label_names)), min(top, len(label_names))
        return lambda answer: _table_rows(answer, width, top, whole_images)
    if output_format == "json":
        return lambda answer: [json.dumps(_without_box(record, whole_images)) for record in _records(answer)]
    return lambda answer: [
        _csv_line(_cells(_without_box(record, whole_images), label_names)) for record in _records(answer)
    ]


def _table_rows(answer: "Answer", width: int, top: int, whole_images: bool) -> list[str]:
    """Returns a row per face, most probable expression first."""
    place = click.format_filename(answer.source.name)
    if answer.frame is not None:
        place += f"  {answer.time_s:.2f} s"
    rows = []
    for face, prediction, track in answer.faces:
        cells = [f"{name:<{width}} {value:6.1%}" for name, value in prediction.top(top).items()]
        where = ""
        if not whole_images:
            left, upper, right, lower = map(round, face.box)
            who = f"face {track}" if answer.frame is None else f"person {track}"
            where = f"  {who}, {right - left} × {lower - upper} pixels at {left}, {upper}"
        mark = "  uncertain" if prediction.uncertain else ""
        rows.append(f"{'   '.join(cells)}   {place}{where}{mark}")
    return rows


def _records(answer: "Answer") -> list[dict[str, Any]]:
    """Returns a record per face; for a photo without a face one that says so."""
    place: dict[str, Any] = {"path": answer.source.name}
    if answer.frame is not None:
        place |= {"frame": answer.frame, "time_s": round(answer.time_s, 3)}
    records = []
    for position, (face, prediction, track) in enumerate(answer.faces, start=1):
        person = {} if answer.frame is None else {"track": track}
        records.append(
            place
            | person
            | {
                "face": position,
                "num_faces": len(answer.faces),
                "box": [round(side, 1) for side in face.box],
                "score": round(face.score, 3),
                "expression": prediction.expression,
                "probability": prediction.probability,
                "probabilities": prediction.probabilities,
                "uncertain": prediction.uncertain,
            }
        )
    if not records and answer.frame is None:
        nothing = ("face", "box", "score", "expression", "probability", "probabilities", "uncertain")
        records.append(place | {"num_faces": 0} | dict.fromkeys(nothing))
    return records


def _without_box(record: dict[str, Any], whole_images: bool) -> dict[str, Any]:
    """Leaves out what says nothing where every image is the crop of one face."""
    if not whole_images:
        return record
    useless = ("track", "face", "num_faces", "box", "score")
    return {name: value for name, value in record.items() if name not in useless}


def _cells(record: dict[str, Any], label_names: Sequence[str]) -> list[Any]:
    """Returns a record as the cells of a line of CSV; what it does not have is empty."""
    left, upper, right, lower = record.get("box") or [None] * 4
    cells = record | {"left": left, "top": upper, "right": right, "bottom": lower}
    cells["path"] = click.format_filename(record["path"])
    probabilities = record["probabilities"] or {}
    return [cells.get(name) for name in _COLUMNS] + [probabilities.get(name) for name in label_names]


def _csv_line(cells: Sequence[Any]) -> str:
    """Returns a line of CSV without its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
