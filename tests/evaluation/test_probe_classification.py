import numpy as np
import pytest

from keras_fer.evaluation.probe_classification import (
    ClassificationTask,
    balanced_epoch,
    leakage,
    usable_classes,
)


def test_golden_leakage():
    assert leakage(0.25, 4) == 0
    assert leakage(1.0, 4) == 1
    assert leakage(0.4, 4) == pytest.approx(0.2)
    assert leakage(0.1, 8) == pytest.approx(-0.2 / 7)


def test_classes_need_two_rows_to_learn_from_and_one_to_be_judged_on():
    train = np.array([-1, -1, 0, 0, 1, 2, 2, 3, 3])
    assert usable_classes(train, np.array([-1, 0, 1, 3, 5])).tolist() == [0, 3]


def test_an_epoch_of_the_mlp_holds_as_many_rows_of_every_class():
    labels = np.repeat([0, 1, 2], [70, 17, 3])
    epoch = balanced_epoch(labels, np.random.default_rng(0))
    assert np.bincount(labels[epoch]).tolist() == [30, 30, 30]
    rows, repetitions = np.unique(epoch, return_counts=True)
    assert repetitions[labels[rows] == 0].max() == 1  # none twice while there are others
    assert set(repetitions[labels[rows] == 1]) == {1, 2}
    assert repetitions[labels[rows] == 2].tolist() == [10, 10, 10]


def test_rows_and_clusters_are_left_out_together():
    rows = np.arange(8.0)[:, None]
    labels = np.array([0, 0, -1, 1, 1, 2, 0, 1])
    task = ClassificationTask.prepare(rows, labels, rows, labels[::-1], 10 * np.arange(8), 100 + np.arange(8))
    assert task.num_classes == 2
    assert task.chance == 0.5
    assert task.rows.train_clusters.tolist() == [0, 10, 30, 40, 60, 70]
    assert task.rows.test_clusters.tolist() == [100, 101, 103, 104, 106, 107]
    assert task.test_targets.tolist() == [1, 0, 1, 1, 0, 0]


def test_golden_score_and_interval():
    rows = np.arange(6.0)[:, None]
    task = ClassificationTask.prepare(rows, [0, 0, 0, 1, 1, 1], rows[:4], [0, 0, 0, 1])
    predictions = np.array([0, 0, 1, 1])
    assert task.score(predictions) == pytest.approx((2 / 3 + 1) / 2)
    assert task.corrected(0.75) == 0.5
    low, high = task.interval(predictions[None])
    assert 0 < low < 5 / 6 < high <= 1
