import keras
import numpy as np
import pytest
from unequal_channels import make_unequal

from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    model = disentangling_model(backbone("residual_edge", 32), 3, objective="baseline").classifier
    random = np.random.default_rng(0)
    for weight in model.weights:
        # As after training: at the start they are 0 and 1.
        if weight.name in ("beta", "moving_mean", "moving_variance"):
            weight.assign(random.uniform(0.1, 1, weight.shape))
    return model


def activations(model, name, images):
    trunk = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    return keras.Model(trunk.inputs[0], trunk.get_layer(name).output)(images)


def test_answers_stay_and_ranges_spread(model):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    answers, before = model([images]), activations(model, "stage1_a_relu", images)
    assert make_unequal(model, 16) == 3
    after = activations(model, "stage1_a_relu", images)
    np.testing.assert_allclose(model([images]), answers, atol=1e-4)
    ratios = np.max(after, axis=(0, 1, 2)) / np.max(before, axis=(0, 1, 2))
    assert ratios.min() < 1 / 8
    assert ratios.max() > 8


@pytest.mark.parametrize("name", ["plain_small", "mobile_convolutional"])
def test_net_without_blocks_that_relu_lets_factors_through(name):
    model = disentangling_model(name, 3, image_size=32, objective="baseline").classifier
    assert make_unequal(model, 16) == 0
