import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.synthetic.action_units import (
    ACTION_UNITS,
    POSITION,
    RECIPES,
    sample_expression,
)
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.labels import EXPRESSIONS_8

EMFACS = {
    "happiness": {6, 12},
    "sadness": {1, 4, 15},
    "surprise": {1, 2, 5, 26},
    "fear": {1, 2, 4, 5, 7, 20, 26},
    "anger": {4, 5, 7, 23},
    "contempt": {12, 14},
}


def test_recipes_hold_the_emfacs_units_and_only_known_ones():
    assert tuple(RECIPES) == EXPRESSIONS_8
    for name, units in EMFACS.items():
        assert units <= {unit for unit, _, _ in RECIPES[name][0]}
    disgust = [{unit for unit, _, _ in recipe} for recipe in RECIPES["disgust"]]
    assert {9, 15, 16} <= disgust[0]
    assert {4, 10, 17} <= disgust[1]
    for recipes in RECIPES.values():
        for recipe in recipes:
            for unit, probability, strength in recipe:
                assert unit in ACTION_UNITS
                assert 0 < probability <= 1
                assert 0 < strength <= 1


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7), st.sampled_from(sorted(DIFFICULTIES)))
def test_units_and_intensity_stay_in_range(seed, label, name):
    difficulty = DIFFICULTIES[name]
    expression = sample_expression(np.random.default_rng(seed), label, difficulty)
    units = expression.action_units
    assert units.shape == (19, 2)
    assert units.dtype == np.float32
    assert units.min() >= 0
    assert units.max() <= 1
    if label == 0:
        assert expression.intensity == 0
    else:
        assert difficulty.intensity[0] <= expression.intensity <= difficulty.intensity[1]


def test_contempt_is_one_sided():
    quiet = DIFFICULTIES["easy"].__class__(**{**vars(DIFFICULTIES["easy"]), "background_units": 0.0})
    strong = set()
    for seed in range(40):
        expression = sample_expression(np.random.default_rng(seed), EXPRESSIONS_8.index("contempt"), quiet)
        left, right = expression.action_units[POSITION[14]]
        assert min(left, right) < 0.25 * max(left, right)
        strong.add(bool(left > right))
    assert strong == {True, False}


@pytest.mark.parametrize("unit", [25, 43])
def test_every_expression_speaks_and_blinks(unit):
    shares = []
    for label in (0, EXPRESSIONS_8.index("contempt")):
        drawn = [
            sample_expression(np.random.default_rng([seed, label]), label, DIFFICULTIES["hard"])
            for seed in range(1200)
        ]
        shares.append(np.mean([expression.action_units[POSITION[unit]].max() > 0.28 for expression in drawn]))
    expected = {25: 0.25, 43: 0.06}[unit] * DIFFICULTIES["hard"].background_units
    np.testing.assert_allclose(shares, expected, atol=0.04)


def test_the_same_stream_gives_the_same_background_units_to_every_expression():
    neutral, anger = (
        sample_expression(np.random.default_rng(3), label, DIFFICULTIES["hard"]) for label in (0, 6)
    )
    assert (anger.action_units >= neutral.action_units).all()
