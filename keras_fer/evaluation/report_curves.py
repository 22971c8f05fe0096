"""Training curves of the report: one small chart per quantity, training beside validation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keras_fer.evaluation.figures import Series, line_chart, number
from keras_fer.evaluation.markup import Html, element, joined

_VALIDATION = "val_"
_NOT_CURVES = {"epoch"}


@dataclass(frozen=True)
class _Group:
    """Curves under one heading.

    Args:
        heading: of the group.
        names: log names in their order.
        explanation: what to say below the heading; `_chance` fills in `{chance}`.
        beginnings: of further log names that belong here, such as one per pair of factors.
    """

    heading: str
    names: tuple[str, ...]
    explanation: str = ""
    beginnings: tuple[str, ...] = ()


_GROUPS = (
    _Group("Recognition", ("expression_accuracy", "accuracy", "expression_loss", "loss")),
    _Group(
        "First player: the encoder",
        (
            "adversarial_loss",
            "reconstruction_loss",
            "swap_reconstruction_loss",
            "invariance_loss",
            "view_invariance_loss",
            "decorrelation_loss",
            "cross_covariance_loss",
            "valence_arousal_loss",
        ),
        "What trunk, branches and decoder make small beside the expression loss: the terms of the objective, "
        "before their weights. The adversarial loss falls as the encoder hides the expression from the "
        "critics of the day.",
        ("adversarial_loss_",),
    ),
    _Group(
        "Second player: the critics",
        ("critic_loss", "critic_accuracy"),
        "What the critics make small: their cross-entropy when they read the expression from the "
        "non-expression representation.{chance} The two players pull against each other, so neither curve "
        "need fall. Not evidence: the accuracy of a critic that learns together with the encoder says "
        "nothing about disentanglement, since a new one may find what it missed. Only fresh probes do.",
        ("critic_loss_",),
    ),
    _Group(
        "Fresh probes on the way",
        ("leakage", "retention", "expression_effective_rank"),
        "Probes that were trained afresh after some of the epochs. Leakage: what they read of the expression "
        "from the non-expression representation, retention from the expression representation, on the "
        "scale from chance (0) to perfect (1). They see few images and so find less than keras-fer probe.",
    ),
    _Group(
        "Representation and schedule",
        ("effective_rank", "learning_rate", "seconds"),
        "Effective rank: how many directions the non-expression representation uses; near 1 it is emptied.",
    ),
)
_LARGER_IS_BETTER = ("accuracy", "retention")
_NOT_EVIDENCE = {"critic_accuracy"}


def training_curves(
    history: Sequence[Mapping[str, float]], num_expressions: int | None = None
) -> Html | None:
    """Draws every logged quantity that has a finite value, in groups.

    Args:
        history: one row per epoch, Keras log names to numbers; `epoch`, if there, counts from 0.
        num_expressions: classes of the critics, to say where chance is; None says nothing of it.
    """
    names = list(dict.fromkeys(_base(name) for row in history for name in row if name not in _NOT_CURVES))
    left, members = set(names), {}
    for group in _GROUPS:
        more = [name for name in names if name.startswith(group.beginnings)] if group.beginnings else []
        members[group] = [*group.names, *more]
        left -= set(members[group])
    members[_Group("Other", ())] = [name for name in names if name in left]
    parts: list[Html | None] = []
    for group, chosen in members.items():
        panels = [panel for name in chosen if (panel := _panel(name, history)) is not None]
        if panels:
            explanation = group.explanation.format(chance=_chance(num_expressions))
            parts.append(element("h3", group.heading))
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


def _chance(num_expressions: int | None) -> str:
    """Where the loss of a critic lies that knows only how many classes there are."""
    if num_expressions is None:
        return ""
    loss = math.log(num_expressions)
    return f" A critic that guesses among {num_expressions} classes has a loss of {loss:.2f}."


def _base(name: str) -> str:
    return name.removeprefix(_VALIDATION)


def _panel(name: str, history: Sequence[Mapping[str, float]]) -> Html | None:
    """One chart with its heading; None if the quantity was never logged as a finite number."""
    lines = []
    for style, (key, kind) in enumerate([(name, "training"), (_VALIDATION + name, "validation")]):
        # What is not logged in every epoch, as probes are, has a line from one to the next.
        known = [(place, row) for place, row in enumerate(history) if key in row]
        values = [float(row[key]) for _, row in known]
        if any(map(math.isfinite, values)):
            steps = [row.get("epoch", place) + 1 for place, row in known]
            lines.append(Series(kind, steps, values, style))
    if not lines:
        return None
    title = name.replace("_", " ")
    if name in _NOT_EVIDENCE:
        title += " (not evidence)"
    detail = _detail(name, lines[-1])
    chart = line_chart(lines, f"{title} over {len(history)} epochs: {detail}")
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
