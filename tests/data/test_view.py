"""The centre view against slices by hand and against the resize of the runtime."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.view import centre_view, crop_offset
from keras_fer.runtime.preprocessing import resize

RNG = np.random.default_rng(0)
MODES = {"eager": lambda function: function, "graph": tf.function}


@pytest.mark.parametrize(("side", "crop", "offset"), [(128, 112, 8), (51, 48, 1), (48, 48, 0)])
def test_crop_offset(side, crop, offset):
    assert crop_offset(side, side, crop) == (offset, offset)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_equal_sizes_pass_the_pixels_on(mode, dtype):
    images = RNG.integers(0, 256, (2, 51, 53, 3), np.uint8).astype(dtype)
    views = MODES[mode](lambda batch: centre_view(batch, 48, 48))(images)
    assert views.dtype == tf.float32
    np.testing.assert_array_equal(views, images[:, 1:49, 2:50])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("crop", "size"), [(48, 24), (50, 33), (40, 64)])
def test_resize_equals_the_runtime(mode, crop, size):
    images = RNG.integers(0, 256, (3, 52, 52, 3), np.uint8)
    views = MODES[mode](lambda batch: centre_view(batch, crop, size))(images).numpy()
    top = (52 - crop) // 2
    expected = [resize(image[top : top + crop, top : top + crop], size, size) for image in images]
    assert views.shape == (3, size, size, 3)
    np.testing.assert_array_equal(views, np.round(views))
    errors = views - np.float32(expected)
    assert np.abs(errors).max() <= 1
    assert abs(errors.mean()) < 0.2  # truncation would be 0.5 off; the runtime rounds halves up, twice
