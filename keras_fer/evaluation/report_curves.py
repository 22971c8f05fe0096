"""Training curves of the report: one small chart per quantity, training beside validation."""

import math
from collections.abc import Mapping, Sequence

from keras_fer.evaluation.figures import Series, line_chart, number
from keras_fer.evaluation.markup import Html, element, joined

_VALIDATION = "val_"
_NOT_CURVES = {"epoch"}

# heading: (log names in their order, what to say below the heading).
_GROUPS: dict[str, tuple[tuple[str, ...], str]] = {
    "Recognition": (("expression_accuracy", "accuracy", "expression_loss", "loss"), ""),
    "Other terms of the loss": (
        (
            "reconstruction_loss",
            "swap_reconstruction_loss",
            "invariance_loss",
            "decorrelation_loss",
            "cross_covariance_loss",
            "valence_arousal_loss",
        ),
        "",
    ),
    "The two players": (
        ("adversarial_loss", "critic_loss", "critic_accuracy"),
        "Not evidence: a critic that learns together with the encoder says nothing about what is left in the "
        "representation. Only fresh probes do.",
    ),
    "Representation and schedule": (
        ("effective_rank", "learning_rate", "seconds"),
        "Effective rank: how many directions the non-expression representation uses; near 1 it is emptied.",
    ),
}
_LARGER_IS_BETTER = ("accuracy", "effective_rank")
_NOT_EVIDENCE = {"critic_accuracy"}


def training_curves(history: Sequence[Mapping[str, float]]) -> Html | None:
    """Draws every logged quantity that has a finite value, in groups.

    Args:
        history: one row per epoch, Keras log names to numbers; `epoch`, if there, counts from 0.
    """
    names = list(dict.fromkeys(_base(name) for row in history for name in row if name not in _NOT_CURVES))
    grouped = {name for members, _ in _GROUPS.values() for name in members}
    groups = {**_GROUPS, "Other": (tuple(name for name in names if name not in grouped), "")}
    parts: list[Html | None] = []
    for heading, (members, explanation) in groups.items():
        panels = [panel for name in members if (panel := _panel(name, history)) is not None]
        if panels:
            parts.append(element("h3", heading))
            parts.append(element("p", explanation, class_="caption") if explanation else None)
            parts.append(element("div", *panels, class_="charts"))
    if not parts:
        return None
    legend = element(
        "p",
        element("span", class_="swatch line-0"),
        " training   ",
        element("span", class_="swatch line-1"),
        " validation. The horizontal axis counts epochs.",
        class_="caption",
    )
    return joined(legend, *parts)


def _base(name: str) -> str:
    return name.removeprefix(_VALIDATION)


def _panel(name: str, history: Sequence[Mapping[str, float]]) -> Html | None:
    """One chart with its heading; None if the quantity was never logged as a finite number."""
    steps = [row.get("epoch", position) + 1 for position, row in enumerate(history)]
    lines = []
    for style, (key, kind) in enumerate([(name, "training"), (_VALIDATION + name, "validation")]):
        values = [float(row.get(key, math.nan)) for row in history]
        if any(map(math.isfinite, values)):
            lines.append(Series(kind, steps, values, style))
    if not lines:
        return None
    title = name.replace("_", " ")
    if name in _NOT_EVIDENCE:
        title += " (not evidence)"
    detail = _detail(name, lines[-1])
    chart = line_chart(lines, f"{title} over {len(steps)} epochs: {detail}")
    return element(
        "figure", element("figcaption", element("b", title), element("small", detail)), chart, class_="panel"
    )


def _detail(name: str, line: Series) -> str:
    """The last value, and the best one where there is a better direction."""
    finite = [
        (value, step) for value, step in zip(line.values, line.steps, strict=True) if math.isfinite(value)
    ]
    last = f"{line.name} {number(finite[-1][0])}"
    if name.endswith(_LARGER_IS_BETTER) and name not in _NOT_EVIDENCE:
        best, step = max(finite, key=lambda point: point[0])
    elif name in ("loss", "expression_loss"):
        best, step = min(finite, key=lambda point: point[0])
    else:
        return last
    return f"{last}, best {number(best)} in epoch {step:g}"
