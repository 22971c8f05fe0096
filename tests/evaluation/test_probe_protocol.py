from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.factors import Factor
from keras_fer.evaluation.probe_protocol import (
    MAX_PEOPLE,
    FactorRows,
    ProbeSplit,
    factor_rows,
    known_rows,
    named_split,
    probe_split,
)

NAMES = ("train", "validation", "test")


class Rows(SimpleNamespace):
    def __len__(self):
        return len(self.subjects)


def dataset(splits, subjects=None):
    """As much of a data set as a split needs."""
    splits = np.asarray(splits)
    return Rows(
        path="prepared",
        indices=lambda name: np.flatnonzero(splits == NAMES.index(name)),
        subjects=np.full(len(splits), -1) if subjects is None else np.asarray(subjects),
        pairs=np.full(len(splits), -1),
    )


def factor(values, kind="categorical", units=None, within_people=False):
    values = np.asarray(values)
    count = np.arange(len(values))
    return Factor(
        "glasses", kind, values, 1000 + count, count if units is None else units, within_people=within_people
    )


def everything(data):
    return np.ones(len(data), bool)


def test_train_and_test_where_there_are_both():
    data = dataset([0, 0, 1, 2, 2], [5, 5, 6, 7, 7])
    split = probe_split(data, np.array([True, True, True, True, False]), 100)
    assert (split.train.tolist(), split.test.tolist(), split.names) == ([0, 1], [3], ("train", "test"))
    assert split.notes == ()


@pytest.mark.parametrize(
    ("splits", "names"), [([0, 0, 1, 1], ("train", "validation")), ([1, 1, 2], ("validation", "test"))]
)
def test_validation_stands_for_what_is_missing(splits, names):
    split = probe_split(dataset(splits, np.arange(len(splits))), np.ones(len(splits), bool), 100)
    assert split.names == names
    assert f"learned from the {names[0]} split and were judged on the {names[1]} split" in split.notes[0]


def test_a_single_split_is_halved_between_people():
    data = dataset(np.zeros(40), np.repeat(np.arange(10), 4))
    split = probe_split(data, everything(data), 100)
    assert len(split.train) == len(split.test) == 20
    assert not set(data.subjects[split.train]) & set(data.subjects[split.test])
    assert "has a train split only" in split.notes[0]
    assert "flatters it" in split.notes[0]
    only_test = dataset(np.full(4, 2), np.arange(4))
    assert "flatters" not in " ".join(probe_split(only_test, everything(only_test), 9).notes)


def test_one_person_cannot_be_split():
    data = dataset(np.zeros(5), np.zeros(5, int))
    with pytest.raises(FERError, match=r"has 5 that can be used\. Name another data set"):
        probe_split(data, everything(data), 100)
    with pytest.raises(FERError, match="has 0 that can be used"):
        probe_split(data, ~everything(data), 100)


def test_says_whether_people_are_kept_apart():
    shared = dataset([0, 0, 2, 2], [1, 2, 2, 3])
    assert probe_split(shared, everything(shared), 9).notes == (
        "1 people are on images to learn from and on images to be judged on.",
    )
    unknown = dataset([0, 0, 2, 2])
    assert "does not say who is who" in probe_split(unknown, everything(unknown), 9).notes[0]


def test_a_part_of_a_large_split_is_always_the_same():
    data = dataset(np.repeat([0, 2], 500), np.arange(1000))
    split, again = (probe_split(data, everything(data), 60) for _ in range(2))
    assert len(split.train) == len(split.test) == 60
    assert (np.diff(split.train) > 0).all()
    np.testing.assert_array_equal(split.train, again.train)
    assert len(np.unique(split.train // 100)) > 3  # from everywhere


def test_splits_by_name():
    data = dataset([0, 0, 0, 1, 2])
    split = named_split(data, everything(data), "train", "validation", 2)
    assert (len(split.train), split.test.tolist()) == (2, [3])
    with pytest.raises(FERError, match="The test split of 'prepared' has no image with a label"):
        named_split(data, np.arange(5) < 4, "train", "test", 9)


def test_rows_of_a_factor_are_those_where_it_is_known():
    split = ProbeSplit(np.arange(6), np.arange(6, 10), ("train", "test"))
    rows = factor_rows(factor([0, 1, -1, 0, 1, 0, 0, -1, 1, 1]), split)
    assert (rows.train.tolist(), rows.test.tolist()) == ([0, 1, 3, 4, 5], [6, 8, 9])
    assert rows.train_clusters.tolist() == [1000, 1001, 1003, 1004, 1005]
    values = np.array([[0.0], [1], [2], [3], [4], [np.nan], [1], [2], [3], [np.nan]])
    rows = factor_rows(factor(values, "continuous"), split)
    assert (len(rows.train), rows.test.tolist()) == (5, [6, 7, 8])


@pytest.mark.parametrize(
    ("values", "kind", "reason"),
    [
        ([0, 1, 1, 1, 1, 1, 0, 1, 0, 1], "categorical", "fewer than two of its classes"),
        (np.array([[0.0], [1], [2], *[[np.nan]] * 3, [1], [2], [3], [4]]), "continuous", "too few images"),
        (np.array([[0.0], [1], [2], [3], [4], [5], *[[1.0]] * 4]), "continuous", "the same on all"),
    ],
)
def test_says_why_a_factor_cannot_be_measured(values, kind, reason):
    split = ProbeSplit(np.arange(6), np.arange(6, 10), ("train", "test"))
    found = factor_rows(factor(values, kind), split)
    assert found.startswith("Glasses was not measured: ")
    assert reason in found


def people(num_people, pairs_each):
    """Rows of pairs, after 10 rows of people that are not unseen."""
    who = np.repeat(np.arange(num_people), 2 * pairs_each)
    values = np.concatenate([np.full(10, 900), who])
    units = np.concatenate([np.arange(10), 10 + np.arange(len(who)) // 2])
    split = ProbeSplit(np.arange(10), 10 + np.arange(len(who)), ("train", "test"))
    return factor(values, units=units, within_people=True), split


def test_identity_is_told_between_unseen_people_by_halves_of_their_images():
    identity, split = people(30, 5)
    rows = factor_rows(identity, split)
    assert isinstance(rows, FactorRows)
    assert set(np.concatenate([rows.train, rows.test])) == set(split.test)
    assert np.bincount(identity.values[rows.train]).tolist() == [6] * 30
    assert np.bincount(identity.values[rows.test]).tolist() == [4] * 30
    # The two images of a pair are the same picture but for the expression.
    assert not set(identity.units[rows.train]) & set(identity.units[rows.test])
    assert rows.test_clusters.tolist() == identity.values[rows.test].tolist()


def test_identity_takes_a_part_of_many_people_and_those_with_enough_images():
    identity, split = people(MAX_PEOPLE + 50, 3)
    rows = factor_rows(identity, split)
    assert len(set(identity.values[rows.test])) == MAX_PEOPLE
    identity, split = people(20, 2)
    assert factor_rows(identity, split) == (
        "Glasses was not measured: fewer than two unseen people have 3 images."
    )


def test_rows_where_anything_is_known():
    found = known_rows([factor([0, -1, -1]), factor(np.array([[np.nan], [2.0], [np.nan]]), "continuous")], 3)
    assert found.tolist() == [True, True, False]
    assert not known_rows([], 3).any()
