"""The scores of an evaluation as text."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keras_fer.evaluation.metrics import Evaluation
    from keras_fer.evaluation.robustness import Robustness


def scores_table(evaluation: "Evaluation") -> str:
    """Renders the scores as text."""
    facts = evaluation.dataset
    about = [f"{name.replace('_', ' ')} {facts[name]}" for name in ("source", "release") if name in facts]
    about += [f"crop {facts.get('crop_size', '?')} px", f"hash {facts.get('content_hash', '?')[:12]}"]
    lines = [
        f"{evaluation.num_images} images of the {evaluation.split} split, {evaluation.view}",
        ", ".join(about),
        "",
    ]
    scores = [
        ("accuracy", evaluation.accuracy, evaluation.accuracy_interval),
        ("balanced accuracy", evaluation.balanced_accuracy, evaluation.balanced_accuracy_interval),
        ("macro F1", evaluation.macro_f1, evaluation.macro_f1_interval),
        ("top 2", evaluation.top_2_accuracy, None),
        ("calibration error", evaluation.expected_calibration_error, None),
    ]
    lines += [f"{name:<18}{_share(value)}{_range(interval)}" for name, value, interval in scores]
    width = max(len("class"), *map(len, evaluation.label_names))
    lines += ["", f"{'class':<{width}}  images   recall  95 % interval   precision       F1"]
    for row in evaluation.classes:
        lines.append(
            f"{row.name:<{width}}  {row.support:>6}  {_share(row.recall)}{_range(row.recall_interval):<16}"
            f"{_share(row.precision):>10}  {_share(row.f1)}"
        )
    lines += [f"Note: {note}" for note in evaluation.notes]
    return "\n".join(lines)


def robustness_table(measured: "Robustness") -> str:
    """Renders what other crops, tilts and filters do as text."""
    lines = [f"{'otherwise':<18}accuracy   change  changed predictions, 95 % interval"]
    for row in measured.conditions:
        lines.append(
            f"{row.name:<18}{_share(row.accuracy):>8}  {100 * row.accuracy_change:+7.2f}  "
            f"{_share(row.changed)}{_range(row.changed_interval)}"
        )
    return "\n".join(lines + [f"Note: {note}" for note in measured.notes])


def _share(value: float) -> str:
    return f"{value:7.2%}" if value == value else "      -"  # NaN differs from itself


def _range(interval: tuple[float, float] | None) -> str:
    if interval is None or interval[0] != interval[0]:
        return ""
    return f"  {100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
