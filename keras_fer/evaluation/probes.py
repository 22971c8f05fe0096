"""Fresh probes: what a frozen representation still tells about a factor.

A probe knows no model, only arrays. It is trained after the fact, by scikit-learn, on representations
of training images and scored on representations of images that neither the probe nor the encoder saw.
The accuracy of a critic that was trained *together* with the encoder is no evidence (Elazar and
Goldberg, EMNLP 2018, arXiv 1808.06640); only fresh probes are. The control on permuted labels is that
of Hewitt and Liang (EMNLP 2019, arXiv 1909.03368) in its simplest form.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from keras_fer.evaluation.interval import UNKNOWN, Interval
from keras_fer.evaluation.probe_classification import ClassificationTask, leakage
from keras_fer.evaluation.probe_regression import RegressionTask, r2_scores
from keras_fer.evaluation.probe_task import PROBE_KINDS, ProbeKind, ProbeTask
from keras_fer.field_types import require_field_types

__all__ = [
    "PROBE_KINDS",
    "FactorKind",
    "ProbeKind",
    "ProbeResult",
    "leakage",
    "probe",
    "probe_continuous",
    "probe_representations",
]

FactorKind = Literal["categorical", "continuous"]


@dataclass(frozen=True)
class ProbeResult:
    """What linear and MLP probes find in one representation of one factor.

    The score is the balanced accuracy for a categorical factor and R², averaged over the dimensions,
    for a continuous one.

    Args:
        linear_mean, linear_sd: score of the logistic or ridge regression. It has no randomness of its
            own, so its sd is 0.
        mlp_mean, mlp_sd: score of the MLP 256-256 over the seeds.
        control_mean, control_sd: the stronger kind of probe on permuted training labels. It must be at
            chance: anything else is the noise, or a fault, of the measurement itself. None where it was
            not measured. R² of a control lies below 0 by as much as the probe makes up.
        leakage: the stronger probe on the scale from chance (0) to perfect (1): `leakage(score,
            num_classes)`, or max(0, R²).
        chance: 1 / num_classes; 0 for continuous values.
        num_classes: classes that were told apart; 0 for continuous values.
        num_train, num_test: rows used. Probes on few rows find less, which flatters a representation.
        converged: whether every linear probe reached its optimum.
        kind: of the factor.
        stronger: which probe `leakage` is of. Taking the better of two on the rows that judge them
            adds a little, to floors and control alike.
        linear_interval, mlp_interval: 95 % intervals of the two scores, test clusters (people) drawn
            anew; NaN where there is one cluster only.
        leakage_interval: that of `leakage`.
        num_clusters: clusters of the test rows; as many as rows where nothing is known of them.
        dimensions: R² of each dimension by the stronger probe, by name; empty for a single one.
    """

    linear_mean: float
    linear_sd: float
    mlp_mean: float
    mlp_sd: float
    control_mean: float | None
    control_sd: float | None
    leakage: float
    chance: float
    num_classes: int
    num_train: int
    num_test: int
    num_seeds: int
    converged: bool
    kind: FactorKind = "categorical"
    stronger: ProbeKind = "linear"
    linear_interval: Interval = UNKNOWN
    mlp_interval: Interval = UNKNOWN
    leakage_interval: Interval = UNKNOWN
    num_clusters: int = 0
    dimensions: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the result as plain JSON types; an interval is a list of two, or None if unknown."""
        values = dict(vars(self), dimensions=dict(self.dimensions))
        for name, value in values.items():
            if isinstance(value, Interval):
                values[name] = value.to_json()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ProbeResult":
        """Builds a result from what `to_dict` returns."""
        require_field_types(cls, values, "A probe")
        read = dict(values)
        for name in ("linear_interval", "mlp_interval", "leakage_interval"):
            read[name] = Interval.from_json(read[name] or None)
        return cls(**read)


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
    task = ClassificationTask.prepare(train_representations, train_labels, test_representations, test_labels)
    return task.score(task.predict(kind, task.train_targets, seed)[0])


def probe_representations(
    train_representations: np.ndarray,
    train_labels: np.ndarray,
    test_representations: np.ndarray,
    test_labels: np.ndarray,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    control: bool = True,
    train_clusters: np.ndarray | None = None,
    test_clusters: np.ndarray | None = None,
) -> ProbeResult:
    """Runs both kinds of probe over several seeds, with intervals and a label-permutation control.

    Args: see `probe`.
        seeds: one MLP and one permutation of the control per seed.
        control: whether to run the control, which takes as long as the stronger probe.
        train_clusters: `(n,)`, rows with the same number, such as images of one person, are held out
            together when the MLP decides when to stop; None for independent rows.
        test_clusters: `(m,)`, rows with the same number are drawn together for the intervals.

    Returns:
        Means and standard deviations (of the seeds, ddof 0), intervals, leakage and the control.

    Raises:
        ValueError: as `probe` does, and if there is no seed.
    """
    _require_seeds(seeds)
    task = ClassificationTask.prepare(
        train_representations, train_labels, test_representations, test_labels, train_clusters, test_clusters
    )
    return _measured(task, "categorical", seeds, control)[0]


