"""The sections of the report, each a function from results to HTML."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_fer.evaluation.cards import card, card_row
from keras_fer.evaluation.figures import interval_bar
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.markup import Html, element, joined
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.report_curves import training_curves
from keras_fer.evaluation.report_exports import export_table
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION
from keras_fer.evaluation.samples import Sample

__all__ = [
    "class_table",
    "configuration",
    "confusion_table",
    "export_table",
    "key_numbers",
    "notes",
    "probe_table",
    "sample_gallery",
    "training_curves",
]


def percent(share: float) -> str:
    """Writes a share for people, such as `"61.3 %"`; a dash for NaN."""
    return f"{100 * share:.1f} %" if math.isfinite(share) else "–"


def between(interval: Interval) -> str:
    """Writes an interval of shares, such as `"58.1 – 64.4 %"`; empty for NaN."""
    low, high = interval
    return f"{100 * low:.1f} – {100 * high:.1f} %" if math.isfinite(low) else ""


def key_numbers(evaluation: Evaluation) -> Html:
    """The scores that a reader looks for first, with their intervals."""
    chance = 1 / len(evaluation.label_names)
    cards = [
        card("Accuracy", percent(evaluation.accuracy), between(evaluation.accuracy_interval)),
        card(
            "Balanced accuracy",
            percent(evaluation.balanced_accuracy),
            between(evaluation.balanced_accuracy_interval),
        ),
        card("Macro F1", percent(evaluation.macro_f1), between(evaluation.macro_f1_interval)),
        card("Top 2", percent(evaluation.top_2_accuracy), "right among the two most probable"),
        card("Calibration error", percent(evaluation.expected_calibration_error), "0 % is perfect"),
    ]
    images = f"{evaluation.num_images:,} images"
    of_split = f" of the {evaluation.split} split" if evaluation.split else ""
    caption = (
        f"{images}{of_split}, {evaluation.view}. Guessing reaches a balanced accuracy of {percent(chance)}. "
        "Ranges are 95 % intervals: other images of this kind would give a score about there."
    )
    return joined(card_row(cards), element("p", caption, class_="caption"))


def notes(sentences: Sequence[str]) -> Html | None:
    """A list of remarks."""
    if not sentences:
        return None
    return element("ul", *(element("li", sentence) for sentence in sentences), class_="notes")


def class_table(evaluation: Evaluation) -> Html:
    """Recall, precision and F1 of every class, with intervals."""
    rows = []
    for scores in evaluation.classes:
        shares = [
            (scores.recall, scores.recall_interval),
            (scores.precision, scores.precision_interval),
            (scores.f1, scores.f1_interval),
        ]
        cells = [
            element(
                "td",
                element("span", percent(value), class_="figure"),
                interval_bar(value, *interval),
                element("small", between(interval)),
            )
            for value, interval in shares
        ]
        rows.append([element("th", scores.name, scope="row"), _count(scores.support), *cells])
    table = html_table(["Class", "Images", "Recall", "Precision", "F1"], rows, "per-class", "per-class")
    caption = (
        "Recall: how many of the images of a class are found. Precision: how many of the images given this "
        "class belong to it. The line shows the 95 % interval on the way from 0 to 100 %."
    )
    return joined(table, element("p", caption, class_="caption"))


def _count(value: int) -> Html:
    return element("td", f"{value:,}", class_="count")


def confusion_table(evaluation: Evaluation) -> Html:
    """Counts and row shares of labels against predictions."""
    names = evaluation.label_names
    head_cells = [element("th", element("span", name), scope="col") for name in names]
    corner = element("th", element("small", "label ↓ prediction →"), class_="corner")
    rows = [element("tr", corner, *head_cells)]
    for row, name in enumerate(names):
        counts = evaluation.confusion[row]
        cells = [_confusion_cell(row, column, counts, names) for column in range(len(names))]
        rows.append(element("tr", element("th", name, scope="row"), *cells))
    table = element("table", *rows, class_="confusion")
    caption = (
        "A row is a class of the images, a column what the model says: the share of the row in percent, the "
        "number of images below it. The diagonal holds the right answers."
    )
    scroll = element("div", table, class_="scroll", tabindex=0, role="region", aria_label="Confusion matrix")
    return joined(scroll, element("p", caption, class_="caption"))


def _confusion_cell(row: int, column: int, counts: Any, names: Sequence[str]) -> Html:
    count, total = int(counts[column]), int(counts.sum())
    share = count / total if total else 0.0
    kind = "hit" if row == column else "miss"
    if share > 0.5:
        kind += " strong"
    return element(
        "td",
        element("b", f"{100 * share:.0f}" if count else "·"),
        element("small", f"{count:,}") if count else None,
        class_=kind,
        style=f"--share:{share:.3f}",
        title=f"{names[row]} taken for {names[column]}: {count:,} of {total:,}",
    )


def probe_table(probes: Sequence[RepresentationProbe]) -> Html:
    """What fresh probes find in each representation, beside chance, control and floors."""
    rows = []
    for row in probes:
        result = row.result
        best = max(result.linear_mean, result.mlp_mean)
        name = row.representation.removesuffix("_representation").replace("_", " ")
        rows.append(
            [
                element("th", row.model, element("small", "floor") if row.floor else None, scope="row"),
                element("td", name.replace("non expression", "non-expression")),
                _spread(result.linear_mean, result.linear_sd),
                _spread(result.mlp_mean, result.mlp_sd),
                element("td", interval_bar(best, result.chance, best, chance=result.chance)),
                element("td", f"{result.leakage:.2f}", class_="count"),
                _spread(result.control_mean, result.control_sd),
                element("td", f"{row.effective_rank:.1f} of {row.width}", class_="count"),
            ]
        )
    columns = ["Model", "Representation", "Linear", "MLP", "Chance to 100 %", "Leakage", "Control"]
    table = html_table([*columns, "Effective rank"], rows, "probes", "probes")
    return joined(
        table, element("ul", *(element("li", text) for text in _probe_legend(probes)), class_="legend")
    )


def _spread(mean: float | None, deviation: float | None) -> Html:
    if mean is None:
        return element("td", "–", class_="count")
    spread = element("small", f"± {100 * deviation:.1f}") if deviation else None
    return element("td", percent(mean), spread, class_="count")


def _probe_legend(probes: Sequence[RepresentationProbe]) -> Iterator[str]:
    result = probes[0].result
    yield (
        "A probe is a classifier trained afresh on the frozen representation and judged, by balanced "
        f"accuracy, on images that neither it nor the encoder saw ({result.num_train:,} to learn from, "
        f"{result.num_test:,} to be judged on, {result.num_seeds} seeds, ± one standard deviation)."
    )
    yield (
        f"Chance, here {percent(result.chance)}, is what a probe reaches that knows nothing; leakage is the "
        "stronger probe on the scale from chance (0) to perfect (1)."
    )
    yield (
        "Control: the stronger probe, trained on shuffled labels; how far it is from chance is the noise of "
        "the measurement."
    )
    if any(row.representation == EXPRESSION_REPRESENTATION for row in probes):
        yield "In the expression representation the expression is meant to be found; elsewhere it leaks."
    if any(row.floor for row in probes):
        yield (
            "A floor is the same measurement on a network that never learned: knowing less than it takes "
            "removal, knowing as much does not."
        )
    yield (
        "Effective rank: how many directions the representation uses; low leakage at a rank near 1 is an "
        "emptied representation, not a disentangled one."
    )


def sample_gallery(samples: Sequence[Sample]) -> Html | None:
    """Images with what the model says, wrong answers apart from right ones."""
    if not samples:
        return None
    right = [sample for sample in samples if sample.label == sample.prediction]
    wrong = [sample for sample in samples if sample.label != sample.prediction]
    parts = []
    for title, group in (
        ("Right, drawn at random", right),
        ("Wrong, the most confident of each class", wrong),
    ):
        if group:
            parts.append(element("h3", title))
            parts.append(element("div", *(_sample(sample) for sample in group), class_="gallery"))
    return joined(*parts)


def _sample(sample: Sample) -> Html:
    right = sample.label == sample.prediction
    mark = element("span", "✓" if right else "✗", class_="right" if right else "wrong", aria_hidden="true")
    label = None if right else element("div", f"label: {sample.label}", class_="label")
    description = f"{sample.label}, predicted {sample.prediction}"
    return element(
        "figure",
        element("img", src=sample.data_uri(), alt=description, width=96, height=96, loading="lazy"),
        element(
            "figcaption",
            element("div", mark, f" {sample.prediction}"),
            label,
            element("div", percent(sample.probability), class_="probability"),
        ),
    )


def configuration(config: Mapping[str, Any]) -> Html | None:
    """The whole configuration, folded away."""
    if not config:
        return None
    rows = [[element("th", name, scope="row"), element("td", value)] for name, value in _flattened(config)]
    return element(
        "details",
        element("summary", f"{len(rows)} values"),
        html_table(["Name", "Value"], rows, "configuration", "configuration"),
    )


def _flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            yield f"{prefix}{name}", text
