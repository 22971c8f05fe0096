"""Classification metrics with intervals: what a recogniser gets right, and how sure that number is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from keras_fer.evaluation.interval import UNKNOWN, Interval, percentile_interval
from keras_fer.evaluation.plain_json import plain

Z_95 = 1.959963984540054  # 97.5 % quantile of the normal distribution
BOOTSTRAP_DRAWS = 2000
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """How one class fares.

    Args:
        name: label name.
        support: number of images of this class.
        predicted: number of images that were given this class.
        recall, precision: with their Wilson intervals; NaN without images or without predictions.
        f1: 2·TP / (2·TP + FP + FN), with its bootstrap interval; NaN without images. The interval is NaN
            too where every redraw gives the same, since then the bootstrap knows nothing: F1 0 or 1.
    """

    name: str
    support: int
    predicted: int
    recall: float
    recall_interval: Interval
    precision: float
    precision_interval: Interval
    f1: float
    f1_interval: Interval


@dataclass(frozen=True)
class Evaluation:
    """Scores of predictions on labelled images. All intervals are 95 %.

    Args:
        view: which classes were judged, in words, such as `"8 classes"`; a number without it
            cannot be compared.
        num_images: images judged.
        accuracy: share of right predictions, with its Wilson interval.
        standard_error: of the accuracy, sqrt(a(1 − a)/n).
        balanced_accuracy: mean recall over the classes that have images; bootstrap interval.
        macro_f1: mean F1 over the same classes; bootstrap interval.
        top_2_accuracy: share of images whose class is among the two most probable.
        expected_calibration_error: see the function of this name.
        classes: one `ClassScores` per label name.
        confusion: int64 `(K, K)`, rows are labels, columns predictions.
        notes: what a reader must know beside the numbers.
        dataset: facts about the images, such as source, crop and hash; empty if they are unknown.
        split: part of the data set that was judged.
    """

    label_names: tuple[str, ...]
    view: str
    num_images: int
    accuracy: float
    accuracy_interval: Interval
    standard_error: float
    balanced_accuracy: float
    balanced_accuracy_interval: Interval
    macro_f1: float
    macro_f1_interval: Interval
    top_2_accuracy: float
    expected_calibration_error: float
    classes: tuple[ClassScores, ...]
    confusion: np.ndarray
    notes: tuple[str, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON types; NaN becomes None."""
        return plain({**vars(self), "classes": [vars(scores) for scores in self.classes]})


def wilson_interval(successes: int, trials: int) -> Interval:
    """Returns the Wilson score interval of a share, which stays in [0, 1] for small samples too.

    Centre (p + z²/2n) / (1 + z²/n), half-width z/(1 + z²/n) · sqrt(p(1 − p)/n + z²/4n²), z = 1.96.

    Args:
        successes: number of successes, 0 … trials.
        trials: number of trials; with 0 the interval is (NaN, NaN).

    Reference:
        Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.
    """
    if trials == 0:
        return UNKNOWN
    share = successes / trials
    scale = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / scale
    half_width = Z_95 / scale * np.sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
    return Interval(max(0.0, float(centre - half_width)), min(1.0, float(centre + half_width)))


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """Counts label–prediction pairs: int64 `(num_classes, num_classes)`, rows are labels."""
    cells = np.asarray(labels, np.int64) * num_classes + np.asarray(predictions, np.int64)
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def recalls(confusion: np.ndarray) -> np.ndarray:
    """Recall of every class, from confusion matrices `(..., K, K)` to `(..., K)`; NaN without images."""
    return _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))


def f1_scores(confusion: np.ndarray) -> np.ndarray:
    """F1 of every class, 2·TP / (2·TP + FP + FN), `(..., K, K)` to `(..., K)`; NaN without images."""
    supports = confusion.sum(axis=-1)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.where(supports > 0, _ratio(2 * hits, supports + confusion.sum(axis=-2)), np.nan)