def probe_continuous(
    train_representations: np.ndarray,
    train_values: np.ndarray,
    test_representations: np.ndarray,
    test_values: np.ndarray,
    seeds: Sequence[int] = (0, 1, 2),
    *,
    control: bool = True,
    train_clusters: np.ndarray | None = None,
    test_clusters: np.ndarray | None = None,
    dimension_names: Sequence[str] = (),
) -> ProbeResult:
    """Runs ridge regression and an MLP on continuous values; the score is the mean R² over dimensions.

    Args: see `probe_representations`.
        train_values: float `(n,)` or `(n, d)`; rows with a NaN are ignored.
        test_values: float `(m,)` or `(m, d)`; dimensions that do not vary in both parts are ignored.
        dimension_names: d names for the R² of each dimension; none leaves them out.

    Raises:
        ValueError: for wrong shapes, representations that are not finite, too few rows, values that do
            not vary, or no seed.
    """
    _require_seeds(seeds)
    task = RegressionTask.prepare(
        train_representations, train_values, test_representations, test_values, train_clusters, test_clusters
    )
    if dimension_names and len(dimension_names) != len(task.dimensions):
        raise ValueError(
            f"`dimension_names` must hold {len(task.dimensions)} names. Received: {list(dimension_names)}"
        )
    result, predictions = _measured(task, "continuous", seeds, control)
    if len(dimension_names) < 2:
        return result
    scores = np.mean([r2_scores(task.test_targets, part) for part in predictions], axis=0)
    names = [name for name, judged in zip(dimension_names, task.dimensions, strict=True) if judged]
    return replace(result, dimensions=dict(zip(names, scores.tolist(), strict=True)))


def _require_seeds(seeds: Sequence[int]) -> None:
    if not seeds:
        raise ValueError("`seeds` must hold at least one number. Received: seeds=()")


def _measured(
    task: ProbeTask, kind: FactorKind, seeds: Sequence[int], control: bool
) -> tuple[ProbeResult, np.ndarray]:
    """Fits and judges all probes; returns the result and the predictions of the stronger kind."""
    # Without randomness of its own the linear probe needs no repetition.
    linear_predictions, converged = task.predict("linear", task.train_targets, seeds[0])
    predictions: dict[ProbeKind, np.ndarray] = {
        "linear": linear_predictions[None],
        "mlp": np.stack([task.predict("mlp", task.train_targets, seed)[0] for seed in seeds]),
    }
    scores = {name: [task.score(part) for part in parts] for name, parts in predictions.items()}
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    stronger: ProbeKind = "linear" if means["linear"] >= means["mlp"] else "mlp"
    intervals = {name: task.interval(parts) for name, parts in predictions.items()}
    controls = _controls(task, stronger, seeds) if control else []
    result = ProbeResult(
        linear_mean=means["linear"],
        linear_sd=0.0,
        mlp_mean=means["mlp"],
        mlp_sd=float(np.std(scores["mlp"])),
        control_mean=float(np.mean(controls)) if controls else None,
        control_sd=float(np.std(controls)) if controls else None,
        leakage=task.corrected(means[stronger]),
        chance=task.chance,
        num_classes=task.num_classes,
        num_train=len(task.rows.train),
        num_test=len(task.rows.test),
        num_seeds=len(seeds),
        converged=converged,
        kind=kind,
        stronger=stronger,
        linear_interval=intervals["linear"],
        mlp_interval=intervals["mlp"],
        leakage_interval=Interval(*map(task.corrected, intervals[stronger])),
        num_clusters=len(np.unique(task.rows.test_clusters)),
    )
    return result, predictions[stronger]


def _controls(task: ProbeTask, kind: ProbeKind, seeds: Sequence[int]) -> list[float]:
    """Scores of probes that learn permuted targets: one permutation of the rows per seed."""
    shuffled = [np.random.default_rng(seed).permutation(task.train_targets, axis=0) for seed in seeds]
    return [
        task.score(task.predict(kind, targets, seed)[0])
        for targets, seed in zip(shuffled, seeds, strict=True)
    ]
