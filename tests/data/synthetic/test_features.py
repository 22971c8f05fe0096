from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from keras_fer.data.synthetic.action_units import ACTION_UNITS, POSITION, Expression
from keras_fer.data.synthetic.canvas import ORIGIN
from keras_fer.data.synthetic.features import paint_expression
from keras_fer.data.synthetic.identity import HAIR_STYLES, sample_identity
from keras_fer.data.synthetic.portrait import portrait

SIZE = 288
PERSON = replace(sample_identity(0, 3), glasses=0, beard=0, mouth_curve=0.0, age=0.0)


def acting(person=PERSON, size=SIZE, **strengths):
    units = np.zeros((len(ACTION_UNITS), 2), np.float32)
    for name, strength in strengths.items():
        units[POSITION[int(name[2:])]] = strength
    return paint_expression(portrait(person, size), Expression(1, 1.0, units), 1.0, (0.0, 0.0))


def pixel(x, y):
    """Column and row of a place on the face."""
    return tuple(np.rint((np.array([x, y]) - ORIGIN) * SIZE / 3 - 0.5).astype(int))


def test_shapes_and_types():
    rgba, height, creases = acting(au12=1.0)
    assert (rgba.shape, rgba.dtype) == ((SIZE, SIZE, 4), np.uint8)
    assert (height.shape, height.dtype) == ((SIZE, SIZE), np.float32)
    assert (creases.shape, creases.dtype) == ((SIZE, SIZE), np.uint8)


@pytest.mark.parametrize(
    "strengths", [{"au12": 1.0, "au25": 1.0, "au26": 0.3}, {"au20": 1.0, "au25": 1.0, "au26": 0.6}]
)
def test_the_edge_of_the_upper_teeth_is_straight(strengths):
    """An edge parallel to the lip would give fangs."""
    rgba, _, _ = acting(**strengths)
    column, row = pixel(0, PERSON.mouth_height)
    mouth = rgba[row - 20 : row + 40, column - 12 : column + 13, :3].astype(int)
    bright = mouth.min(axis=2) > 190
    assert bright.any(axis=0).all(), "teeth show across the middle of the mouth"
    edges = [np.flatnonzero(bright[:, position])[-1] for position in range(bright.shape[1])]
    assert max(edges) - min(edges) <= 1


def test_a_closed_mouth_shows_no_teeth_and_an_open_one_its_inside():
    column, row = pixel(0, PERSON.mouth_height)
    closed = acting(au12=1.0)[0][row - 10 : row + 20, column - 15 : column + 15, :3]
    assert closed.min(axis=2).max() < 190
    open_mouth = acting(au26=1.0)[0][row : row + 30, column - 15 : column + 15, :3]
    assert open_mouth.max(axis=2).min() < 80


def test_a_blink_hides_the_eyeball():
    column, row = pixel(PERSON.eye_spacing, PERSON.eye_height)
    region = np.s_[row - 8 : row + 8, column - 14 : column + 14, :3]
    assert acting()[0][region].min(axis=2).max() > 215
    assert acting(au43=1.0)[0][region].min(axis=2).max() < 215


def test_raised_cheeks_and_creases_change_height():
    rest, smile = acting(), acting(au6=1.0)
    column, row = pixel(0.42, 0.17)
    assert smile[1][row, column] > rest[1][row, column] + 0.03
    assert int(smile[2].max()) > int(rest[2].max()) + 20


def test_nothing_creases_the_hair():
    person = replace(PERSON, hair_style=HAIR_STYLES.index("fringe"), age=1.0)
    _, _, creases = acting(person, au1=1.0, au2=1.0)
    hidden = portrait(person, SIZE).bare < 10
    assert hidden.mean() > 0.05
    assert creases[hidden].max() < 12


def test_glasses_lie_over_the_brows():
    plain, worn = acting()[0], acting(replace(PERSON, glasses=2))[0]
    changed = (plain != worn).any(axis=(1, 2))
    rows = np.flatnonzero(changed)
    assert pixel(0, PERSON.eye_height - 0.3)[1] < rows[0] < rows[-1] < pixel(0, PERSON.eye_height + 0.35)[1]


def test_half_a_pixel_of_motion_shows():
    """Curves are drawn to a sixteenth of a pixel, so weak action units are visible."""
    weak = [acting(size=96, au12=strength)[0].astype(int) for strength in (0.0, 0.04, 0.08, 0.12)]
    for first, second in pairwise(weak):
        assert np.abs(first - second).max() > 3
