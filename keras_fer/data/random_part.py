"""A part of many rows that stands for all of them."""

import numpy as np


def random_part(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Returns rows, or a random part of them in ascending order where there are too many.

    Args:
        rows: `(n,)`.
        most: size of the part.
        seed: the same gives the same part.
    """
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
