import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_fer.runtime.letterbox import Letterbox, letterboxed
from keras_fer.runtime.preprocessing import resize


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


@pytest.mark.parametrize(
    ("region", "row", "column"),
    [((-60, -60, -20, -20), 0, 0), ((-40, 10, 0, 50), 9, 0), ((5, 5, 5, 5), 5, 5), ((90, 2, 99, 3), 2, 19)],
)
def test_of_a_region_beside_the_picture_the_nearest_pixel_shows(region, row, column):
    pixels = noise(10, 20, 3)
    square, box = letterboxed(Image.fromarray(pixels), region, 4)
    assert (square == pixels[row, column]).all()
    np.testing.assert_array_equal(box.undo(np.array([[0, 0]])), [[column, row]])


def test_what_lies_beside_a_region_does_not_show():
    pixels = noise(300, 400, 3)
    cut = pixels[30:290, 50:310]
    square, _ = letterboxed(Image.fromarray(pixels), (50, 30, 310, 290), 128)
    np.testing.assert_array_equal(square, letterboxed(Image.fromarray(cut), None, 128)[0])


def resized(pixels, size, axis):
    """Shrinks along an axis by the formula of `preprocessing.resize`, after blocks were averaged."""
    length = pixels.shape[axis]
    block = max(math.floor(length / size / 1.5), 1)
    starts = np.arange(0, length, block)
    blocks = np.add.reduceat(pixels, starts, axis) / np.diff([*starts, length]).reshape(
        [-1 if number == axis else 1 for number in range(3)]
    )
    scale = np.float32(length / block) / size
    place = np.arange(blocks.shape[axis]) + 0.5
    weights = np.maximum(1 - np.abs(place - (np.arange(size)[:, None] + 0.5) * scale) / max(scale, 1), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.moveaxis(np.tensordot(weights, blocks, (1, axis)), 0, axis)


@pytest.mark.parametrize("shape", [(481, 640), (96, 128), (97, 200), (700, 300), (1100, 1900)])
def test_agrees_with_the_formula(shape):
    pixels = noise(*shape, 3)
    square, box = letterboxed(Image.fromarray(pixels), None, 128)
    height, width = round(shape[0] * box.scale_y), round(shape[1] * box.scale_x)
    row, column = round(box.shift_y), round(box.shift_x)
    part = square[row : row + height, column : column + width]
    expected = resized(resized(pixels.astype(float), width, 1), height, 0)
    # The averages of blocks, the columns and the rows are rounded.
    assert np.abs(part - expected).max() < 1.5


def test_width_comes_first_whatever_pillow_finds_faster():
    pixels = noise(300, 40, 3)
    square, _ = letterboxed(Image.fromarray(pixels), None, 128)
    np.testing.assert_array_equal(square[:, 55:72], resize(pixels, 128, 17))


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
