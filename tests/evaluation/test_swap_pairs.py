from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.scene import Scene
from keras_fer.evaluation.swap_pairs import swap_pairs

FACES = SyntheticConfig(image_size=32, difficulty="easy")
PAIRS = swap_pairs(FACES, 112, 5)


def test_pairs_are_of_different_people_with_different_expressions():
    for pair in PAIRS:
        assert pair.a.identity != pair.b.identity
        assert pair.a.expression.label != pair.b.expression.label
    assert [pair.number for pair in PAIRS] == list(range(112))


def test_expressions_and_people_are_balanced():
    labels = Counter((pair.a.expression.label, pair.b.expression.label) for pair in PAIRS)
    assert len(labels) == 56
    assert set(labels.values()) == {2}
    people = [pair.person for pair in PAIRS]
    assert people == sorted(people)
    assert set(Counter(people).values()) <= {22, 23}
    # A person has one face.
    assert len({pair.b.identity for pair in PAIRS}) == 5
    assert {pair.a.identity for pair in PAIRS} == {pair.b.identity for pair in PAIRS}


def test_every_picture_is_taken_in_its_own_way():
    assert len({pair.a.nuisance for pair in PAIRS} | {pair.b.nuisance for pair in PAIRS}) == 224


def test_the_truth_is_b_but_for_the_action_units_of_a():
    pair = PAIRS[7]
    truth = pair.truth
    assert truth.identity is pair.b.identity
    assert truth.nuisance is pair.b.nuisance
    for field in fields(truth.expression):
        wanted = getattr(pair.a.expression, field.name)
        np.testing.assert_array_equal(getattr(truth.expression, field.name), wanted)
    by_hand = Scene(pair.b.identity, pair.a.expression, pair.b.nuisance)
    np.testing.assert_array_equal(render_scene(FACES, truth), render_scene(FACES, by_hand))


def test_two_people_at_least():
    with pytest.raises(ValueError, match="Received: num_people=1"):
        swap_pairs(FACES, 8, 1)
    assert {pair.person for pair in swap_pairs(FACES, 8, 2)} == {0, 1}
