"""Nearest neighbours: does closeness in a representation mean the same expression, or the same person?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.errors import FERError
from keras_fer.evaluation.bootstrap import ratio_interval
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.plain_json import plain
from keras_fer.field_types import require_field_types

_ASKED = {"expression", "identity"}


@dataclass(frozen=True)
class Retrieval:
    """How often the nearest picture of another group shares what is asked for.

    Args:
        representation: name of the representation.
        wanted: what the neighbour should share, such as `"expression"`.
        among_other: what the neighbour must not share, such as `"identity"`.
        rate: share of pictures whose nearest neighbour is right.
        interval: 95 %, over the groups of `redrawn`.
        chance: the rate of a neighbour drawn at random.
        num_queries: pictures that asked.
    """

    representation: str
    wanted: str
    among_other: str
    rate: float
    interval: Interval
    chance: float
    num_queries: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Retrieval":
        """Builds a row from what `to_dict` returned."""
        require_field_types(cls, values, "A retrieval")
        if unknown := {values["wanted"], values["among_other"]} - _ASKED:
            raise FERError(f"A retrieval asks for {sorted(unknown)}, which nobody knows.")
        return cls(**{**values, "interval": Interval.from_json(values["interval"])})

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON types; NaN becomes None."""
        return plain(vars(self))


def nearest_of_other_groups(representations: np.ndarray, groups: np.ndarray, count: int = 1) -> np.ndarray:
    """Finds for each row the nearest rows, in Euclidean distance, whose group is another.

    Args:
        representations: `(n, width)`.
        groups: int `(n,)`; every row needs at least `count` rows of other groups.
        count: neighbours per row.

    Returns:
        int `(n, count)`, row numbers, the nearest first; of equal distances the first row first.

    Raises:
        ValueError: if shapes disagree or a row has too few rows of other groups.
    """
    from sklearn.metrics import pairwise_distances_chunked

    representations, groups = np.asarray(representations, np.float64), np.asarray(groups)
    if representations.ndim != 2 or groups.shape != representations.shape[:1]:
        raise ValueError(
            "`representations` must have shape (n, width) and `groups` (n,). "
            f"Received: {representations.shape}, {groups.shape}"
        )
    largest = np.unique(groups, return_counts=True)[1].max(initial=0)
    if len(groups) - largest < count:
        raise ValueError(
            f"Every row needs {count} rows of other groups. Received: {len(groups)} rows, of which "
            f"{largest} are of one group"
        )

    def nearest(distances: np.ndarray, start: int) -> np.ndarray:
        same = groups[start : start + len(distances), None] == groups[None, :]
        distances[same] = np.inf
        return np.argsort(distances, axis=1, kind="stable")[:, :count]

    return np.concatenate(list(pairwise_distances_chunked(representations, reduce_func=nearest)))


def retrieval(
    representations: np.ndarray,
    wanted_labels: np.ndarray,
    groups: np.ndarray,
    redrawn: np.ndarray,
    *,
    representation: str,
    wanted: str,
    among_other: str,
    seed: int = 0,
) -> Retrieval:
    """Asks how often the nearest neighbour of another group has the same label.

    Args:
        representations: `(n, width)`.
        wanted_labels: int `(n,)`, what the neighbour should share.
        groups: int `(n,)`, what it must not share.
        redrawn: int `(n,)`, units of the bootstrap: the people, whose pictures resemble each other.
        representation, wanted, among_other: names for the result.
        seed: of the bootstrap.

    Raises:
        ValueError: as `nearest_of_other_groups` does.
    """
    wanted_labels, groups = np.asarray(wanted_labels), np.asarray(groups)
    neighbours = nearest_of_other_groups(representations, groups)[:, 0]
    hits = wanted_labels[neighbours] == wanted_labels
    allowed = groups[:, None] != groups[None, :]
    same = (wanted_labels[:, None] == wanted_labels[None, :]) & allowed
    units = np.unique(redrawn, return_inverse=True)[1]
    return Retrieval(
        representation=representation,
        wanted=wanted,
        among_other=among_other,
        rate=float(hits.mean()),
        interval=ratio_interval(np.bincount(units, hits), np.bincount(units), seed=seed),
        chance=float((same.sum(axis=1) / allowed.sum(axis=1)).mean()),
        num_queries=len(hits),
    )
