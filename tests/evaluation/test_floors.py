import random

import numpy as np

from keras_fer.evaluation.floors import PIXELS, pixel_representation, untrained_model
from keras_fer.models.building import disentangling_model


def model():
    return disentangling_model(
        "plain_small", 3, image_size=16, objective="baseline", representation_size=4, non_expression_size=4
    )


def test_an_untrained_model_has_the_architecture_and_other_weights():
    trained = model()
    floor, again, other = (untrained_model(trained, seed) for seed in (0, 0, 1))
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.float32)
    outputs = [net.representations.predict_on_batch(images) for net in (trained, floor, again, other)]
    shapes = [{name: value.shape for name, value in values.items()} for values in outputs]
    assert shapes[0] == shapes[1]
    features = [np.asarray(values["face_features"]) for values in outputs]
    np.testing.assert_array_equal(features[1], features[2])
    assert np.abs(features[1] - features[0]).max() > 1e-3
    assert np.abs(features[1] - features[3]).max() > 1e-3


def test_building_one_leaves_the_random_state_alone():
    trained = model()
    random.seed(7)
    expected = random.random()
    random.seed(7)
    untrained_model(trained)
    assert random.random() == expected


def test_pixels_are_means_of_areas():
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[0, :2, 2:4] = 255
    images[1, 30, 31] = 200
    pixels = pixel_representation(images)[PIXELS]
    assert pixels.shape == (2, 256)
    assert pixels.dtype == np.float32
    assert np.flatnonzero(pixels[0]).tolist() == [1]
    assert pixels[0, 1] == 1
    np.testing.assert_allclose(pixels[1, 255], 50 / 255, atol=1e-6)
