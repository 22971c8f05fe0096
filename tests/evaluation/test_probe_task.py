from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.evaluation.probe_task import ProbeRows, held_out_rows, train_until_it_stops_rising


def test_standardises_with_the_training_rows_and_silences_constant_columns():
    rows = ProbeRows.standardized([[0.0, 0.1], [2.0, 0.1]], [[3.0, 9.0]])
    assert rows.train.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert rows.test.tolist() == [[2.0, 0.0]]
    assert rows.train.dtype == np.float32
    assert rows.train_clusters.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]], [[0.0, 1.0]]), "needs representations"),
        (([0.0], [[0.0]]), "needs representations"),
        (([[0.0]], [[0.0]], [1, 2]), "clusters"),
        (([[np.inf]], [[0.0]]), "must be finite"),
        ((np.empty((0, 2)), np.empty((1, 2))), "rows in both parts. Received: 0 and 1"),
    ],
)
def test_refuses_other_shapes(arguments, message):
    with pytest.raises(ValueError, match=message):
        ProbeRows.standardized(*arguments)


def test_whole_people_are_held_out():
    who = np.repeat(np.arange(30), 8)
    labels = np.tile(np.arange(8), 30)
    marked = held_out_rows(labels, who, np.random.default_rng(0))
    assert len(set(who[marked])) == 3
    assert not set(who[marked]) & set(who[~marked])


def test_people_of_every_class_are_held_out_where_a_class_is_of_people():
    who = np.repeat(np.arange(40), 5)
    glasses = (np.arange(40) < 10).astype(int)[who]
    marked = held_out_rows(glasses, who, np.random.default_rng(0))
    assert not set(who[marked]) & set(who[~marked])
    assert [len(set(who[marked & (glasses == value)])) for value in (0, 1)] == [3, 1]


def test_single_rows_are_held_out_where_people_are_too_few():
    labels = np.array([0, 0, 0, 1, 1, 1])
    for clusters in (np.zeros(6, int), labels):
        marked = held_out_rows(labels, clusters, np.random.default_rng(0))
        assert np.bincount(labels[marked]).tolist() == [1, 1]


def test_training_keeps_the_best_weights_and_stops_after_ten_that_are_worse():
    model = SimpleNamespace(coefs_=[np.zeros(1)], intercepts_=[np.zeros(1)])
    scores = iter([0.1, 0.5, 0.3, *[0.2] * 100])
    passes = []

    def pass_over_rows():
        passes.append(1)
        model.coefs_[0] += 1
        model.intercepts_[0] -= 1

    train_until_it_stops_rising(model, pass_over_rows, lambda: next(scores))
    assert len(passes) == 12
    assert (model.coefs_[0][0], model.intercepts_[0][0]) == (2, -2)
