"""Fresh probes: what a frozen representation still tells about a label.

A probe knows no model, only arrays. It is trained after the fact, by scikit-learn, on representations
of training images and scored on representations of images that neither the probe nor the encoder saw.
The accuracy of a critic that was trained *together* with the encoder is no evidence (Elazar and
Goldberg, EMNLP 2018, arXiv 1808.06640); only fresh probes are.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from keras_fer.evaluation.metrics import balanced_accuracy

ProbeKind = Literal["linear", "mlp"]
PROBE_KINDS: tuple[ProbeKind, ...] = ("linear", "mlp")

_LINEAR_ROUNDS = 10  # of _LINEAR_ITERATIONS each, before a linear probe counts as not converged
_LINEAR_ITERATIONS = 200
_MLP_HIDDEN = (256, 256)
_MLP_BATCH = 256
_MLP_EPOCHS = 60
_MLP_PATIENCE = 10
_MLP_HELD_OUT = 0.1  # share of the training rows that decides when the MLP stops


@dataclass(frozen=True)
class ProbeResult:
    """What linear and MLP probes find in one representation.

    Args:
        linear_mean, linear_sd: balanced accuracy of the logistic regression over the seeds. It has no
            randomness of its own, so its sd is 0.
        mlp_mean, mlp_sd: balanced accuracy of the MLP 256-256 over the seeds.
        control_mean, control_sd: the stronger kind of probe on permuted training labels. It must be at
            chance: anything else is the noise, or a fault, of the measurement itself.
        leakage: `leakage(max(linear_mean, mlp_mean), num_classes)`.
        chance: 1 / num_classes.
        num_train, num_test: rows used. Probes on few rows find less, which flatters a representation.
        converged: whether every linear probe reached its optimum.
    """

    linear_mean: float
    linear_sd: float
    mlp_mean: float
    mlp_sd: float
    control_mean: float
    control_sd: float
    leakage: float
    chance: float
    num_classes: int
    num_train: int
    num_test: int
    num_seeds: int
    converged: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as plain JSON types."""
        return dict(vars(self))


def leakage(balanced_accuracy: float, num_classes: int) -> float:
    """Corrects a balanced accuracy for chance: (accuracy − 1/K) / (1 − 1/K).

    0 is chance, 1 is complete knowledge; slightly negative values are noise around chance.
    """
    chance = 1 / num_classes
    return (balanced_accuracy - chance) / (1 - chance)


def probe(
    train_representations: np.ndarray,
    train_labels: np.ndarray,
    test_representations: np.ndarray,
    test_labels: np.ndarray,
    kind: ProbeKind = "linear",
    seed: int = 0,
) -> float:
    """Trains one fresh probe and returns its balanced accuracy on the unseen rows, in [0, 1].

    Representations are standardised with mean and deviation of the training rows; every class weighs
    the same in training.

    Args:
        train_representations: `(n, width)`.
        train_labels: int `(n,)`; rows with a negative label are ignored.
        test_representations: `(m, width)`, of images that the encoder never saw.
        test_labels: int `(m,)`; rows of a class that is in one part only are ignored.
        kind: `"linear"` (multinomial logistic regression) or `"mlp"` (256-256, stopped early on a part
            of the training rows).
        seed: of initialisation, order and the held-out part of the MLP.

    Raises:
        ValueError: for wrong shapes, values that are not finite, an unknown kind, or fewer than two
            classes with at least two training rows and one test row.
    """
    rows = _ProbeRows.prepare(train_representations, train_labels, test_representations, test_labels)
    return rows.score(kind, rows.train_labels, seed)[0]


def probe_representations(
    train_representations: np.ndarray,
    train_labels: np.ndarray,
    test_representations: np.ndarray,
    test_labels: np.ndarray,
    seeds: Sequence[int] = (0, 1, 2),
) -> ProbeResult:
    """Runs both kinds of probe over several seeds, with a label-permutation control.

    Args: see `probe`.
        seeds: one MLP and one permutation of the control per seed.

    Returns:
        Means and standard deviations (of the seeds, ddof 0), leakage and the control.

    Raises:
        ValueError: as `probe` does, and if there is no seed.
    """
    if not seeds:
        raise ValueError("`seeds` must hold at least one number. Received: seeds=()")
    rows = _ProbeRows.prepare(train_representations, train_labels, test_representations, test_labels)
    # Without randomness of its own the linear probe needs no repetition.
    linear, converged = rows.score("linear", rows.train_labels, seeds[0])
    mlp = [rows.score("mlp", rows.train_labels, seed)[0] for seed in seeds]
    stronger: ProbeKind = "linear" if linear >= np.mean(mlp) else "mlp"
    control = [
        rows.score(stronger, np.random.default_rng(seed).permutation(rows.train_labels), seed)[0]
        for seed in seeds
    ]
    return ProbeResult(
        linear_mean=linear,
        linear_sd=0.0,
        mlp_mean=float(np.mean(mlp)),
        mlp_sd=float(np.std(mlp)),
        control_mean=float(np.mean(control)),
        control_sd=float(np.std(control)),
        leakage=leakage(max(linear, float(np.mean(mlp))), rows.num_classes),
        chance=1 / rows.num_classes,
        num_classes=rows.num_classes,
        num_train=len(rows.train),
        num_test=len(rows.test),
        num_seeds=len(seeds),
        converged=converged,
    )