def balanced_accuracy(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> float:
    """Mean recall over the classes that occur in `labels`."""
    return float(np.nanmean(recalls(confusion_matrix(labels, predictions, num_classes))))


def _ratio(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Divides; NaN where the denominator is 0."""
    return np.where(denominators > 0, numerators / np.maximum(denominators, 1), np.nan)


def confidence_bins(confidences: np.ndarray, num_bins: int = CALIBRATION_BINS) -> np.ndarray:
    """Returns the bin of each confidence, int64 `(n,)`.

    Args:
        confidences: float `(n,)` in [0, 1]. Bin b holds b/num_bins < confidence ≤ (b + 1)/num_bins; 0 belongs
            to the first.
        num_bins: number of bins between 0 and 1.
    """
    return np.clip(np.ceil(confidences * num_bins).astype(np.int64) - 1, 0, num_bins - 1)


def expected_calibration_error(
    confidences: np.ndarray, correct: np.ndarray, num_bins: int = CALIBRATION_BINS
) -> float:
    """Returns Σ_b n_b/n · |accuracy_b − mean confidence_b| over bins of equal width.

    Args:
        confidences: float `(n,)` in [0, 1], the largest probability of each image.
        correct: bool `(n,)`.
        num_bins: as in `confidence_bins`.

    Reference:
        Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599.
    """
    confidences = np.asarray(confidences, np.float64)
    bins = confidence_bins(confidences, num_bins)
    # Σ correct − Σ confidence within a bin is n_b · (accuracy_b − confidence_b).
    gaps = np.bincount(bins, weights=np.asarray(correct, np.float64) - confidences, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidences))


def bootstrap_confusions(confusion: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Redraws the images with replacement, `draws` times: int64 `(draws, K, K)`.

    Drawing n images with replacement and counting them is one multinomial draw over the cells.
    """
    num_images = int(confusion.sum())
    shares = confusion.ravel() / num_images
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_images, shares, size=draws).reshape(draws, *confusion.shape)


def _varying(interval: Interval) -> Interval:
    """The interval, or NaN for one without width."""
    return interval if interval.high > interval.low else UNKNOWN


def _require_valid(labels: np.ndarray, probabilities: np.ndarray, label_names: Sequence[str]) -> None:
    num_classes = len(label_names)
    if labels.ndim != 1 or probabilities.shape != (len(labels), num_classes) or num_classes < 2:
        raise ValueError(
            "`labels` must have shape (n,) and `probabilities` (n, len(label_names)), at least two classes. "
            f"Received: {labels.shape}, {probabilities.shape}, {num_classes} label names"
        )
    if len(labels) == 0:
        raise ValueError("There is no image to evaluate. Received: 0 labels")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"`labels` must lie in [0, {num_classes}). Received: {labels.min()} to {labels.max()}"
        )
    # 8-bit outputs are multiples of 1/256, so their rows miss 1 by up to K/512.
    if not np.isfinite(probabilities).all() or (np.abs(probabilities.sum(axis=1) - 1) > 0.05).any():
        raise ValueError("Every row of `probabilities` must be finite and sum to 1: logits need a softmax.")


def evaluate_predictions(
    labels: np.ndarray,
    probabilities: np.ndarray,
    label_names: Sequence[str],
    *,
    view: str = "",
    notes: Sequence[str] = (),
    seed: int = 0,
) -> Evaluation:
    """Scores predictions.

    A class without images has no recall and no F1 (NaN), is left out of balanced accuracy and macro
    F1, and a note says so.

    Args:
        labels: int `(n,)` in [0, K).
        probabilities: `(n, K)`, rows sum to 1. The prediction is the largest, the first of equals.
        label_names: K names.
        view: which classes are judged; empty means all of `label_names`.
        notes: sentences to keep beside the numbers.
        seed: of the bootstrap.

    Raises:
        ValueError: for wrong shapes, labels outside the names, no images, rows that are no probabilities.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, np.float64)
    _require_valid(labels, probabilities, label_names)
    predictions = probabilities.argmax(axis=1)
    correct = predictions == labels
    confusion = confusion_matrix(labels, predictions, len(label_names))
    draws = bootstrap_confusions(confusion, BOOTSTRAP_DRAWS, seed)
    top_2 = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
    accuracy = float(correct.mean())
    return Evaluation(
        label_names=tuple(label_names),
        view=view or f"{len(label_names)} classes",
        num_images=len(labels),
        accuracy=accuracy,
        accuracy_interval=wilson_interval(int(correct.sum()), len(labels)),
        standard_error=float(np.sqrt(accuracy * (1 - accuracy) / len(labels))),
        balanced_accuracy=float(np.nanmean(recalls(confusion))),
        balanced_accuracy_interval=percentile_interval(np.nanmean(recalls(draws), axis=1)),
        macro_f1=float(np.nanmean(f1_scores(confusion))),
        macro_f1_interval=percentile_interval(np.nanmean(f1_scores(draws), axis=1)),
        top_2_accuracy=float((top_2 == labels[:, None]).any(axis=1).mean()),
        expected_calibration_error=expected_calibration_error(probabilities.max(axis=1), correct),
        classes=_class_scores(confusion, draws, label_names),
        confusion=confusion,
        notes=(*notes, *_empty_class_notes(confusion, label_names)),
    )


def _empty_class_notes(confusion: np.ndarray, label_names: Sequence[str]) -> list[str]:
    empty = [name for name, support in zip(label_names, confusion.sum(axis=1), strict=True) if support == 0]
    return [f"No images of {', '.join(empty)}: left out of balanced accuracy and macro F1."] if empty else []


def _class_scores(
    confusion: np.ndarray, draws: np.ndarray, label_names: Sequence[str]
) -> tuple[ClassScores, ...]:
    supports, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    f1, f1_draws = f1_scores(confusion), f1_scores(draws)
    recall, precision = recalls(confusion), recalls(confusion.T)
    return tuple(
        ClassScores(
            name=name,
            support=int(supports[k]),
            predicted=int(predicted[k]),
            recall=float(recall[k]),
            recall_interval=wilson_interval(int(confusion[k, k]), int(supports[k])),
            precision=float(precision[k]),
            precision_interval=wilson_interval(int(confusion[k, k]), int(predicted[k])),
            f1=float(f1[k]),
            f1_interval=_varying(percentile_interval(f1_draws[:, k])),
        )
        for k, name in enumerate(label_names)
    )
