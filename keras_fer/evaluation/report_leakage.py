"""The leakage matrix as a picture: a heat map, what it comes to, and every interval."""

import math
from collections.abc import Iterator, Sequence

from keras_fer.evaluation.cards import card, card_row
from keras_fer.evaluation.figures import interval_bar
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_matrix import LeakageMatrix, MatrixColumn, MatrixFactor
from keras_fer.evaluation.leakage_table import SUMMARY_NAMES, factor_title
from keras_fer.evaluation.markup import Html, element, joined

_CELL_WIDTH, _CELL_HEIGHT, _GAP = 118, 46, 3
_LABEL_WIDTH, _HEAD_HEIGHT, _RANK_HEIGHT, _FLOOR_GAP = 150, 48, 30, 20


def matrix_section(matrix: LeakageMatrix) -> Html:
    """The summary, the heat map, what it means, and a table of every probe."""
    return joined(
        _cards(matrix),
        element(
            "div",
            heat_map(matrix),
            class_="scroll",
            tabindex=0,
            role="region",
            aria_label="Leakage matrix",
        ),
        element("ul", *(element("li", text) for text in _legend(matrix)), class_="legend"),
        element(
            "details",
            element("summary", "Every probe with its interval"),
            *(_factor_table(matrix, factor) for factor in matrix.factors),
        ),
    )


def heat_map(matrix: LeakageMatrix) -> Html:
    """Draws factors as rows and representations as columns; a cell holds the leakage and its interval."""
    columns = matrix.columns
    marks: list[Html] = []
    for column, x in zip(columns, _places(columns), strict=True):
        marks += _heading(column, x)
        for row, factor in enumerate(matrix.factors):
            marks.append(_cell(matrix.probe(column, factor.name), x, _HEAD_HEIGHT + row * _CELL_HEIGHT))
        below = _HEAD_HEIGHT + len(matrix.factors) * _CELL_HEIGHT + 18
        rank = f"{column.effective_rank:.1f} of {column.width}"
        marks.append(element("text", rank, class_="small", x=_middle(x), y=below, text_anchor="middle"))
    for row, factor in enumerate(matrix.factors):
        marks += _row_label(matrix, factor, _HEAD_HEIGHT + row * _CELL_HEIGHT)
    height = _HEAD_HEIGHT + len(matrix.factors) * _CELL_HEIGHT + _RANK_HEIGHT
    marks.append(element("text", "effective rank", class_="small", x=0, y=height - 12))
    width = _places(columns)[-1] + _CELL_WIDTH
    return element(
        "svg",
        *marks,
        class_="heat",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
        aria_label=f"Leakage of {len(matrix.factors)} factors from {len(columns)} representations",
    )


def _places(columns: Sequence[MatrixColumn]) -> list[int]:
    """Left edges of the columns; the floors stand apart."""
    return [
        _LABEL_WIDTH + number * _CELL_WIDTH + (_FLOOR_GAP if column.floor else 0)
        for number, column in enumerate(columns)
    ]


def _middle(x: int) -> float:
    return x + (_CELL_WIDTH - _GAP) / 2


def _heading(column: MatrixColumn, x: int) -> list[Html]:
    above = f"floor: {column.model}" if column.floor else ""
    return [
        element("text", above, class_="small", x=_middle(x), y=16, text_anchor="middle"),
        element("text", column.title, class_="name", x=_middle(x), y=34, text_anchor="middle"),
    ]


def _row_label(matrix: LeakageMatrix, factor: MatrixFactor, y: int) -> list[Html]:
    name, _, detail = factor_title(matrix, factor).partition(", ")
    return [
        element("text", name, class_="name", x=0, y=y + 20),
        element("text", detail, class_="small", x=0, y=y + 35),
    ]


def _cell(probe: RepresentationProbe, x: int, y: int) -> Html:
    result = probe.result
    share = _on_scale(result.leakage)
    words = f"{probe.factor} from {probe.representation} of {probe.model}: {result.leakage:.3f}"
    middle = _middle(x)
    return element(
        "g",
        element("title", f"{words}{_between(result.leakage_interval, ', 95 % interval ')}"),
        element("rect", x=x, y=y, width=_CELL_WIDTH - _GAP, height=_CELL_HEIGHT - _GAP, rx=6),
        element("text", f"{result.leakage:.2f}", class_="value", x=middle, y=y + 20, text_anchor="middle"),
        element(
            "text",
            _between(result.leakage_interval),
            class_="range",
            x=middle,
            y=y + 35,
            text_anchor="middle",
        ),
        class_="cell",
        style=f"--share:{share:.3f}",
    )


