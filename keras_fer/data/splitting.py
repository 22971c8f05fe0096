"""Carves the development split from the training images: stratified, and no group on both sides."""

import numpy as np


def carve(labels: np.ndarray, groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Chooses rows for the development split.

    Each class gives `share` of its images, as closely as whole groups allow, at least one and never all.
    Groups of several images are drawn at random until they have given their part, so that the split is not
    made of them alone; images without company then fill each class up.

    Args:
        labels: int `(n,)`; −1, no label, counts as a class of its own.
        groups: int64 `(n,)`; rows of one group, such as one person, stay together.
        share: part of the images to choose, in [0, 1).
        seed: seed of the draw.

    Returns:
        bool `(n,)`, true for chosen rows.

    Raises:
        ValueError: if `share` is out of range.
    """
    if not 0 <= share < 1:
        raise ValueError(f"`share` must be in [0, 1). Received: share={share}")
    chosen = np.zeros(len(labels), bool)
    if share == 0 or len(labels) == 0:
        return chosen
    random = np.random.default_rng(seed)
    _, classes = np.unique(labels, return_inverse=True)
    counts = np.bincount(classes)
    wanted = np.minimum(np.maximum(np.rint(share * counts), 1), counts - 1).astype(np.int64)
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    alone = sizes[members] == 1
    in_company = np.bincount(classes[~alone], minlength=len(counts))
    part = np.rint(share * in_company)
    part[in_company == counts] = wanted[in_company == counts]
    _draw_groups(classes, np.where(alone, -1, members), part, random, chosen)
    for label, number in enumerate(wanted - np.bincount(classes[chosen], minlength=len(counts))):
        candidates = np.flatnonzero(alone & (classes == label))
        chosen[random.permutation(candidates)[: max(number, 0)]] = True
    return chosen


def _draw_groups(
    classes: np.ndarray,
    members: np.ndarray,
    wanted: np.ndarray,
    random: np.random.Generator,
    chosen: np.ndarray,
) -> None:
    """Marks whole groups in `chosen`, in random order, where each brings the counts nearer to `wanted`."""
    order = np.argsort(members, kind="stable")
    order = order[np.searchsorted(members[order], 0) :]
    rows_of_groups = np.split(order, np.flatnonzero(np.diff(members[order])) + 1) if len(order) else []
    missing = wanted.astype(np.float64)
    kept = np.bincount(classes)
    for position in random.permutation(len(rows_of_groups)):
        rows = rows_of_groups[position]
        taken = np.bincount(classes[rows], minlength=len(missing))
        nearer = np.abs(missing - taken).sum() < np.abs(missing).sum()
        if nearer and not np.any((taken > 0) & (taken == kept)):
            chosen[rows] = True
            missing, kept = missing - taken, kept - taken
