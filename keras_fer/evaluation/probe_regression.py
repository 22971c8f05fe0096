"""Fresh probes of continuous values: ridge regression and an MLP, judged by R² on unseen rows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.probe_intervals import r2_interval
from keras_fer.evaluation.probe_task import (
    MLP_BATCH,
    MLP_HIDDEN,
    ProbeRows,
    ProbeTask,
    held_out_rows,
    train_until_it_stops_rising,
)

MIN_TRAIN_ROWS, MIN_TEST_ROWS = 4, 2
_RIDGE_STRENGTHS = np.geomspace(0.1, 1e5, 7)
_RIDGE_FOLDS = 3


def r2_scores(values: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Returns R² of each dimension, 1 − Σ(value − prediction)² / Σ(value − mean)², `(d,)`.

    1 is complete knowledge, 0 that of the mean of these rows; a wrong prediction goes below 0.

    Args:
        values: `(m, d)`; every dimension varies.
        predictions: `(m, d)`.
    """
    errors = ((values - predictions) ** 2).sum(axis=0)
    return 1 - errors / ((values - values.mean(axis=0)) ** 2).sum(axis=0)


def varying_dimensions(train_values: np.ndarray, test_values: np.ndarray) -> np.ndarray:
    """Returns which dimensions vary in both parts, bool `(d,)`; R² of the others is not defined."""
    varies = np.ones(train_values.shape[1], bool)
    for values in (train_values, test_values):
        spread = np.ptp(values, axis=0) if len(values) else np.zeros(values.shape[1])
        varies &= spread > 1e-7 * np.abs(values).max(axis=0, initial=0.0)
    return varies


@dataclass(frozen=True, eq=False)
class RegressionTask(ProbeTask):
    """One representation and the values to be read from it; the score is the mean R² over dimensions.

    Args:
        rows: the rows whose values are known.
        train_targets: float64 `(n, d)`, mean 0 and deviation 1.
        test_targets: float64 `(m, d)`, moved by the mean and deviation of the training values.
        dimensions: bool, which of the given dimensions vary in both parts and are judged.
    """

    rows: ProbeRows
    train_targets: np.ndarray
    test_targets: np.ndarray
    dimensions: np.ndarray
    num_classes: int = 0

    @classmethod
    def prepare(
        cls,
        train: np.ndarray,
        train_values: np.ndarray,
        test: np.ndarray,
        test_values: np.ndarray,
        train_clusters: np.ndarray | None = None,
        test_clusters: np.ndarray | None = None,
    ) -> Self:
        """Leaves out rows with an unknown value (NaN) and dimensions that do not vary, and standardises.

        Raises:
            ValueError: for wrong shapes, representations that are not finite, fewer than 4 training or
                2 test rows, or no dimension that varies in both parts.
        """
        values = [np.asarray(part, np.float64) for part in (train_values, test_values)]
        values = [part[:, None] if part.ndim == 1 else part for part in values]
        shapes = (np.shape(train), values[0].shape, np.shape(test), values[1].shape)
        if (
            {part.ndim for part in values} != {2}
            or values[0].shape[1] != values[1].shape[1]
            or [len(part) for part in values] != [shapes[0][0], shapes[2][0]]
        ):
            raise ValueError(
                "A probe needs representations (n, width) and (m, width) with values (n, d) and (m, d). "
                f"Received: shapes={shapes}"
            )
        known = [np.isfinite(part).all(axis=1) for part in values]
        values = [part[rows] for part, rows in zip(values, known, strict=True)]
        if len(values[0]) < MIN_TRAIN_ROWS or len(values[1]) < MIN_TEST_ROWS:
            raise ValueError(
                f"A probe needs at least {MIN_TRAIN_ROWS} training and {MIN_TEST_ROWS} test rows with known "
                f"values. Received: {len(values[0])} and {len(values[1])}"
            )
        dimensions = varying_dimensions(*values)
        if not dimensions.any():
            raise ValueError("A probe needs values that vary in both parts. Received: constant values.")
        rows = ProbeRows.standardized(
            np.asarray(train)[known[0]],
            np.asarray(test)[known[1]],
            None if train_clusters is None else np.asarray(train_clusters)[known[0]],
            None if test_clusters is None else np.asarray(test_clusters)[known[1]],
        )
        values = [part[:, dimensions] for part in values]
        mean, deviation = values[0].mean(axis=0), values[0].std(axis=0)
        train_targets, test_targets = ((part - mean) / deviation for part in values)
        return cls(rows, train_targets, test_targets, dimensions)

    def score(self, predictions: np.ndarray) -> float:
        """Mean R² over the dimensions, at most 1."""
        return float(r2_scores(self.test_targets, predictions).mean())

    def corrected(self, score: float) -> float:
        """max(0, R²): below 0 a probe knows less than the mean, which is nothing."""
        return float(np.maximum(0.0, score))  # NaN stays NaN

    def interval(self, predictions: np.ndarray) -> Interval:
        """95 % interval of the mean R² of predictions `(seeds, m, d)`."""
        return r2_interval(self.test_targets, predictions, self.rows.test_clusters)

    def _linear(self, train_targets: np.ndarray) -> tuple[np.ndarray, bool]:
        """Ridge regression; its strength is chosen on clusters that were not fitted."""
        from sklearn.linear_model import RidgeCV

        model = RidgeCV(_RIDGE_STRENGTHS, cv=self._folds())
        model.fit(self.rows.train.astype(np.float64), train_targets)
        return model.predict(self.rows.test.astype(np.float64)).reshape(self.test_targets.shape), True

    def _folds(self) -> list[tuple[np.ndarray, np.ndarray]] | None:
        """Folds of whole clusters; None, which leaves out each row in turn, where there are too few."""
        from sklearn.model_selection import GroupKFold

        clusters = self.rows.train_clusters
        if len(np.unique(clusters)) < _RIDGE_FOLDS:
            return None
        folds = list(GroupKFold(_RIDGE_FOLDS).split(clusters, groups=clusters))
        return folds if min(len(judged) for _, judged in folds) >= 2 else None

    def _mlp(self, train_targets: np.ndarray, seed: int) -> np.ndarray:
        """MLP 256-256 with Adam on the squared error, stopped by the R² of held-out rows."""
        from sklearn.neural_network import MLPRegressor

        rng = np.random.default_rng(seed)
        no_classes = np.zeros(len(train_targets), np.int64)
        held_out = held_out_rows(no_classes, self.rows.train_clusters, rng)
        fit_rows, stop_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        targets = train_targets.astype(np.float32)
        model = MLPRegressor(
            hidden_layer_sizes=MLP_HIDDEN,
            batch_size=min(MLP_BATCH, len(fit_rows)),
            shuffle=False,
            random_state=seed,
        )

        def pass_over_rows() -> None:
            epoch = rng.permutation(fit_rows)
            # One column must be handed over as a vector.
            model.partial_fit(self.rows.train[epoch], _squeezed(targets[epoch]))

        def held_out_score() -> float:
            # The same order as R², and defined where the held-out values happen to be equal.
            errors = targets[stop_rows] - _predicted(model, self.rows.train[stop_rows])
            return -float((errors.astype(np.float64) ** 2).mean())

        train_until_it_stops_rising(model, pass_over_rows, held_out_score)
        return _predicted(model, self.rows.test).astype(np.float64)


def _squeezed(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] == 1 else values


def _predicted(model: Any, rows: np.ndarray) -> np.ndarray:
    return model.predict(rows).reshape(len(rows), -1)
