import numpy as np
import pytest

from keras_fer.runtime.annotation import annotated
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.recognizer import Prediction

GREEN, GRAY = (46, 204, 113), (200, 200, 200)


def answer(box, uncertain=False):
    probabilities = {"fear": 0.3, "happiness": 0.6, "anger": 0.1}
    return Face(Box(*box)), Prediction("", "happiness", 0.6, probabilities, uncertain)


def painted(image, color):
    return np.all(image == color, axis=-1)


def extent(mask):
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max(), rows.max()


def test_box_is_framed_and_named_above():
    image = np.zeros((200, 300, 3), np.uint8)
    picture = annotated(image, [answer((100, 80, 180, 160))])
    assert image.max() == 0
    assert picture.shape == image.shape
    green = painted(picture, GREEN)
    assert green[80, 100:181].all()
    assert green[160, 100:181].all()
    assert green[80:161, 100].all()
    assert green[80:161, 180].all()
    assert not green[90:150, 110:170].any()
    left, top, _, bottom = extent(green)
    assert (left, bottom) == (100, 160)
    assert 50 < top < 72
    # Something is written on the ground of the label.
    assert not green[top:79, 102:150].all()


def test_label_goes_below_where_there_is_no_room_above():
    green = painted(annotated(np.zeros((200, 300, 3), np.uint8), [answer((100, 2, 180, 82))]), GREEN)
    assert extent(green)[3] > 90


def test_lines_that_would_cover_the_face_are_left_out():
    green = painted(annotated(np.zeros((128, 128, 3), np.uint8), [answer((20, 20, 100, 120))], 3), GREEN)
    assert green[:19, 20:80].any()
    assert not green[25:115, 25:95].any()


def test_label_stays_at_the_foot_where_there_is_no_room_at_all():
    green = painted(annotated(np.zeros((80, 300, 3), np.uint8), [answer((250, -20, 330, 90))]), GREEN)
    assert green.any()
    assert green[65:, 200:].mean() > 0.3
    assert green[5:40, 255:].mean() < 0.1


def test_uncertain_answers_are_gray():
    picture = annotated(np.zeros((200, 300, 3), np.uint8), [answer((100, 80, 180, 160), uncertain=True)])
    assert not painted(picture, GREEN).any()
    assert painted(picture, GRAY)[80, 100:181].all()


@pytest.mark.parametrize("top", [1, 2, 3])
def test_a_line_per_expression(top):
    green = painted(annotated(np.zeros((300, 300, 3), np.uint8), [answer((100, 150, 180, 230))], top), GREEN)
    height = 150 - extent(green)[1]
    one = painted(annotated(np.zeros((300, 300, 3), np.uint8), [answer((100, 150, 180, 230))], 1), GREEN)
    assert (top - 1) * 10 <= height - (150 - extent(one)[1]) <= (top - 1) * 20


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (4000, 20, 3)])
@pytest.mark.parametrize("box", [(-50, -50, -10, -10), (0, 0, 1, 1), (-1e4, -1e4, 1e4, 1e4)])
def test_odd_pictures_and_boxes(shape, box):
    assert annotated(np.zeros(shape, np.uint8), [answer(box)]).shape == shape


def test_nobody():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(annotated(image, []), image)
