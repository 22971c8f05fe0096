import io

import numpy as np
import pytest
from PIL import Image

from keras_fer.evaluation.picture_sheet import RIGHT, PictureSheet, levels


def pixels(sheet):
    return np.asarray(Image.open(io.BytesIO(sheet.png())))


def test_levels():
    picture = np.array([-1.0, -0.5, 0.0, 1.0, 1.5, -2.0]).reshape(1, 6, 1)
    assert levels(picture).ravel().tolist() == [0, 64, 128, 255, 255, 0]
    stored = np.array([[[7]]], np.uint8)
    assert levels(stored) is stored


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_stands_where_it_is_put_with_a_frame_around(channels):
    sheet = PictureSheet(60, 40)
    sheet.picture(10, 12, np.full((4, 4, channels), 1.0 / 127.5), 16, RIGHT)
    found = pixels(sheet)
    assert found.shape == (40, 60, 3)
    assert (found[12:28, 10:26] == 129).all()
    for row, column in ((9, 10), (30, 25), (20, 7), (20, 28)):
        assert tuple(found[row, column]) == RIGHT
    assert (found[:8] == 255).all()
    assert (found[:, 30:] == 255).all()


def test_text_is_dark_on_white_and_unknown_characters_are_no_error():
    sheet = PictureSheet(200, 40)
    sheet.text(100, 10, "a → b ✓", centred=True)
    found = pixels(sheet)
    columns = np.flatnonzero((found < 128).any(axis=(0, 2)))
    assert len(columns)
    # Centred: as far from the middle on either side.
    assert abs((100 - columns[0]) - (columns[-1] - 100)) < 4


def test_a_line():
    sheet = PictureSheet(20, 20)
    sheet.line(2, 5, 15, 5)
    assert (pixels(sheet)[5, 2:16] < 255).all()
