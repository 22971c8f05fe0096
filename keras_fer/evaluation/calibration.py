"""Whether probabilities mean what they say: temperature, reliability, and what unanswered images win."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from keras_fer.evaluation.metrics import confidence_bins

TEMPERATURES = (0.05, 20.0)
# Fewer answers than this say too little of their accuracy to choose a threshold by.
LEAST_ANSWERS = 50
_SMALLEST_PROBABILITY = 1e-12


@dataclass(frozen=True, eq=False)
class Confidences:
    """The largest probability of each image, and whether the answer is right.

    Args:
        values: float64 `(n,)` in [0, 1].
        correct: bool `(n,)`.
    """

    values: np.ndarray
    correct: np.ndarray

    @classmethod
    def of(cls, probabilities: np.ndarray, labels: np.ndarray) -> "Confidences":
        """Takes them from probabilities `(n, K)` and int labels `(n,)`."""
        return cls(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


class Coverage(NamedTuple):
    """What is left when answers below a threshold are not given.

    Args:
        thresholds: float64 `(m,)`, each confidence that occurs, the largest first.
        shares: share of the images whose confidence is at least that.
        accuracies: share of right answers among them.
    """

    thresholds: np.ndarray
    shares: np.ndarray
    accuracies: np.ndarray


class ReliabilityBin(NamedTuple):
    """Images of similar confidence.

    Args:
        confidence: their mean confidence.
        accuracy: share of right answers.
        num_images: how many there are.
    """

    confidence: float
    accuracy: float
    num_images: int


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the T in `TEMPERATURES` that minimises the cross-entropy of softmax(log p / T).

    Args:
        probabilities: `(n, K)`, at temperature 1.
        labels: int `(n,)`, positions of the right classes.

    Reference:
        Guo et al., "On calibration of modern neural networks", ICML 2017, arXiv 1706.04599.
    """
    logits = np.log(np.maximum(probabilities, _SMALLEST_PROBABILITY))
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        largest = scaled.max(axis=1)
        normalizers = largest + np.log(np.exp(scaled - largest[:, None]).sum(axis=1))
        return float((normalizers - scaled[rows, labels]).mean())

    found = minimize_scalar(cross_entropy, bounds=tuple(np.log(TEMPERATURES)), method="bounded")
    return float(np.exp(found.x))


def coverage(confidences: Confidences) -> Coverage:
    """Returns share and accuracy of what is answered at every threshold that makes a difference."""
    thresholds, counts = np.unique(confidences.values, return_counts=True)
    places = np.searchsorted(thresholds, confidences.values)
    right = np.bincount(places, confidences.correct, minlength=len(thresholds))
    answered = counts[::-1].cumsum()
    return Coverage(thresholds[::-1], answered / answered[-1], right[::-1].cumsum() / answered)


def threshold_of_accuracy(confidences: Confidences, accuracy: float) -> float | None:
    """Returns the smallest threshold whose answers are right in that share of cases; None for none.

    It lies between two confidences, so that neither is at the mercy of rounding; 0 if all answers
    together are accurate enough.

    Args:
        confidences: at least `LEAST_ANSWERS` of which a threshold must leave.
        accuracy: the share, from 0 to 1.
    """
    curve = coverage(confidences)
    answered = np.round(curve.shares * len(confidences.values))
    reached = np.flatnonzero((curve.accuracies >= accuracy) & (answered >= LEAST_ANSWERS))
    if not len(reached):
        return None
    last = reached[-1]
    below = curve.thresholds[last + 1] if last + 1 < len(curve.thresholds) else None
    return 0.0 if below is None else float((curve.thresholds[last] + below) / 2)


def highest_accuracy(confidences: Confidences) -> float:
    """Returns the largest share of right answers that a threshold reaches, among at least `LEAST_ANSWERS`."""
    curve = coverage(confidences)
    enough = np.round(curve.shares * len(confidences.values)) >= LEAST_ANSWERS
    # With fewer images than that, no threshold leaves enough; the last one leaves all there are.
    return float(curve.accuracies[enough].max() if enough.any() else curve.accuracies[-1])


def reliability(confidences: Confidences) -> list[ReliabilityBin]:
    """Groups images as the expected calibration error does; bins without images are left out."""
    values, correct = confidences.values, confidences.correct
    places = confidence_bins(values)
    return [
        ReliabilityBin(float(values[chosen].mean()), float(correct[chosen].mean()), int(chosen.sum()))
        for chosen in (places == place for place in np.unique(places))
    ]