def _between(interval: Interval, before: str = "") -> str:
    low, high = interval
    return f"{before}{low:.2f} – {high:.2f}" if math.isfinite(low) else ""


def _cards(matrix: LeakageMatrix) -> Html:
    """What the matrix comes to; what was not measured has no card."""
    summary = matrix.summary
    intervals = {"leakage": summary.leakage_interval, "retention": summary.retention_interval}
    cards = []
    for name, (title, meaning) in SUMMARY_NAMES.items():
        value = getattr(summary, name)
        if value is None:
            continue
        interval = intervals.get(name)
        cards.append(card(title, f"{value:.2f}", _between(interval) if interval else None, meaning))
    return card_row(cards)


def _legend(matrix: LeakageMatrix) -> Iterator[str]:
    train, test = matrix.splits
    # Halves of a single split may be what the encoder was trained on; a note says so.
    unseen = "" if train == test else ", which the encoder did not learn from"
    yield (
        "A cell says how much of the factor on the left a fresh probe reads from the frozen representation "
        "above, on the scale from chance (0) to perfect (1): the stronger of a linear and an MLP probe, by "
        "balanced accuracy where there are classes, else by R². Below it the 95 % interval."
    )
    yield (
        f"The probes learned from {matrix.num_train:,} images of the {train} split and were judged on "
        f"{matrix.num_test:,} of the {test} split{unseen}."
    )
    if any(factor.within_people for factor in matrix.factors):
        yield (
            "Identity is told between people that the encoder never saw: a probe learned from one half of "
            "their images and was judged on the other."
        )
    if any(column.floor for column in matrix.columns):
        yield (
            "A floor never learned: the same network with random weights, and gray pixels averaged to "
            "16 × 16. Of a network that has learned the expression, knowing less than a floor takes removal; "
            "knowing as much does not."
        )
    if matrix.summary.nuisance_factors:
        names = ", ".join(name.replace("_", " ") for name in matrix.summary.nuisance_factors)
        yield f"Utility and nuisance leakage are means over {names}."


def _factor_table(matrix: LeakageMatrix, factor: MatrixFactor) -> Html:
    """Both probes, control and interval of every representation for one factor."""
    probes = [matrix.probe(column, factor.name) for column in matrix.columns]
    dimensions = any(probe.result.dimensions for probe in probes)
    columns = ["Representation", "Linear", "MLP", "Chance", "Control", "Leakage", "95 % interval from 0 to 1"]
    columns += ["R² by dimension"] if dimensions else []
    rows = [
        _probe_row(column, probe, dimensions) for column, probe in zip(matrix.columns, probes, strict=True)
    ]
    result = probes[0].result
    caption = (
        f"{result.num_train:,} images to learn from, {result.num_test:,} to be judged on, of "
        f"{result.num_clusters:,} people or single images; seeds: {result.num_seeds}, of floors "
        f"{probes[-1].result.num_seeds}."
    )
    title = factor_title(matrix, factor)
    return joined(
        element("h3", title[:1].upper() + title[1:]),
        html_table(columns, rows, f"probes of {factor.name}", "probes"),
        element("p", caption, class_="caption"),
    )


def _probe_row(column: MatrixColumn, probe: RepresentationProbe, dimensions: bool) -> list[Html]:
    result = probe.result
    value, low, high = map(_on_scale, (result.leakage, *result.leakage_interval))
    cells = [
        element("th", column.title, element("small", column.model) if column.floor else None, scope="row"),
        _score(result.linear_mean, 0.0),
        _score(result.mlp_mean, result.mlp_sd),
        _score(result.chance, 0.0),
        _score(result.control_mean, result.control_sd),
        element("td", f"{result.leakage:.2f}", class_="count"),
        element(
            "td",
            interval_bar(value, low, high),
            element("small", _between(result.leakage_interval)),
            class_="count",
        ),
    ]
    if dimensions:
        scores = ", ".join(f"{name} {score:.2f}" for name, score in result.dimensions.items())
        cells.append(element("td", element("small", scores)))
    return cells


def _on_scale(value: float) -> float:
    """Moves noise below chance to 0; NaN stays NaN."""
    return value if math.isnan(value) else min(1.0, max(0.0, value))


def _score(mean: float | None, deviation: float | None) -> Html:
    if mean is None:
        return element("td", "–", class_="count")
    spread = element("small", f"± {deviation:.2f}") if deviation else None
    return element("td", f"{mean:.3f}", spread, class_="count")
