"""A map of a representation in two dimensions, for people to look at; distances on it prove nothing."""

import numpy as np

_PCA_SIZE = 50
_PERPLEXITY = 30.0


def embedding(representations: np.ndarray, seed: int = 0) -> np.ndarray:
    """Places rows in the plane so that rows that are near each other stay near: PCA, then t-SNE.

    Args:
        representations: `(n, width)`, finite, at least 8 rows.
        seed: of both.

    Returns:
        float64 `(n, 2)`, each dimension in [0, 1].

    Raises:
        ValueError: for another shape or too few rows.

    Reference:
        van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    rows = np.asarray(representations, np.float64)
    if rows.ndim != 2 or len(rows) < 8:
        raise ValueError(
            f"`representations` must have shape (n, width) with at least 8 rows. Received: shape={rows.shape}"
        )
    # A representation that never moves has no directions; one point for all of it is the truth.
    if not np.ptp(rows, axis=0).any():
        return np.full((len(rows), 2), 0.5)
    # Several threads on products this small wait for each other, see `probe_task`.
    with threadpool_limits(1):
        size = min(_PCA_SIZE, *rows.shape)
        reduced = PCA(size, random_state=seed).fit_transform(rows)
        perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
        start = "pca" if size > 1 else "random"
        places = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(reduced)
    low, high = places.min(axis=0), places.max(axis=0)
    return ((places - low) / np.maximum(high - low, 1e-12)).astype(np.float64)
