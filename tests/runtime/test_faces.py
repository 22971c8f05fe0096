import pytest

from keras_fer.runtime.faces import Face, left_to_right
from keras_fer.runtime.preprocessing import Box


@pytest.mark.parametrize(
    ("right_eye", "left_eye", "roll"),
    [((10, 20), (30, 20), 0), ((10, 20), (30, 40), 45), ((10, 20), (30, 0), -45), ((30, 20), (10, 20), 180)],
)
def test_roll_is_the_angle_of_the_eyes_clockwise(right_eye, left_eye, roll):
    face = Face(Box(0, 0, 40, 40), keypoints={"right_eye": right_eye, "left_eye": left_eye})
    assert face.roll == pytest.approx(roll)


@pytest.mark.parametrize("keypoints", [{}, {"right_eye": (1, 2)}])
def test_no_roll_without_both_eyes(keypoints):
    assert Face(Box(0, 0, 40, 40), keypoints=keypoints).roll == 0


def test_left_to_right_goes_by_the_centre():
    wide, left, right = Face(Box(0, 0, 100, 9)), Face(Box(30, 0, 40, 9)), Face(Box(80, 5, 90, 9))
    assert left_to_right([right, wide, left]) == [left, wide, right]
