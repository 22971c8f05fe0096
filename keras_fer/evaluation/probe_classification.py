"""Fresh probes of labels: multinomial logistic regression and an MLP, judged by balanced accuracy."""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np

from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.metrics import balanced_accuracy
from keras_fer.evaluation.probe_intervals import balanced_accuracy_interval
from keras_fer.evaluation.probe_task import (
    MLP_BATCH,
    MLP_HIDDEN,
    ProbeRows,
    ProbeTask,
    held_out_rows,
    train_until_it_stops_rising,
)

_LINEAR_ROUNDS = 10  # of _LINEAR_ITERATIONS each, before a linear probe counts as not converged
_LINEAR_ITERATIONS = 200


def leakage(balanced_accuracy: float, num_classes: int) -> float:
    """Corrects a balanced accuracy for chance: (accuracy − 1/K) / (1 − 1/K).

    0 is chance, 1 is complete knowledge; slightly negative values are noise around chance.
    """
    chance = 1 / num_classes
    return (balanced_accuracy - chance) / (1 - chance)


def usable_classes(train_labels: np.ndarray, test_labels: np.ndarray) -> np.ndarray:
    """Returns the labels ≥ 0 that have two rows to learn from and one to be judged on, ascending."""
    names, counts = np.unique(train_labels, return_counts=True)
    return np.intersect1d(names[(counts >= 2) & (names >= 0)], test_labels)


@dataclass(frozen=True, eq=False)
class ClassificationTask(ProbeTask):
    """One representation and the labels to be read from it.

    Args:
        rows: the rows whose class occurs in both parts.
        train_targets: int `(n,)` in [0, num_classes).
        test_targets: int `(m,)`.
        num_classes: classes that occur in both parts.
    """

    rows: ProbeRows
    train_targets: np.ndarray
    test_targets: np.ndarray
    num_classes: int

    @classmethod
    def prepare(
        cls,
        train: np.ndarray,
        train_labels: np.ndarray,
        test: np.ndarray,
        test_labels: np.ndarray,
        train_clusters: np.ndarray | None = None,
        test_clusters: np.ndarray | None = None,
    ) -> Self:
        """Leaves out negative labels and classes that one part lacks, and standardises.

        Raises:
            ValueError: for wrong shapes, values that are not finite, or fewer than two classes with at
                least two training rows and one test row.
        """
        train_labels, test_labels = np.asarray(train_labels), np.asarray(test_labels)
        if train_labels.shape != np.shape(train)[:1] or test_labels.shape != np.shape(test)[:1]:
            raise ValueError(
                "A probe needs representations (n, width) and (m, width) with labels (n,) and (m,). "
                f"Received: shapes={np.shape(train), train_labels.shape, np.shape(test), test_labels.shape}"
            )
        names = usable_classes(train_labels, test_labels)
        if len(names) < 2:
            raise ValueError(
                "A probe needs at least two classes, each with two training rows and one test row. "
                f"Received: {len(names)} such classes"
            )
        kept, judged = np.isin(train_labels, names), np.isin(test_labels, names)
        rows = ProbeRows.standardized(
            np.asarray(train)[kept],
            np.asarray(test)[judged],
            None if train_clusters is None else np.asarray(train_clusters)[kept],
            None if test_clusters is None else np.asarray(test_clusters)[judged],
        )
        train_targets = np.searchsorted(names, train_labels[kept])
        test_targets = np.searchsorted(names, test_labels[judged])
        return cls(rows, train_targets, test_targets, len(names))

    def score(self, predictions: np.ndarray) -> float:
        """Balanced accuracy, in [0, 1]."""
        return balanced_accuracy(self.test_targets, predictions, self.num_classes)

    def corrected(self, score: float) -> float:
        """See `leakage`."""
        return leakage(score, self.num_classes)

    def interval(self, predictions: np.ndarray) -> Interval:
        """95 % interval of the mean balanced accuracy of predictions `(seeds, m)`."""
        return balanced_accuracy_interval(
            self.test_targets, predictions, self.rows.test_clusters, self.num_classes
        )

    def _linear(self, train_targets: np.ndarray) -> tuple[np.ndarray, bool]:
        """Multinomial logistic regression; rounds of iterations until the optimum is reached."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(class_weight="balanced", max_iter=_LINEAR_ITERATIONS, warm_start=True)
        # In double precision: the line search of L-BFGS gives up early in single precision.
        rows = self.rows.train.astype(np.float64)
        converged = False
        for _ in range(_LINEAR_ROUNDS):
            with warnings.catch_warnings():
                # The warning is answered below: another round, and `converged` if there is none left.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(rows, train_targets)
            converged = bool(model.n_iter_.max() < _LINEAR_ITERATIONS)
            if converged:
                break
        return model.predict(self.rows.test.astype(np.float64)), converged

    def _mlp(self, train_targets: np.ndarray, seed: int) -> np.ndarray:
        """MLP 256-256 with Adam on balanced epochs, stopped by the balanced accuracy of held-out rows."""
        from sklearn.neural_network import MLPClassifier

        rng = np.random.default_rng(seed)
        held_out = held_out_rows(train_targets, self.rows.train_clusters, rng)
        fit_rows, stop_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        labels, held_out_labels = train_targets[fit_rows], train_targets[stop_rows]
        batch_size = min(MLP_BATCH, len(balanced_epoch(labels, rng)))
        # Each epoch is drawn and shuffled here, so that it is balanced; `partial_fit` is one pass over it.
        model = MLPClassifier(
            hidden_layer_sizes=MLP_HIDDEN, batch_size=batch_size, shuffle=False, random_state=seed
        )
        classes = np.arange(self.num_classes)

        def pass_over_rows() -> None:
            epoch = fit_rows[balanced_epoch(labels, rng)]
            model.partial_fit(self.rows.train[epoch], train_targets[epoch], classes=classes)

        def held_out_score() -> float:
            predictions = model.predict(self.rows.train[stop_rows])
            return balanced_accuracy(held_out_labels, predictions, self.num_classes)

        train_until_it_stops_rising(model, pass_over_rows, held_out_score)
        return model.predict(self.rows.test)


def balanced_epoch(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws an epoch in which every class has the same number of rows: a shuffled index array.

    Each class gives n / K rows: a random part of its rows if it has more, whole repetitions of them
    and a random part for the rest if it has fewer.
    """
    names = np.unique(labels)
    per_class = max(1, len(labels) // len(names))
    drawn = []
    for label in names:
        rows = np.flatnonzero(labels == label)
        repeated = np.tile(rows, per_class // len(rows))
        drawn.append(np.concatenate([repeated, rng.permutation(rows)[: per_class - len(repeated)]]))
    return rng.permutation(np.concatenate(drawn))
