import math
from dataclasses import fields

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.synthetic.identity import BEARDS, GLASSES, HAIR_STYLES, sample_identity


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(0, 100_000))
def test_latents_are_finite_and_kinds_exist(seed, number):
    identity = sample_identity(seed, number)
    assert identity.number == number
    for field in fields(identity):
        assert math.isfinite(getattr(identity, field.name))
    for name in ("skin_tone", "hair_tone", "iris_tone", "age", "freckles", "makeup"):
        assert 0 <= getattr(identity, name) <= 1, name
    assert 0 <= identity.hair_style < len(HAIR_STYLES)
    assert 0 <= identity.glasses < len(GLASSES)
    assert 0 <= identity.beard < len(BEARDS)
    assert identity.eye_height < identity.nose_base < identity.mouth_height


def test_people_differ_and_depend_on_the_seed_of_the_data_set():
    people = [sample_identity(0, number) for number in range(200)]
    assert len({person.texture for person in people}) == 200
    assert sample_identity(1, 0) != people[0]
    assert {person.hair_style for person in people} == set(range(len(HAIR_STYLES)))
    assert {person.beard for person in people} == set(range(len(BEARDS)))
    assert 0.15 < np.mean([person.glasses > 0 for person in people]) < 0.35
    assert np.std([person.skin_tone for person in people]) > 0.25


def test_resting_faces_look_like_weak_expressions_on_purpose():
    people = [sample_identity(0, number) for number in range(200)]
    curves = np.array([person.mouth_curve for person in people])
    assert curves.min() < -0.02
    assert curves.max() > 0.02
