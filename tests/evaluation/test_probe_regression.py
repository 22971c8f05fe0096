import numpy as np
import pytest

from keras_fer.evaluation.probe_regression import RegressionTask, r2_scores, varying_dimensions


def test_golden_r2():
    values = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]])
    predictions = np.stack([[2.0, 2.0, 3.0, 3.0], [0.0, 1.0, 0.0, 1.0]], axis=1)
    # Squared errors 1 + 0 + 0 + 1 of a spread of 5; the second is perfect.
    np.testing.assert_allclose(r2_scores(values, predictions), [0.6, 1.0])
    np.testing.assert_allclose(r2_scores(values, np.full((4, 2), [2.5, 0.5])), [0, 0], atol=1e-12)
    assert r2_scores(values, 5 - values)[0] < 0


def test_dimensions_that_stay_the_same_in_one_part_are_left_out():
    varied, constant = np.arange(6.0), np.full(6, 0.1)
    train = np.stack([varied, varied, constant], axis=1)
    assert varying_dimensions(train, train[:, [0, 2, 0]]).tolist() == [True, False, False]
    assert not varying_dimensions(train, train[:0]).any()
    task = RegressionTask.prepare(train[:, :1], train, train[:, :1], train[:, [0, 2, 0]])
    assert task.dimensions.tolist() == [True, False, False]
    assert task.train_targets.shape == (6, 1)


def test_values_are_standardised_and_unknown_ones_left_out():
    rows = np.arange(8.0)[:, None]
    values = np.array([np.nan, 1.0, 1.0, 3.0, 3.0, np.nan, 1.0, 3.0])
    task = RegressionTask.prepare(rows, values, rows, values, train_clusters=np.arange(8) // 2)
    assert task.train_targets[:, 0].tolist() == [-1, -1, 1, 1, -1, 1]
    assert task.rows.train_clusters.tolist() == [0, 1, 1, 2, 3, 3]
    assert (task.chance, task.num_classes) == (0.0, 0)


def test_knowing_less_than_the_mean_is_nothing():
    rows = np.arange(8.0)[:, None]
    task = RegressionTask.prepare(rows, rows, rows, rows)
    assert task.corrected(-0.3) == 0
    assert task.corrected(0.4) == 0.4
    assert np.isnan(task.corrected(np.nan))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.arange(6.0), "with values"),
        (np.full(8, np.nan), "at least 4 training and 2 test rows"),
        (np.ones(8), "that vary in both parts"),
    ],
)
def test_refuses_what_cannot_be_measured(values, message):
    rows = np.arange(8.0)[:, None]
    with pytest.raises(ValueError, match=message):
        RegressionTask.prepare(rows, values, rows, rows)


def test_ridge_chooses_its_strength_on_people_who_were_not_fitted():
    # 20 people with 30 nearly equal images each: a weak ridge knows them by heart, and rows that are left
    # out one by one would be taken for evidence that it may.
    rng = np.random.default_rng(0)
    people = rng.normal(size=(20, 40))
    tones = rng.normal(size=20)
    who = np.repeat(np.arange(20), 30)
    rows = people[who] + 0.05 * rng.normal(size=(600, 40))
    test = rng.normal(size=(300, 40))
    unseen = rng.normal(size=(300, 1))
    grouped = RegressionTask.prepare(rows, tones[who], test, unseen, train_clusters=who)
    by_rows = RegressionTask.prepare(rows, tones[who], test, unseen)
    errors = [
        np.square(task.predict("linear", task.train_targets, 0)[0]).mean() for task in (grouped, by_rows)
    ]
    # Nothing can be known of the unseen ones: the smaller the predictions, the better.
    assert errors[0] < 0.5 * errors[1]
