"""How far the answers of one file are from those of another."""

import numpy as np

_SMALLEST_PROBABILITY = 1e-12


def divergence(expected: np.ndarray, found: np.ndarray) -> float:
    """Returns the mean over images of the Kullback–Leibler divergence Σ p (ln p − ln q), in nats.

    Args:
        expected: probabilities p, `(n, K)`.
        found: probabilities q, `(n, K)`.
    """
    logs = [np.log(np.maximum(values, _SMALLEST_PROBABILITY)) for values in (expected, found)]
    return float((expected * (logs[0] - logs[1])).sum(axis=1).mean())
