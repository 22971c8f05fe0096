"""Least-squares concept erasure: the smallest affine change after which no linear probe finds a label.

Reference: Belrose et al., "LEACE: Perfect linear concept erasure in closed form", NeurIPS 2023,
arXiv 2306.03819. What a nonlinear probe finds may stay.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

# The columns of W Σ_zy are covariances of unit-variance directions with 0/1 labels, so this is absolute:
# correlations below it are rounding.
_SMALLEST_COVARIANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Erasure:
    """The affine map r(z) = A z + b.

    Args:
        matrix: A, float64 `(width, width)`.
        offset: b, float64 `(width,)`.
        num_directions: rank of I − A, how many directions the map removes; at most K − 1.
        num_rows: rows that it was fitted on.
    """

    matrix: np.ndarray
    offset: np.ndarray
    num_directions: int
    num_rows: int

    def __call__(self, representations: np.ndarray) -> np.ndarray:
        """Returns the map of representations `(n, width)`, float64 of the same shape."""
        return np.asarray(representations, np.float64) @ self.matrix.T + self.offset


def fit_erasure(representations: np.ndarray, labels: np.ndarray) -> Erasure:
    """Fits r(z) = z − W⁺ P W (z − μ).

    W = Σ_zz^{-1/2} whitens (pseudo-inverse in directions without variance), P projects orthogonally onto
    the column space of W Σ_zy, y being the one-hot labels. Afterwards the covariance with every label is
    0, which no linear probe with any convex loss can tell from knowing nothing; among all affine maps
    with that property r has the smallest E‖r(z) − z‖² in every inner product.

    Args:
        representations: `(n, width)`, finite.
        labels: int `(n,)`; rows with a negative label are ignored.

    Raises:
        ValueError: for wrong shapes, values that are not finite, or fewer than two classes.
    """
    representations, labels = np.asarray(representations, np.float64), np.asarray(labels)
    if representations.ndim != 2 or labels.shape != representations.shape[:1]:
        raise ValueError(
            "An erasure needs representations `(n, width)` and labels `(n,)`. "
            f"Received: shapes={representations.shape}, {labels.shape}"
        )
    known = labels >= 0
    rows, labels = representations[known], labels[known]
    if not np.isfinite(rows).all():
        raise ValueError("Representations must be finite. Received: NaN or infinity in them.")
    classes = np.unique(labels)
    if len(classes) < 2:
        raise ValueError(f"An erasure needs labels of at least two classes. Received: {len(classes)} classes")
    mean = rows.mean(axis=0)
    centred = rows - mean
    one_hot = (labels[:, None] == classes).astype(np.float64)
    whitening, colouring = _whitening(centred.T @ centred / len(rows))
    cross_covariance = centred.T @ (one_hot - one_hot.mean(axis=0)) / len(rows)
    directions, strengths, _ = np.linalg.svd(whitening @ cross_covariance, full_matrices=False)
    directions = directions[:, strengths > _SMALLEST_COVARIANCE]
    removed = colouring @ directions @ directions.T @ whitening
    return Erasure(np.eye(len(mean)) - removed, removed @ mean, directions.shape[1], len(rows))


def _whitening(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns W = Σ^{-1/2} and W⁺ = Σ^{1/2}, both symmetric, 0 in the directions without variance."""
    variances, axes = np.linalg.eigh(covariance)
    # Representations come in float32: what it cannot tell from 0 is not blown up.
    smallest = variances.max() * len(variances) * np.finfo(np.float32).eps ** 2
    real = variances > max(smallest, np.finfo(np.float64).tiny)
    axes, deviations = axes[:, real], np.sqrt(variances[real])
    return axes / deviations @ axes.T, axes * deviations @ axes.T


def fold_erasure(model: Any, erasure: Erasure) -> None:
    """Folds an erasure into the non-expression branch of a model; the graph stays as it is.

    The branch ends in z = D (Kᵀ h − m), with the kernel K of its last linear layer and the mean m and
    D = diag(1 / sqrt(variance + ε)) of a batch normalisation without scale and offset. A z + b is the
    same with the kernel K D Aᵀ, the variance 1 − ε and the mean A D m − b. It holds in inference only:
    training on would take new statistics.

    Args:
        model: a `DisentanglingModel`, changed in place.
        erasure: of the width of its non-expression representation.

    Raises:
        ValueError: if the branch does not end so, or has another width.
    """
    branch = model.non_expression_branch
    projection, normalization = branch.get_layer("projection"), branch.get_layer("normalization")
    if projection.use_bias or normalization.center or normalization.scale:
        raise ValueError(
            "The branch must end in a linear layer without bias and a normalisation without scale and "
            f"offset. Received: use_bias={projection.use_bias}, center={normalization.center}, "
            f"scale={normalization.scale}"
        )
    kernel, mean, variance = (
        np.asarray(variable, np.float64)
        for variable in (projection.kernel, normalization.moving_mean, normalization.moving_variance)
    )
    if erasure.matrix.shape != (len(mean), len(mean)):
        raise ValueError(
            f"The erasure must be of width {len(mean)}. Received: width={erasure.matrix.shape[0]}"
        )
    scale = 1 / np.sqrt(variance + normalization.epsilon)
    projection.kernel.assign((kernel * scale) @ erasure.matrix.T)
    normalization.moving_mean.assign(erasure.matrix @ (scale * mean) - erasure.offset)
    normalization.moving_variance.assign(np.full(len(mean), 1 - normalization.epsilon))
