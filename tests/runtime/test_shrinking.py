import numpy as np

from keras_fer.runtime.shrinking import shrunk


def test_small_picture_stays_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    picture, scale = shrunk(image[:, ::-1], 30)
    np.testing.assert_array_equal(picture, image[:, ::-1])
    assert picture.flags.c_contiguous
    assert scale == 1


def test_large_picture_is_shrunk_by_its_longer_side():
    image = np.full((100, 400, 3), (10, 20, 30), np.uint8)
    picture, scale = shrunk(image, 40)
    assert scale == 0.1
    np.testing.assert_array_equal(picture, np.full((10, 40, 3), (10, 20, 30)))


def test_no_side_vanishes():
    assert shrunk(np.zeros((1, 5000, 3), np.uint8))[0].shape == (1, 1280, 3)
