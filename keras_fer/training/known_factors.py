"""What prepared data sets know of their images, as factors and targets for a `FactorModel`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.factors import IDENTITY, JOINED, are_kinds, column_values
from keras_fer.models.factors import EXPRESSION, Factor, continuous_factor

VALENCE_AROUSAL = "valence_arousal"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, eq=False)
class KnownFactors:
    """The factors of some data sets, and their targets.

    Args:
        factors: all but the expression, whose targets every pipeline delivers anyway.
        targets: for each data set columns `(n, ...)` by name of the factor: class numbers, int32
            `(n,)`, −1 where unknown, or values, float32 `(n, size)`, NaN where unknown.
    """

    factors: tuple[Factor, ...]
    targets: tuple[dict[str, np.ndarray], ...]

    def validation_targets(self) -> dict[str, np.ndarray]:
        """Returns the columns of the first data set that can be validated: what it knows but the identity.

        The classes of the identity are the people of the training images.
        """
        return {
            name: column
            for name, column in self.targets[0].items()
            if name != IDENTITY and (column >= 0 if column.ndim == 1 else np.isfinite(column)).any()
        }


def factor_names(sources: Sequence[PreparedDataset]) -> tuple[str, ...]:
    """Returns the names of all factors that any of some data sets knows, the expression first.

    Columns that belong together are there jointly, such as `pose`, and each by itself, such as `yaw`.
    """
    names = [EXPRESSION]
    if any(source.valence_arousal is not None for source in sources):
        names.append(VALENCE_AROUSAL)
    if any((source.subjects >= 0).any() for source in sources):
        names.append(IDENTITY)
    columns = sorted({name for source in sources for name in source.factors})
    names += [name for name, members in JOINED.items() if set(members) & set(columns)]
    names += [name for name in columns if name not in names and _NAME.fullmatch(name)]
    return tuple(names)


def require_known(names: Sequence[str], sources: Sequence[PreparedDataset]) -> None:
    """Refuses names of factors that no data set knows.

    Raises:
        FERError: with the names that there are.
    """
    known = factor_names(sources)
    if unknown := [name for name in names if name not in known]:
        where = " or ".join(repr(str(source.path)) for source in sources)
        raise FERError(
            f"Nothing is known about {', '.join(unknown)} in {where}. There is: {', '.join(known)}."
        )


def known_factors(
    names: Sequence[str],
    sources: Sequence[PreparedDataset],
    rows: Sequence[np.ndarray],
    shares: Sequence[float],
    **settings: Any,
) -> KnownFactors:
    """Turns columns of data sets into factors and targets.

    Classes and the constants by which values are standardised are those of the training images of all
    data sets together. The people of one data set are never those of another. What a data set does not
    know is unknown for each of its images.

    Args:
        names: of the factors; the expression among them is passed over.
        sources: the data sets.
        rows: of each, the images that are trained on.
        shares: of each, its share of a batch; for the class prior.
        settings: further fields of every factor.

    Raises:
        FERError: if no data set knows a name, or it is the same on all training images.
    """
    require_known(names, sources)
    factors: list[Factor] = []
    targets: tuple[dict[str, np.ndarray], ...] = tuple({} for _ in sources)
    for name in names:
        if name == EXPRESSION:
            continue
        columns = _columns(name, sources)
        learned = [column[own] for column, own in zip(columns, rows, strict=True)]
        if name == IDENTITY or are_kinds(name, np.concatenate(learned)):
            classes = _classes(name, learned)
            columns = [_class_numbers(column, classes) for column in columns]
            prior = _class_prior(columns, rows, shares, len(classes))
            factor = Factor(name, "categorical", len(classes), class_prior=prior, **settings)
        else:
            columns = [column.reshape(len(column), -1).astype(np.float32) for column in columns]
            learned = [column[own] for column, own in zip(columns, rows, strict=True)]
            factor = continuous_factor(name, np.concatenate(learned), **settings)
        factors.append(factor)
        for own, column in zip(targets, columns, strict=True):
            own[name] = column
    return KnownFactors(tuple(factors), targets)


def _columns(name: str, sources: Sequence[PreparedDataset]) -> list[np.ndarray]:
    """Returns a column of each data set, float64 `(n,)` or `(n, d)`, NaN where unknown."""
    if name == IDENTITY:
        return _people(sources)
    if name in JOINED:
        members = [member for member in JOINED[name] if any(member in source.factors for source in sources)]
        parts = [_columns(member, sources) for member in members]
        return [np.stack(of_source, axis=1) for of_source in zip(*parts, strict=True)]
    found = [_column(name, source) for source in sources]
    shapes = {column.shape[1:] for column in found if column is not None}
    if len(shapes) > 1:
        raise FERError(
            f"The data sets know {name!r} as arrays of different widths, {sorted(shapes)}: they cannot be "
            "learned as one factor."
        )
    (shape,) = shapes
    return [
        np.full((len(source), *shape), np.nan) if column is None else column
        for source, column in zip(sources, found, strict=True)
    ]


def _column(name: str, source: PreparedDataset) -> np.ndarray | None:
    if name == VALENCE_AROUSAL:
        values = source.valence_arousal
    else:
        values = column_values(source, name) if name in source.factors else None
    return None if values is None else np.asarray(values, np.float64)


def _people(sources: Sequence[PreparedDataset]) -> list[np.ndarray]:
    """Returns a number per person, those of each data set beyond those of the ones before it."""
    columns, first = [], 0
    for source in sources:
        subjects = source.subjects
        columns.append(np.where(subjects >= 0, subjects + first, np.nan))
        first += int(subjects.max(initial=-1)) + 1
    return columns


def _classes(name: str, learned: Sequence[np.ndarray]) -> np.ndarray:
    """Returns the kinds among the training images in ascending order."""
    values = np.concatenate(learned)
    classes = np.unique(values[np.isfinite(values)])
    if len(classes) < 2:
        raise FERError(
            f"The factor {name!r} does not vary in the training data: there is nothing to learn about it."
        )
    return classes


def _class_numbers(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Returns positions in `classes`, int32 `(n,)`, −1 for what is not among them."""
    positions = np.minimum(np.searchsorted(classes, values), len(classes) - 1)
    return np.where(classes[positions] == values, positions, -1).astype(np.int32)


def _class_prior(
    columns: Sequence[np.ndarray],
    rows: Sequence[np.ndarray],
    shares: Sequence[float],
    num_classes: int,
) -> tuple[float, ...]:
    """Returns the shares of the classes among the rows of a batch that have one."""
    prior = np.zeros(num_classes)
    for column, own, share in zip(columns, rows, shares, strict=True):
        numbers = column[own]
        prior += share / len(own) * np.bincount(numbers[numbers >= 0], minlength=num_classes)
    return tuple(prior / prior.sum())
