import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.splitting import carve


def test_each_class_gives_its_share():
    labels = np.repeat([0, 1, 2, -1], [1000, 300, 40, 60])
    chosen = carve(labels, np.arange(len(labels)), 0.1, seed=0)
    assert [int(chosen[labels == label].sum()) for label in (0, 1, 2, -1)] == [100, 30, 4, 6]


def test_rare_classes_give_one_and_keep_one():
    labels = np.array([0, 0, 1, 1, 1, 2])
    chosen = carve(labels, np.arange(6), 0.01, seed=3)
    assert [int(chosen[labels == label].sum()) for label in range(3)] == [1, 1, 0]
    chosen = carve(labels, np.arange(6), 0.99, seed=3)
    assert [int((~chosen)[labels == label].sum()) for label in range(3)] == [1, 1, 1]


def test_same_seed_same_rows():
    labels = np.arange(200) % 4
    groups = np.arange(200) // 3
    first = carve(labels, groups, 0.2, seed=1)
    np.testing.assert_array_equal(first, carve(labels, groups, 0.2, seed=1))
    assert not np.array_equal(first, carve(labels, groups, 0.2, seed=2))


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 12)), max_size=120),
    st.floats(0, 0.9),
    st.integers(0, 99),
)
def test_no_group_is_on_both_sides(rows, share, seed):
    labels = np.array([label for label, _ in rows], np.int64)
    groups = np.array([group for _, group in rows], np.int64)
    chosen = carve(labels, groups, share, seed)
    assert chosen.shape == labels.shape
    assert not set(groups[chosen]) & set(groups[~chosen])
    for label in set(labels):
        assert not chosen[labels == label].all()


def test_people_are_kept_together_and_classes_stay_near_their_share():
    random = np.random.default_rng(0)
    groups = random.integers(0, 200, 10_000)
    labels = random.choice(8, 10_000, p=[0.3, 0.3, 0.1, 0.1, 0.08, 0.06, 0.04, 0.02])
    chosen = carve(labels, groups, 0.1, seed=0)
    shares = [chosen[labels == label].mean() for label in range(8)]
    assert 0.09 < chosen.mean() < 0.11
    assert min(shares) > 0.06
    assert max(shares) < 0.14


def test_the_split_is_not_made_of_duplicates_alone():
    labels = np.zeros(1000, np.int64)
    groups = np.concatenate([np.arange(200) // 2, np.arange(200, 1000)])
    chosen = carve(labels, groups, 0.1, seed=0)
    assert chosen.sum() == 100
    assert 10 <= chosen[:200].sum() <= 30


def test_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"share=1\.0"):
        carve(np.zeros(3), np.arange(3), 1.0, 0)
