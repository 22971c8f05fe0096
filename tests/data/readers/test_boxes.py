import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers.boxes import (
    box_from_edges,
    box_from_size,
    box_of_landmarks,
    landmarks,
    roll_degrees,
    valence_arousal,
)


@pytest.mark.parametrize(
    ("cells", "box", "reason"),
    [
        (("4", "6", "20", "22"), (4, 6, 24, 28), None),
        (("24", "28", "-20", "-22"), (4, 6, 24, 28), None),
        (("-3", "0.5", "10", "10"), (-3, 0.5, 7, 10.5), None),
        (("4", "6", "0", "22"), None, "face box without area"),
        (("NULL", "6", "20", "22"), None, "no face box"),
        (("4", "6", "nan", "22"), None, "no face box"),
        (("4", "6", "1e300", "22"), None, "no face box"),
        (("4", "6", "", "22"), None, "no face box"),
    ],
)
def test_box_from_size(cells, box, reason):
    assert box_from_size(*cells) == (box, reason)


def test_edges_in_the_wrong_order_are_no_box():
    assert box_from_edges("1", "2", "3", "4") == ((1, 2, 3, 4), None)
    assert box_from_edges("3", "2", "1", "4") == (None, "face box without area")


def test_landmarks(trees):
    points = trees.landmark_points(roll=30)
    parsed = landmarks([float(text) for text in trees.landmarks_text(roll=30).split(";")])
    np.testing.assert_allclose(parsed, points, atol=1e-3)
    assert roll_degrees(parsed) == pytest.approx(30, abs=0.01)
    assert roll_degrees(landmarks([0.0] * 136)) == 0
    assert box_of_landmarks(trees.landmark_points()) == ((4, 6, 24, 28), None)


@pytest.mark.parametrize("values", [[], [1.0] * 135, [1.0] * 138, [1.0] * 135 + [math.nan], [1e9] * 136])
def test_values_that_are_no_landmarks(values):
    assert landmarks(values) is None
    assert math.isnan(roll_degrees(None))
    assert box_of_landmarks(None) == (None, "no face box")


def test_ratings():
    assert valence_arousal(-1, 1) == (-1, 1)
    assert all(math.isnan(rating) for rating in valence_arousal(-2, 1.01))
    valence, arousal = valence_arousal(math.nan, 0.5)
    assert math.isnan(valence)
    assert arousal == 0.5


NUMBERS = st.one_of(st.floats().map(str), st.integers().map(str), st.text(max_size=4))


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS, min_size=4, max_size=4))
def test_any_cells_are_a_box_with_area_or_a_reason(cells):
    for box, reason in (box_from_edges(*cells), box_from_size(*cells)):
        assert (box is None) == (reason is not None)
        assert box is None or (box.right > box.left and box.bottom > box.top)
