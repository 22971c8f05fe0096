"""Intervals of probe scores: people are drawn anew, not images, since those of a person are alike."""

from collections.abc import Callable

import numpy as np

from keras_fer.evaluation.interval import UNKNOWN, Interval, percentile_interval

DRAWS = 1000
_DRAWS_AT_A_TIME = 50


def balanced_accuracy_interval(
    labels: np.ndarray,
    predictions: np.ndarray,
    clusters: np.ndarray,
    num_classes: int,
    draws: int = DRAWS,
    seed: int = 0,
) -> Interval:
    """Returns the 95 % bootstrap interval of the mean balanced accuracy of several probes.

    Args:
        labels: int `(m,)` in [0, num_classes).
        predictions: int `(probes, m)`, of probes that differ in their seed. All are judged on the same
            draws, so the interval holds what other people would change, not other seeds.
        clusters: `(m,)`, rows with the same number are drawn together.
        num_classes: K; every class occurs.
        draws: number of draws.
        seed: of the draws.

    Returns:
        The interval; NaN at both ends with fewer than two clusters.
    """
    ones = np.eye(num_classes, dtype=np.float32)[labels]
    hits = np.mean([ones * (row == labels)[:, None] for row in predictions], axis=0)
    sums = _cluster_sums(np.concatenate([ones, hits], axis=1), clusters)
    supports = sums[:, :num_classes]
    # Where the classes are the people themselves, one who is drawn twice is two classes of the draw.
    classes_are_clusters = bool(((supports > 0).sum(axis=0) <= 1).all())

    def score(totals: np.ndarray) -> np.ndarray:
        drawn, hits = np.split(totals, 2, axis=1)
        weights = drawn / supports.sum(axis=0) if classes_are_clusters else (drawn > 0).astype(np.float64)
        # A class that a draw lacks has no recall and no weight.
        return (weights * hits / np.maximum(drawn, 1)).sum(axis=1) / weights.sum(axis=1)

    return _redrawn_interval(sums, score, draws, seed)


def r2_interval(
    values: np.ndarray, predictions: np.ndarray, clusters: np.ndarray, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Returns the 95 % bootstrap interval of the mean R² of several probes over the dimensions.

    Args:
        values: `(m, d)`; every dimension varies.
        predictions: `(probes, m, d)`.
        clusters: see `balanced_accuracy_interval`, also for the rest.
        draws: number of draws.
        seed: of the draws.
    """
    # R² does not change when values and predictions move together; about 0 the sums are exact.
    mean, deviation = values.mean(axis=0), values.std(axis=0)
    moved = (values - mean) / deviation
    errors = [((values - part) / deviation) ** 2 for part in predictions]
    counts = np.ones((len(values), 1))
    sums = _cluster_sums(np.concatenate([counts, moved, moved**2, *errors], axis=1), clusters)

    def score(totals: np.ndarray) -> np.ndarray:
        count, rest = totals[:, :1], totals[:, 1:]
        first, second, *errors = np.split(rest, 2 + len(predictions), axis=1)
        spread = second - first**2 / count
        # A draw of equal values has no R².
        spread = np.where(spread > 1e-9 * count, spread, np.nan)
        return np.mean([np.mean(1 - part / spread, axis=1) for part in errors], axis=0)

    return _redrawn_interval(sums, score, draws, seed)


def _cluster_sums(columns: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Adds up the rows of every cluster: `(clusters, columns)`."""
    order = np.argsort(clusters, kind="stable")
    _, starts = np.unique(clusters[order], return_index=True)
    return np.add.reduceat(columns[order].astype(np.float64), starts, axis=0)


def _redrawn_interval(
    sums: np.ndarray, score: Callable[[np.ndarray], np.ndarray], draws: int, seed: int
) -> Interval:
    """Draws clusters with replacement and returns the percentile interval of the score.

    A draw counts how often each cluster was taken; the sums of the draw are one matrix product.
    """
    clusters = len(sums)
    if clusters < 2:
        return UNKNOWN
    rng = np.random.default_rng(seed)
    scores = []
    for start in range(0, draws, _DRAWS_AT_A_TIME):
        taken = [
            np.bincount(rng.integers(clusters, size=clusters), minlength=clusters)
            for _ in range(min(_DRAWS_AT_A_TIME, draws - start))
        ]
        scores.append(score(np.asarray(taken, np.float64) @ sums))
    return percentile_interval(np.concatenate(scores))
