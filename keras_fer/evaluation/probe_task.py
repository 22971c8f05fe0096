"""What a probe of labels and a probe of continuous values have in common: rows, early stopping, threads."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from keras_fer.evaluation.interval import Interval

ProbeKind = Literal["linear", "mlp"]
PROBE_KINDS: tuple[ProbeKind, ...] = ("linear", "mlp")

MLP_HIDDEN = (256, 256)
MLP_BATCH = 256
HELD_OUT_SHARE = 0.1  # of the training rows, decides when the MLP stops
_MLP_EPOCHS = 60
_MLP_PATIENCE = 10


@dataclass(frozen=True, eq=False)
class ProbeRows:
    """Standardised representations with the cluster of every row.

    Args:
        train: float32 `(n, width)`, mean 0 and deviation 1 in every column that varies.
        test: float32 `(m, width)`, moved by the mean and deviation of the training rows.
        train_clusters: int64 `(n,)`, such as people: rows of one cluster resemble each other.
        test_clusters: int64 `(m,)`.
    """

    train: np.ndarray
    test: np.ndarray
    train_clusters: np.ndarray
    test_clusters: np.ndarray

    @classmethod
    def standardized(
        cls,
        train: np.ndarray,
        test: np.ndarray,
        train_clusters: np.ndarray | None = None,
        test_clusters: np.ndarray | None = None,
    ) -> Self:
        """Checks and standardises representations; without clusters every row is one of its own.

        Raises:
            ValueError: for wrong shapes or values that are not finite.
        """
        train, test = np.asarray(train, np.float64), np.asarray(test, np.float64)
        clusters = [
            np.arange(len(rows)) if given is None else np.asarray(given)
            for rows, given in ((train, train_clusters), (test, test_clusters))
        ]
        if (
            train.ndim != 2
            or test.ndim != 2
            or train.shape[1] != test.shape[1]
            or [len(train), len(test)] != [len(given) for given in clusters]
        ):
            shapes = (train.shape, test.shape, *(given.shape for given in clusters))
            raise ValueError(
                "A probe needs representations (n, width) and (m, width), and clusters (n,) and (m,). "
                f"Received: shapes={shapes}"
            )
        if not (np.isfinite(train).all() and np.isfinite(test).all()):
            raise ValueError("Representations must be finite. Received: NaN or infinity in them.")
        if not (len(train) and len(test)):
            raise ValueError(f"A probe needs rows in both parts. Received: {len(train)} and {len(test)}")
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        # A constant column tells nothing; dividing its rounding errors by each other would invent a signal.
        scale = np.where(deviation > 1e-7 * (np.abs(mean) + 1e-30), deviation, np.inf)
        moved = [((rows - mean) / scale).astype(np.float32) for rows in (train, test)]
        return cls(*moved, *clusters)


class ProbeTask(ABC):
    """One representation and one target: fits fresh probes and judges them on the unseen rows.

    Attributes:
        rows: what the probes see.
        train_targets: what they learn; a control hands `predict` a permutation of it.
        num_classes: number of classes; 0 for continuous values.
    """

    rows: ProbeRows
    train_targets: np.ndarray
    num_classes: int

    @property
    def chance(self) -> float:
        """The score of a probe that knows nothing: 1 / K, or an R² of 0."""
        return 1 / self.num_classes if self.num_classes else 0.0

    def predict(self, kind: str, train_targets: np.ndarray, seed: int) -> tuple[np.ndarray, bool]:
        """Fits a fresh probe; returns its predictions of the unseen rows and whether it converged."""
        from threadpoolctl import threadpool_limits

        if kind not in PROBE_KINDS:
            raise ValueError(f"`kind` must be one of {PROBE_KINDS}. Received: kind={kind!r}")
        # The products are too small for several BLAS threads, which on a busy machine wait for each
        # other (measured: 15 times as long as one thread).
        with threadpool_limits(1, user_api="blas"):
            if kind == "linear":
                return self._linear(train_targets)
            return self._mlp(train_targets, seed), True

    @abstractmethod
    def score(self, predictions: np.ndarray) -> float:
        """Balanced accuracy or R² of predictions of the unseen rows."""

    @abstractmethod
    def corrected(self, score: float) -> float:
        """A score on the scale from chance, 0, to perfect, 1."""

    @abstractmethod
    def interval(self, predictions: np.ndarray) -> Interval:
        """Interval of the mean score of predictions `(seeds, m, ...)`, clusters drawn anew."""

    @abstractmethod
    def _linear(self, train_targets: np.ndarray) -> tuple[np.ndarray, bool]: ...

    @abstractmethod
    def _mlp(self, train_targets: np.ndarray, seed: int) -> np.ndarray: ...


def train_until_it_stops_rising(
    model: Any, pass_over_rows: Callable[[], None], held_out_score: Callable[[], float]
) -> None:
    """Trains a scikit-learn MLP pass by pass and leaves the weights that were best on held-out rows."""
    best_score, best_weights, waited = -np.inf, None, 0
    for _ in range(_MLP_EPOCHS):
        pass_over_rows()
        score = held_out_score()
        if score > best_score:
            weights = [*model.coefs_, *model.intercepts_]
            best_score, best_weights, waited = score, [array.copy() for array in weights], 0
        else:
            waited += 1
            if waited == _MLP_PATIENCE:
                break
    if best_weights is not None:
        layers = len(model.coefs_)
        model.coefs_, model.intercepts_ = best_weights[:layers], best_weights[layers:]


def held_out_rows(labels: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Marks about a tenth of the rows, whole clusters of every class: bool `(n,)`.

    Rows of people who are trained on would say nothing about others, so a probe of skin tone would
    be stopped when it knows its people by heart. Where that leaves a class without a row on one of
    the two sides, single rows are held out instead.

    Args:
        labels: int `(n,)`; zeros where there are no classes.
        clusters: int `(n,)`.
        rng: source of the draw.
    """
    marked = _first_clusters(labels, clusters, rng)
    if set(labels[marked]) == set(labels[~marked]) == set(labels):
        return marked
    return _first_clusters(labels, np.arange(len(labels)), rng)


def _first_clusters(labels: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Puts the clusters in a random order and takes, for each class, the first tenth that hold it."""
    names, positions = np.unique(clusters, return_inverse=True)
    order = rng.permutation(len(names))[positions]
    taken = np.zeros(len(names), bool)
    for label in np.unique(labels):
        ranks = np.unique(order[labels == label])
        taken[ranks[: min(max(1, round(HELD_OUT_SHARE * len(ranks))), len(ranks) - 1)]] = True
    return taken[order]
