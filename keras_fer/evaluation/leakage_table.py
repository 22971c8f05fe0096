"""The leakage matrix as text: factors below each other, representations beside each other."""

import math
from collections.abc import Sequence

from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage_matrix import LeakageMatrix, LeakageSummary, MatrixColumn, MatrixFactor

SUMMARY_NAMES = {
    "leakage": ("Leakage", "expression left in the non-expression representation; lower is better"),
    "relative_leakage": ("Relative leakage", "the same as a share of what the face features tell"),
    "retention": ("Retention", "expression kept in the expression representation; higher is better"),
    "utility": ("Utility", "nuisance kept in the non-expression representation; higher is better"),
    "nuisance_leakage": (
        "Nuisance leakage",
        "nuisance left in the expression representation; lower is better",
    ),
    "disentanglement_score": ("Disentanglement", "½ (retention − leakage) + ½ (utility − nuisance leakage)"),
}


def leakage_table(matrix: LeakageMatrix) -> str:
    """Returns the matrix, its summary and its notes as text for a terminal."""
    train, test = matrix.splits
    head = (
        f"{matrix.model}: probes on {matrix.num_train} images of the {train} split, judged on "
        f"{matrix.num_test} of the {test} split."
    )
    lines = [head, "0 is chance, 1 is perfect; ± is half of the 95 % interval.", ""]
    for floor, title in ((False, ""), (True, "Floors, which never learned:")):
        columns = [column for column in matrix.columns if column.floor == floor]
        if columns:
            lines += [*([title] if title else []), *_block(matrix, columns), ""]
    lines += _summary(matrix.summary)
    return "\n".join([*lines, *(f"Note: {note}" for note in matrix.notes)]).rstrip()


def factor_title(matrix: LeakageMatrix, factor: MatrixFactor) -> str:
    """Returns a factor for people, with what its score is: `"glasses, 3 classes"`, `"pose, R²"`."""
    result = matrix.probe(matrix.columns[0], factor.name).result
    name = factor.name.replace("_", " ")
    return f"{name}, {result.num_classes} classes" if result.num_classes else f"{name}, R²"


def half_width(interval: Interval) -> float:
    """Returns half of the width of an interval; NaN for one that is not known."""
    return (interval.high - interval.low) / 2


def _block(matrix: LeakageMatrix, columns: Sequence[MatrixColumn]) -> list[str]:
    titles = [factor_title(matrix, factor) for factor in matrix.factors]
    first = max(map(len, [*titles, "effective rank"]))
    headings = [f"{column.model} {column.title}" if column.floor else column.title for column in columns]
    widths = [max(len(heading), 12) for heading in headings]
    lines = [
        " " * first + "".join(f"  {text:>{width}}" for text, width in zip(headings, widths, strict=True))
    ]
    for factor, title in zip(matrix.factors, titles, strict=True):
        cells = [_cell(matrix, column, factor) for column in columns]
        lines.append(_line(title, cells, first, widths))
    ranks = [f"{column.effective_rank:.1f} of {column.width}" for column in columns]
    return [*lines, _line("effective rank", ranks, first, widths)]


def _line(title: str, cells: Sequence[str], first: int, widths: Sequence[int]) -> str:
    return f"{title:<{first}}" + "".join(
        f"  {cell:>{width}}" for cell, width in zip(cells, widths, strict=True)
    )


def _cell(matrix: LeakageMatrix, column: MatrixColumn, factor: MatrixFactor) -> str:
    result = matrix.probe(column, factor.name).result
    spread = half_width(result.leakage_interval)
    return f"{result.leakage:.2f}" + (f" ±{spread:.2f}" if math.isfinite(spread) else "")


def _summary(summary: LeakageSummary) -> list[str]:
    lines = []
    for name, (title, meaning) in SUMMARY_NAMES.items():
        value = getattr(summary, name)
        lines.append(f"{title:<17}{'-' if value is None else f'{value:.2f}':>6}  {meaning}")
    if summary.nuisance_factors:
        factors = ", ".join(name.replace("_", " ") for name in summary.nuisance_factors)
        lines.append(f"Nuisance factors: {factors}.")
    return lines
