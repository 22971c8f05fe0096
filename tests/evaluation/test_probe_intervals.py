import numpy as np
import pytest

from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.evaluation.probe_intervals import balanced_accuracy_interval, r2_interval


def width(interval):
    return interval.high - interval.low


def answers_of_people(people=40, images=25, seed=0):
    """Labels, and predictions that are all right or all wrong for a person, with who is on each image."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), images)
    labels = rng.integers(2, size=len(who))
    right = (rng.random(people) < 0.7)[who]
    return labels, np.where(right, labels, 1 - labels), who


def test_independent_rows_give_about_the_interval_of_a_share():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    predictions = np.where(rng.random(400) < 0.8, labels, 1 - labels)
    low, high = balanced_accuracy_interval(labels, predictions[None], np.arange(400), 2)
    expected = wilson_interval(int((labels == predictions).sum()), 400)
    assert low == pytest.approx(expected.low, abs=0.01)
    assert high == pytest.approx(expected.high, abs=0.01)


def test_people_who_are_all_right_or_all_wrong_widen_the_interval():
    labels, predictions, who = answers_of_people()
    of_people = balanced_accuracy_interval(labels, predictions[None], who, 2)
    of_rows = balanced_accuracy_interval(labels, predictions[None], np.arange(len(who)), 2)
    # 25 images that agree count as one: the interval is √25 times as wide.
    assert 3.5 < width(of_people) / width(of_rows) < 6.5


def test_values_that_people_share_widen_the_interval_of_r2():
    rng = np.random.default_rng(1)
    who = np.repeat(np.arange(30), 20)
    values = rng.normal(size=30)[who]
    predictions = values + 0.5 * rng.normal(size=30)[who]
    columns = values[:, None], predictions[None, :, None]
    of_people = r2_interval(*columns, who)
    of_rows = r2_interval(*columns, np.arange(len(who)))
    assert width(of_people) > 3 * width(of_rows)
    assert of_people.low < 0.75 < of_people.high


def test_golden_where_nothing_varies():
    labels = np.array([0, 0, 1, 1])
    assert balanced_accuracy_interval(labels, labels[None], np.arange(4), 2) == (1.0, 1.0)
    assert balanced_accuracy_interval(labels, 1 - labels[None], np.arange(4), 2) == (0.0, 0.0)
    values = np.arange(12.0)[:, None]
    assert r2_interval(values, values[None], np.arange(12)) == (1.0, 1.0)
    # Always the mean of the people: R² is 0 in a draw whose mean is that, and below it in others.
    constant = np.full((1, 12, 1), values.mean())
    assert r2_interval(values, constant, np.arange(12)).high <= 0


def test_golden_of_two_clusters():
    # A draw of two of the clusters {right, right} and {wrong, wrong} is right on 0, 1/2 or all.
    labels, predictions = np.array([0, 1, 0, 1]), np.array([[0, 1, 1, 0]])
    interval = balanced_accuracy_interval(labels, predictions, np.array([7, 7, 3, 3]), 2)
    assert interval == (0.0, 1.0)


def test_people_who_are_classes_count_as_often_as_they_are_drawn():
    recalls = np.random.default_rng(3).integers(0, 11, 60)
    labels = np.repeat(np.arange(60), 10)
    hits = np.arange(10)[None] < recalls[:, None]
    predictions = np.where(hits.ravel(), labels, (labels + 1) % 60)
    interval = balanced_accuracy_interval(labels, predictions[None], labels, 60)
    # That of the mean over 60 people; counted once each it would be a quarter narrower.
    assert width(interval) == pytest.approx(2 * 1.96 * (recalls / 10).std() / np.sqrt(60), rel=0.08)


def test_the_mean_over_probes_is_judged_on_the_same_draws():
    labels = np.array([0, 1] * 20)
    opposite = np.stack([np.zeros(40, int), np.ones(40, int)])
    # Each probe is right on one class: their mean is one half in every draw that has both classes.
    assert balanced_accuracy_interval(labels, opposite, np.arange(40), 2) == (0.5, 0.5)


def test_scale_and_shift_of_the_values_do_not_matter():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(60, 2))
    predictions = values[None] + 0.3 * rng.normal(size=(1, 60, 2))
    expected = r2_interval(values, predictions, np.arange(60))
    moved = r2_interval(1e-3 * values + 1e4, 1e-3 * predictions + 1e4, np.arange(60))
    assert moved == pytest.approx(expected, abs=1e-6)


def test_one_cluster_has_no_interval():
    values = np.arange(5.0)[:, None]
    assert np.isnan(balanced_accuracy_interval(np.array([0, 1]), np.array([[0, 1]]), np.zeros(2), 2)).all()
    assert np.isnan(r2_interval(values, values[None], np.zeros(5))).all()
