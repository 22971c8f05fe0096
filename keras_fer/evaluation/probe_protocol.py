"""Which images a probe of a factor learns from, and which it is judged on: always people it never saw.

The one exception is the identity, whose classes exist only within people: there a probe learns from one
half of the images of people that the *encoder* never saw, and is judged on the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.random_part import random_part
from keras_fer.errors import FERError
from keras_fer.evaluation.factors import Factor, clusters_of, spoken
from keras_fer.evaluation.probe_classification import usable_classes
from keras_fer.evaluation.probe_regression import MIN_TEST_ROWS, MIN_TRAIN_ROWS, varying_dimensions

# More people make the probe slow; fewer make it easy.
MAX_PEOPLE = 200
# Two halves to learn from and one to be judged on, at the least.
_MIN_UNITS = 3


@dataclass(frozen=True, eq=False)
class ProbeSplit:
    """The rows of a data set that probes learn from and are judged on.

    Args:
        train: int64 rows, ascending.
        test: int64 rows, ascending, of images that the encoder did not learn from.
        names: of the two splits.
        notes: what a reader must know of them.
    """

    train: np.ndarray
    test: np.ndarray
    names: tuple[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class FactorRows:
    """The rows of the probes of one factor, with the clusters that are not independent.

    Args:
        train, test: int64 rows of the data set.
        train_clusters: what is held out together while a probe learns.
        test_clusters: what is drawn together for the intervals.
    """

    train: np.ndarray
    test: np.ndarray
    train_clusters: np.ndarray
    test_clusters: np.ndarray


def named_split(
    dataset: PreparedDataset, known: np.ndarray, train: str, test: str, max_train_rows: int
) -> ProbeSplit:
    """Takes rows of two splits of a data set.

    Args:
        dataset: a prepared data set.
        known: bool `(n,)`, the rows to choose from.
        train: split that the probes learn from; a random part of it where it is too large.
        test: split that they are judged on.
        max_train_rows: the most rows to learn from.

    Raises:
        FERError: if one of the splits has no such row.
    """
    parts = []
    for name in (train, test):
        rows = dataset.indices(name)
        rows = rows[known[rows]]
        if len(rows) == 0:
            raise FERError(f"The {name} split of {str(dataset.path)!r} has no image with a label to probe.")
        parts.append(rows)
    return ProbeSplit(random_part(parts[0], max_train_rows, seed=0), parts[1], (train, test))


def probe_split(dataset: PreparedDataset, known: np.ndarray, max_rows: int) -> ProbeSplit:
    """Chooses what to learn from and what to judge on from whatever splits there are.

    Train and test where there are both; the validation split in the place of the one that is missing;
    with a single split, halves of it between people.

    Args:
        dataset: a prepared data set.
        known: bool `(n,)`, the rows to choose from.
        max_rows: a random part of this size stands for a larger split.

    Raises:
        FERError: if there is no row, or only one person or image.
    """
    splits = {
        name: rows[known[rows]]
        for name in ("train", "validation", "test")
        if len(rows := dataset.indices(name))
    }
    splits = {name: rows for name, rows in splits.items() if len(rows)}
    if len(splits) > 1:
        train = "train" if "train" in splits else "validation"
        test = "test" if "test" in splits else "validation"
        notes = []
        if (train, test) != ("train", "test"):
            notes.append(f"The probes learned from the {train} split and were judged on the {test} split.")
        chosen = ProbeSplit(
            random_part(splits[train], max_rows, seed=0),
            random_part(splits[test], max_rows, seed=0),
            (train, test),
        )
    else:
        chosen, notes = _halves_of_people(dataset, splits, max_rows)
    return ProbeSplit(chosen.train, chosen.test, chosen.names, (*notes, *_people_notes(dataset, chosen)))


def factor_rows(factor: Factor, split: ProbeSplit) -> FactorRows | str:
    """Returns the rows for one factor, or a sentence that says why it cannot be measured on them.

    Args:
        factor: see `dataset_factors`.
        split: where to look.
    """
    known = factor.known
    if factor.within_people:
        return _within_people(factor, split.test[known[split.test]])
    train, test = (rows[known[rows]] for rows in (split.train, split.test))
    if factor.kind == "categorical":
        classes = usable_classes(factor.values[train], factor.values[test])
        if len(classes) < 2:
            return _unmeasured(factor, "fewer than two of its classes have images in both parts")
    elif len(train) < MIN_TRAIN_ROWS or len(test) < MIN_TEST_ROWS:
        return _unmeasured(factor, "it is known for too few images")
    elif not varying_dimensions(factor.values[train], factor.values[test]).any():
        return _unmeasured(factor, "it is the same on all images")
    return FactorRows(train, test, factor.clusters[train], factor.clusters[test])


def _unmeasured(factor: Factor, reason: str) -> str:
    return f"{spoken(factor.name)} was not measured: {reason}."


def _halves_of_people(
    dataset: PreparedDataset, splits: dict[str, np.ndarray], max_rows: int
) -> tuple[ProbeSplit, list[str]]:
    """Splits the people of the only split in two."""
    (name, rows), *_ = [*splits.items(), ("", np.empty(0, np.int64))]
    clusters = clusters_of(dataset)[rows]
    people = np.random.default_rng(0).permutation(np.unique(clusters))
    if len(people) < 2:
        raise FERError(
            f"Probes need images to learn from and others to be judged on, and {str(dataset.path)!r} has "
            f"{len(rows)} that can be used. Name another data set, or prepare this one with a test split."
        )
    first = np.isin(clusters, people[: len(people) // 2])
    note = (
        f"The data set has a {name} split only: the probes learned from one half of it and were judged on "
        "the other."
    )
    if name == "train":
        note += " If the encoder was trained on it, what it knows of these images flatters it."
    train, test = random_part(rows[first], max_rows, seed=0), random_part(rows[~first], max_rows, seed=0)
    return ProbeSplit(train, test, (name, name)), [note]


def _people_notes(dataset: PreparedDataset, split: ProbeSplit) -> list[str]:
    """Says whether people are kept apart, and where that is not known."""
    train, test = (dataset.subjects[rows] for rows in (split.train, split.test))
    shared = np.intersect1d(train[train >= 0], test[test >= 0])
    if len(shared):
        return [f"{len(shared)} people are on images to learn from and on images to be judged on."]
    if (test < 0).all():
        return [
            "The data set does not say who is who: the same people may be on images to learn from and to "
            "be judged on, and the intervals take every image for another person."
        ]
    return []


def _within_people(factor: Factor, rows: np.ndarray) -> FactorRows | str:
    """Halves the images of at most `MAX_PEOPLE` people; an exact pair stays on one side.

    Its two images are the same picture but for the expression, and would give the answer away.
    """
    rng = np.random.default_rng(0)
    units = {
        person: np.unique(factor.units[rows[factor.values[rows] == person]])
        for person in np.unique(factor.values[rows])
    }
    people = [person for person, of_person in units.items() if len(of_person) >= _MIN_UNITS]
    if len(people) < 2:
        return _unmeasured(factor, f"fewer than two unseen people have {_MIN_UNITS} images")
    if len(people) > MAX_PEOPLE:
        people = sorted(rng.choice(people, MAX_PEOPLE, replace=False))
    learned = [rng.permutation(units[person])[: (len(units[person]) + 1) // 2] for person in people]
    rows = rows[np.isin(factor.values[rows], people)]
    first = np.isin(factor.units[rows], np.concatenate(learned))
    train, test = rows[first], rows[~first]
    # Held out within people: without a person's images a probe cannot learn that person.
    return FactorRows(train, test, factor.units[train], factor.values[test])


def known_rows(factors: Sequence[Factor], num_rows: int) -> np.ndarray:
    """Returns the rows where at least one factor is known, bool `(num_rows,)`."""
    known = np.zeros(num_rows, bool)
    for factor in factors:
        known |= factor.known
    return known
