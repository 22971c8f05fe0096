import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.models.normalization import StandardizedGray, luma, normalization


def test_luma_by_hand():
    pixels = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]]], np.float32)
    expected = [76.245, 149.685, 29.07, 0.299 * 10 + 0.587 * 20 + 0.114 * 30]
    gray = keras.ops.convert_to_numpy(luma(keras.ops.convert_to_tensor(pixels)))
    np.testing.assert_allclose(gray.ravel(), expected, rtol=1e-6)


def test_standardized_gray_by_hand():
    gray = np.repeat(np.array([10, 20, 30, 40], np.float32).reshape(1, 2, 2, 1), 3, axis=-1)
    deviation = np.sqrt(125)
    expected = np.array([-15, -5, 5, 15]) / deviation
    np.testing.assert_allclose(np.ravel(StandardizedGray()(gray)), expected, rtol=1e-5)


def test_each_image_by_itself():
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (3, 8, 8, 3)).astype(np.float32)
    together = np.asarray(StandardizedGray()(images))
    alone = np.asarray(StandardizedGray()(images[1:2]))
    np.testing.assert_allclose(together[1:2], alone, atol=1e-6)


@given(st.floats(0.3, 1.0), st.floats(0, 60))
@settings(max_examples=20, deadline=None)
def test_light_does_not_matter(gain, offset):
    images = np.random.default_rng(0).uniform(20, 150, (1, 8, 8, 3)).astype(np.float32)
    changed = np.asarray(StandardizedGray()(images * gain + offset))
    np.testing.assert_allclose(changed, np.asarray(StandardizedGray()(images)), atol=1e-4)


def test_flat_pictures_stay_flat():
    images = np.full((1, 8, 8, 3), 77, np.float32)
    images[0, 0, 0] += 1
    values = np.asarray(StandardizedGray(smallest_std=2.0)(images))
    assert np.abs(values).max() < 0.5
    assert np.isfinite(np.asarray(StandardizedGray()(np.zeros((1, 4, 4, 3), np.float32)))).all()


def test_full_precision_under_a_mixed_policy(dtype_policy):
    dtype_policy("mixed_float16")
    layer = StandardizedGray()
    assert layer.compute_dtype == "float32"
    assert np.isfinite(np.asarray(layer(np.full((1, 64, 64, 3), 255, np.float32)))).all()


def test_config_round_trip():
    layer = StandardizedGray.from_config(StandardizedGray(smallest_std=3.0, name="gray").get_config())
    assert (layer.smallest_std, layer.name) == (3.0, "gray")
    assert layer.compute_output_shape((None, 5, 6, 3)) == (None, 5, 6, 1)


def test_rgb_is_between_minus_one_and_one():
    values = np.ravel(normalization("rgb")(np.array([0, 127.5, 255], np.float32).reshape(1, 1, 1, 3)))
    np.testing.assert_allclose(values, [-1, 0, 1], atol=1e-6)


def test_unknown_kind():
    with pytest.raises(ValueError, match=r"'standardized_gray' or 'rgb'\. Received: kind='imagenet'"):
        normalization("imagenet")
