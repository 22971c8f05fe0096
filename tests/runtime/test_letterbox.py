import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_fer.runtime.letterbox import Letterbox, letterboxed


def noise(*shape):
    return np.random.default_rng(0).integers(1, 256, shape, dtype=np.uint8)


def test_wide_picture_lies_in_the_middle_with_black_above_and_below():
    square, box = letterboxed(Image.fromarray(noise(40, 80, 3)), None, 8)
    assert square.shape == (8, 8, 3)
    assert square[:2].max() == square[6:].max() == 0
    assert square[2:6].min() > 0
    assert box == Letterbox(0.1, 0.1, 0, 2)


def test_tall_picture_lies_in_the_middle_with_black_at_the_sides():
    square, box = letterboxed(Image.fromarray(noise(40, 20, 3)), None, 80)
    assert square[:, :20].max() == square[:, 60:].max() == 0
    assert square[:, 20:60].min() > 0
    assert box == Letterbox(2, 2, 20, 0)


def test_region_is_cut_out():
    pixels = noise(20, 30, 3)
    square, box = letterboxed(Image.fromarray(pixels), (10, 4, 26, 20), 16)
    np.testing.assert_array_equal(square, pixels[4:20, 10:26])
    np.testing.assert_array_equal(box.undo(np.array([[0, 0], [16, 8]])), [[10, 4], [26, 12]])


def test_what_lies_outside_the_picture_is_left_out():
    pixels = noise(10, 20, 3)
    square, box = letterboxed(Image.fromarray(pixels), (-5, -5, 8, 100), 10)
    np.testing.assert_array_equal(square[:, 1:9], pixels[:, :8])
    assert square[:, 9:].max() == square[:, :1].max() == 0
    assert box == Letterbox(1, 1, 1, 0)


def test_single_pixel():
    square, box = letterboxed(Image.fromarray(noise(1, 1, 3)), None, 4)
    assert (square == square[0, 0]).all()
    assert box == Letterbox(4, 4, 0, 0)


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1), st.floats(0, 1))
def test_points_find_back(height, width, across, down):
    picture = Image.fromarray(np.zeros((height, width, 3), np.uint8))
    _, box = letterboxed(picture, None, 128)
    point = np.array([across * width, down * height])
    there = point * [box.scale_x, box.scale_y] + [box.shift_x, box.shift_y]
    assert np.all((there >= -1e-6) & (there <= 128 + 1e-6))
    np.testing.assert_allclose(box.undo(there), point, atol=1e-6)
    # No squeeze: the scales differ by the rounding to whole pixels only.
    assert abs(box.scale_x * width - box.scale_y * width) <= 0.5 * width / min(height, width) + 1e-6 or (
        min(height, width) * 128 / max(height, width) < 1
    )


@pytest.mark.parametrize("size", [(3000, 4000), (480, 640)])
def test_mean_brightness_is_kept(size):
    pixels = noise(*size, 3)
    square, _ = letterboxed(Image.fromarray(pixels), None, 128)
    assert square[16:112].mean() == pytest.approx(pixels.mean(), abs=1)
