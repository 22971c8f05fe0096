"""The exported files in the report: one row per file, every number with its unit."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras_fer.evaluation.figures import number
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.markup import Html, element, joined

# column: (heading, what it means); columns that are not here keep their name.
_COLUMNS: dict[str, tuple[str, str]] = {
    "file": ("File", ""),
    "size_bytes": ("Size", ""),
    "agreement": (
        "Same answer",
        "share of images on which it is that of the Keras model",
    ),
    "max_difference": ("Largest difference", "of any probability from that of the Keras model, 0 to 1"),
    "accuracy": ("Accuracy", "on images with a label that training did not see"),
    "median_ms": ("Time", "median per image on the machine that exported, one thread"),
}
_SHARES = {"agreement", "accuracy"}


def export_table(rows: Sequence[Mapping[str, Any]]) -> Html | None:
    """A row per exported file, and what the columns mean; the columns are those of the first row.

    Args:
        rows: column names to values. A name that ends in `_bytes` or `_ms` says the unit of its numbers;
            `agreement` and `accuracy` are shares, 0 to 1.
    """
    if not rows:
        return None
    columns = list(rows[0])
    headings = [_COLUMNS.get(column, (column.replace("_", " "), ""))[0] for column in columns]
    cells = [[_cell(column, row.get(column)) for column in columns] for row in rows]
    legend = [
        element("li", element("b", heading), f": {meaning}.")
        for heading, meaning in (_COLUMNS[column] for column in columns if column in _COLUMNS)
        if meaning
    ]
    return joined(
        html_table(headings, cells, "exports", "exports"),
        element("ul", *legend, class_="legend") if legend else None,
    )


def _cell(column: str, value: Any) -> Html:
    if column == "file":
        return element("th", str(value), scope="row")
    if isinstance(value, bool):
        return element("td", "yes" if value else "no")
    if isinstance(value, str):
        return element("td", value)
    text = "–"
    if value is not None and math.isfinite(value):
        text = _number(column, value)
    return element("td", text, class_="count")


def _number(column: str, value: float) -> str:
    if column.endswith("_bytes"):
        return f"{value / 1000:,.0f} kB" if value >= 10_000 else f"{value:,} bytes"
    if column.endswith("_ms"):
        return f"{number(value)} ms"
    if column in _SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:,}" if isinstance(value, int) else number(value)
