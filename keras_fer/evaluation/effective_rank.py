"""How many directions a representation really uses: the monitor of collapse."""

import numpy as np


def effective_rank(representations: np.ndarray) -> float:
    """Returns exp(entropy of the normalised eigenvalues of the covariance).

    With eigenvalues λ_i of the covariance and p_i = λ_i / Σ λ_j it is exp(−Σ p_i log p_i): the width for
    directions of equal variance, 1 where every dimension is a copy of one direction. The standard
    deviation of single dimensions cannot see that collapse.

    Args:
        representations: array `(rows, width)`, at least two rows, finite.

    Returns:
        A number in [1, width]; 0.0 for a representation that is constant over the rows.

    Raises:
        ValueError: if the array is not two-dimensional, has fewer than two rows, or is not finite.

    Reference:
        Roy and Vetterli, "The effective rank: A measure of effective dimensionality", EUSIPCO 2007.
    """
    values = np.asarray(representations, np.float64)
    if values.ndim != 2 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(
            "`representations` must be a finite array `(rows, width)` with at least two rows. "
            f"Received: shape={values.shape}"
        )
    # Taking the first row off first leaves constant columns at exactly 0, which the mean alone does not.
    values = values - values[0]
    eigenvalues = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2
    total = eigenvalues.sum()
    if total == 0:
        return 0.0
    shares = eigenvalues[eigenvalues > 0] / total
    return float(np.exp(-np.sum(shares * np.log(shares))))
