"""Displacements of action units against the numbers they are specified with."""

import numpy as np
import pytest

from keras_fer.data.synthetic.action_units import ACTION_UNITS, POSITION
from keras_fer.data.synthetic.controls import CONTROLS, crease_depths, expression_controls
from keras_fer.data.synthetic.curves import face_curves
from keras_fer.data.synthetic.identity import sample_identity

CURVES = face_curves(sample_identity(0, 7))


def units(**strengths):
    """Action units from `au12=1.0` (both sides) or `au12=(0.0, 1.0)`."""
    array = np.zeros((len(ACTION_UNITS), 2), np.float32)
    for name, strength in strengths.items():
        array[POSITION[int(name[2:])]] = strength
    return array


def moved(curve, gain=1.0, **strengths):
    """Displacement of the points of a curve, `(n, 2)`."""
    span = CURVES.spans[curve]
    acting = CURVES.points(expression_controls(units(**strengths), gain))
    return (acting - CURVES.points(expression_controls(units())))[span]


def test_mouth_corners_of_a_smile():
    lips = moved("inner_upper", au12=1.0)
    np.testing.assert_allclose(lips[0], (-0.085, -0.12), atol=1e-6)
    np.testing.assert_allclose(lips[-1], (0.085, -0.12), atol=1e-6)


def test_mouth_corners_of_sadness():
    lips = moved("inner_upper", au15=1.0)
    np.testing.assert_allclose(lips[[0, -1]], [(0, 0.095), (0, 0.095)], atol=1e-6)
    np.testing.assert_allclose(lips[8], 0, atol=1e-9)


def test_brows():
    inner, outer = moved("brow_right", au1=1.0)[0], moved("brow_right", au2=1.0)[8]
    np.testing.assert_allclose(inner, (0, -0.085), atol=1e-6)
    np.testing.assert_allclose(outer, (0, -0.094 * 0.85**0.8), atol=1e-6)
    np.testing.assert_allclose(moved("brow_right", au4=1.0)[0], (-0.035, 0.1), atol=1e-6)
    np.testing.assert_allclose(moved("brow_left", au4=1.0)[0], (0.035, 0.1), atol=1e-6)


def test_lids():
    open_lids, closed = moved("upper_lid_left", au5=1.0)[6], moved("upper_lid_left", au43=1.0)[6]
    np.testing.assert_allclose(open_lids[1], -0.6 * closed[1], rtol=1e-6)
    assert closed[1] > 0.08
    gap = CURVES.points(expression_controls(units(au43=1.0)))
    upper = gap[CURVES.spans["upper_lid_left"]]
    lower = gap[CURVES.spans["lower_lid_left"]][::-1]
    assert (upper[:, 1] <= lower[:, 1] + 1e-9).all()


def test_jaw_drop_moves_chin_and_lower_lip():
    np.testing.assert_allclose(moved("chin", au26=1.0)[1], (0, 0.55 * 0.21), atol=1e-6)
    assert moved("inner_lower", au26=1.0)[8, 1] > 0.12
    assert moved("inner_upper", au26=1.0)[8, 1] < 0


def test_gain_scales_displacements():
    np.testing.assert_allclose(
        moved("inner_upper", gain=1.5, au12=0.5)[0], moved("inner_upper", au12=0.75)[0], atol=1e-7
    )


@pytest.mark.parametrize("unit", [12, 14, 15, 20])
def test_a_unit_of_one_side_leaves_the_other_corner(unit):
    lips = moved("inner_upper", **{f"au{unit}": (0.0, 1.0)})
    np.testing.assert_allclose(lips[0], 0, atol=1e-9)
    assert np.abs(lips[-1]).max() > 0.01


def test_every_unit_moves_something_or_creases_the_skin():
    rest = CURVES.points(expression_controls(units()))
    for unit in ACTION_UNITS:
        acting = units(**{f"au{unit}": 1.0})
        moves = np.abs(CURVES.points(expression_controls(acting)) - rest).max()
        assert moves > 0.015, unit


def test_points_are_one_matrix_product():
    controls = np.random.default_rng(0).random(len(CONTROLS))
    expected = CURVES.mean + sum(value * row for value, row in zip(controls, CURVES.basis, strict=True))
    np.testing.assert_allclose(CURVES.points(controls).reshape(-1), expected, atol=1e-12)


def test_canvas_coordinates_are_sixteenths_of_pixel_centres():
    canvas = CURVES.on_canvas((-1.5, -1.62), 32.0)
    controls = expression_controls(units(au12=1.0))
    expected = ((CURVES.points(controls) - (-1.5, -1.62)) * 32.0 - 0.5) * 16
    np.testing.assert_allclose(canvas.points(controls), expected, atol=1e-9)


def test_age_creases_the_skin_as_expressions_do():
    young, old = (crease_depths(units(), 1.0, age) for age in (0.0, 1.0))
    assert (old >= young).all()
    assert (old - young).mean() > 0.3
    happy = crease_depths(units(au6=1.0, au12=1.0), 1.0, 0.0)
    assert happy.max() <= 1
    assert (happy > young).any()
