from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.errors import FERError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"difficulty": "medium"}, "no difficulty 'medium'.*easy, standard, hard"),
        ({"image_size": 16}, "32 to 256 pixels.*image_size=16"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"label_noise": 1.5}, r"chance in \[0, 1\]"),
        ({"test_share": 0.9, "validation_share": 0.2}, "leave room for training"),
        ({"num_images": 0}, "must be positive"),
        ({"num_images": 33, "pairs": True}, "even where they come in pairs"),
        ({"num_images": 100, "num_identities": 2}, "3 to 100 identities"),
        ({"num_images": 100, "num_identities": 51, "pairs": True}, "3 to 50 identities"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(FERError, match=message):
        SyntheticConfig(**changes)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 400), st.booleans(), st.integers(3, 10), st.integers(0, 5))
def test_splits_have_their_own_people_and_none_is_empty(half, pairs, people, seed):
    config = SyntheticConfig(num_images=2 * half, pairs=pairs, num_identities=people, seed=seed)
    people_of = {0: set(), 1: set(), 2: set()}
    for index in range(config.num_images):
        people_of[config.split(index)].add(config.identity(index))
    assert all(people_of.values())
    assert sum(map(len, people_of.values())) == len(set.union(*people_of.values())) == people


def test_shares_of_the_splits():
    config = SyntheticConfig(num_images=4800)
    counts = np.bincount([config.split(index) for index in range(4800)]) / 4800
    np.testing.assert_allclose(counts, (0.75, 0.1, 0.15), atol=0.01)
    without = SyntheticConfig(num_images=480, validation_share=0.0)
    assert Counter(without.split(index) for index in range(480)).keys() == {0, 2}


@pytest.mark.parametrize("pairs", [False, True])
def test_labels_are_balanced(pairs):
    config = SyntheticConfig(num_images=1600, pairs=pairs)
    counts = np.bincount([config.clean_label(index) for index in range(1600)])
    assert counts.tolist() == [200] * 8


def test_members_of_a_pair_share_the_person_and_differ_in_expression():
    config = SyntheticConfig(num_images=1600, pairs=True)
    combinations = set()
    for index in range(0, 1600, 2):
        assert config.identity(index) == config.identity(index + 1)
        assert config.split(index) == config.split(index + 1)
        first, second = config.clean_label(index), config.clean_label(index + 1)
        assert first != second
        combinations.add((first, second))
    assert len(combinations) == 56


def test_label_noise_changes_that_share_of_labels_to_any_other():
    config = SyntheticConfig(num_images=4000, label_noise=0.25)
    clean = np.array([config.clean_label(index) for index in range(4000)])
    given_labels = np.array([config.label(index) for index in range(4000)])
    assert abs((clean != given_labels).mean() - 0.25) < 0.025
    assert set((given_labels - clean)[clean == 3].tolist()) == {-3, -2, -1, 0, 1, 2, 3, 4}
    quiet = SyntheticConfig(num_images=4000)
    assert [quiet.label(index) for index in range(100)] == clean[:100].tolist()