@dataclass(frozen=True)
class _ProbeRows:
    """Standardised float32 rows with labels 0 … num_classes − 1 that occur in both parts."""

    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray
    num_classes: int

    @classmethod
    def prepare(
        cls, train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
    ) -> "_ProbeRows":
        train, test = np.asarray(train, np.float64), np.asarray(test, np.float64)
        train_labels, test_labels = np.asarray(train_labels), np.asarray(test_labels)
        shapes = (train.shape, train_labels.shape, test.shape, test_labels.shape)
        if (
            train.ndim != 2
            or test.ndim != 2
            or train.shape[1] != test.shape[1]
            or train_labels.shape != train.shape[:1]
            or test_labels.shape != test.shape[:1]
        ):
            raise ValueError(
                "A probe needs representations (n, width) and (m, width) with labels (n,) and (m,). "
                f"Received: shapes={shapes}"
            )
        if not (np.isfinite(train).all() and np.isfinite(test).all()):
            raise ValueError("Representations must be finite. Received: NaN or infinity in them.")
        names, counts = np.unique(train_labels, return_counts=True)
        names = np.intersect1d(names[(counts >= 2) & (names >= 0)], test_labels)
        if len(names) < 2:
            raise ValueError(
                "A probe needs at least two classes, each with two training rows and one test row. "
                f"Received: {len(names)} such classes"
            )
        train_rows, test_rows = np.isin(train_labels, names), np.isin(test_labels, names)
        train, test = train[train_rows], test[test_rows]
        mean, deviation = train.mean(axis=0), train.std(axis=0)
        # A constant column tells nothing; dividing its rounding errors by each other would invent a signal.
        scale = np.where(deviation > 1e-7 * (np.abs(mean) + 1e-30), deviation, np.inf)
        return cls(
            ((train - mean) / scale).astype(np.float32),
            np.searchsorted(names, train_labels[train_rows]),
            ((test - mean) / scale).astype(np.float32),
            np.searchsorted(names, test_labels[test_rows]),
            len(names),
        )

    def score(self, kind: str, train_labels: np.ndarray, seed: int) -> tuple[float, bool]:
        """Trains a probe on these rows and `train_labels`; returns balanced accuracy and convergence."""
        from threadpoolctl import threadpool_limits

        if kind not in PROBE_KINDS:
            raise ValueError(f"`kind` must be one of {PROBE_KINDS}. Received: kind={kind!r}")
        # The products are too small for several BLAS threads, which on a busy machine wait for each
        # other (measured: 15 times as long as one thread).
        with threadpool_limits(1, user_api="blas"):
            if kind == "linear":
                predictions, converged = self._linear(train_labels)
            else:
                predictions, converged = self._mlp(train_labels, seed), True
        return balanced_accuracy(self.test_labels, predictions, self.num_classes), converged

    def _linear(self, train_labels: np.ndarray) -> tuple[np.ndarray, bool]:
        """Multinomial logistic regression; rounds of iterations until the optimum is reached."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(class_weight="balanced", max_iter=_LINEAR_ITERATIONS, warm_start=True)
        # In double precision: the line search of L-BFGS gives up early in single precision.
        rows = self.train.astype(np.float64)
        converged = False
        for _ in range(_LINEAR_ROUNDS):
            with warnings.catch_warnings():
                # The warning is answered below: another round, and `converged` if there is none left.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(rows, train_labels)
            converged = bool(model.n_iter_.max() < _LINEAR_ITERATIONS)
            if converged:
                break
        return model.predict(self.test.astype(np.float64)), converged

    def _mlp(self, train_labels: np.ndarray, seed: int) -> np.ndarray:
        """MLP 256-256 with Adam; keeps the weights that were best on held-out training rows."""
        from sklearn.neural_network import MLPClassifier

        rng = np.random.default_rng(seed)
        held_out = _stratified_share(train_labels, _MLP_HELD_OUT, rng)
        fit_rows, stop_rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        batch_size = min(_MLP_BATCH, len(_balanced_epoch(train_labels[fit_rows], rng)))
        # Each epoch is drawn and shuffled here, so that it is balanced; `partial_fit` is one pass over it.
        model = MLPClassifier(_MLP_HIDDEN, batch_size=batch_size, shuffle=False, random_state=seed)
        classes = np.arange(self.num_classes)
        best_score, best_weights, waited = -1.0, None, 0
        for _ in range(_MLP_EPOCHS):
            epoch = fit_rows[_balanced_epoch(train_labels[fit_rows], rng)]
            model.partial_fit(self.train[epoch], train_labels[epoch], classes=classes)
            score = balanced_accuracy(
                train_labels[stop_rows], model.predict(self.train[stop_rows]), self.num_classes
            )
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
        return model.predict(self.test)


def _stratified_share(labels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Marks `share` of the rows of every class, at least one and never all: bool `(n,)`."""
    marked = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        marked[rows[: max(1, round(share * len(rows)))]] = True
    return marked


def _balanced_epoch(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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
