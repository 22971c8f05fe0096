import numpy as np

from keras_fer.data.random_part import random_part


def test_few_rows_stay_as_they_are():
    rows = np.array([5, 2, 9])
    assert random_part(rows, 3, seed=0) is rows


def test_a_part_is_some_of_the_rows_in_their_order():
    rows = np.arange(100, 1100, 10)
    part = random_part(rows, 20, seed=0)
    assert len(part) == len(set(part)) == 20
    assert set(part) <= set(rows)
    assert (np.diff(part) > 0).all()
    assert part.min() < 400
    assert part.max() > 700


def test_the_seed_decides():
    rows = np.arange(1000)
    np.testing.assert_array_equal(random_part(rows, 9, seed=3), random_part(rows, 9, seed=3))
    assert random_part(rows, 9, seed=3).tolist() != random_part(rows, 9, seed=4).tolist()


def test_golden_part():
    # Probes of stored runs learned from such parts.
    assert random_part(np.arange(50), 5, seed=0).tolist() == [13, 15, 24, 29, 39]
