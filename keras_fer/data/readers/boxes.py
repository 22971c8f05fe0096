"""Face boxes and landmarks as annotation files write them."""

import math
from collections.abc import Sequence

from keras_fer.data.readers import reasons
from keras_fer.data.readers.tables import number
from keras_fer.data.records import Box

NUM_LANDMARKS = 68
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
_LARGEST = 1e6

Points = list[tuple[float, float]]


def box_from_edges(left: str, top: str, right: str, bottom: str) -> tuple[Box | None, str | None]:
    """Returns a box from its edges in pixels, or the reason why there is none."""
    return _checked(number(left), number(top), number(right), number(bottom))


def box_from_size(left: str, top: str, width: str, height: str) -> tuple[Box | None, str | None]:
    """Returns a box from its corner and size in pixels, or the reason why there is none.

    A negative size, as some rows of AffectNet have it, means that the corner is the opposite one.
    """
    first, second = number(left), number(top)
    third, fourth = first + number(width), second + number(height)
    if third < first:
        first, third = third, first
    if fourth < second:
        second, fourth = fourth, second
    return _checked(first, second, third, fourth)


def _checked(left: float, top: float, right: float, bottom: float) -> tuple[Box | None, str | None]:
    edges = (left, top, right, bottom)
    if not all(abs(edge) <= _LARGEST for edge in edges):
        return None, reasons.NO_BOX
    if right <= left or bottom <= top:
        return None, reasons.EMPTY_BOX
    return Box(*edges), None


def box_of_landmarks(points: Points | None) -> tuple[Box | None, str | None]:
    """Returns the smallest box around landmarks, or the reason why there is none."""
    if points is None:
        return None, reasons.NO_BOX
    xs, ys = zip(*points, strict=True)
    return _checked(min(xs), min(ys), max(xs), max(ys))


def landmarks(values: Sequence[float]) -> Points | None:
    """Returns 68 points from x1, y1, x2, y2, …; None unless there are 136 finite values."""
    if len(values) != 2 * NUM_LANDMARKS or not all(abs(value) <= _LARGEST for value in values):
        return None
    return list(zip(values[0::2], values[1::2], strict=True))


def roll_degrees(points: Points | None) -> float:
    """Returns the rotation of the line through the eyes in the image plane, degrees.

    Positive where the eye on the right side of the image is lower; NaN without landmarks.
    """
    if points is None:
        return math.nan
    (left_x, left_y), (right_x, right_y) = _centre(points[_LEFT_EYE]), _centre(points[_RIGHT_EYE])
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def _centre(points: Points) -> tuple[float, float]:
    xs, ys = zip(*points, strict=True)
    return sum(xs) / len(xs), sum(ys) / len(ys)


def valence_arousal(valence: float, arousal: float) -> tuple[float, float]:
    """Returns two ratings, NaN in place of what is outside [−1, 1], such as AffectNet's −2."""
    return (
        valence if -1 <= valence <= 1 else math.nan,
        arousal if -1 <= arousal <= 1 else math.nan,
    )
