import keras
import numpy as np
import pytest

from keras_fer.data.augmentation import AUGMENTATIONS
from keras_fer.errors import FERError
from keras_fer.models.backbones import BACKBONES, backbone
from keras_fer.training.config import AUGMENTATION_NAMES, BACKBONE_NAMES

# name: (size at which it is meant to run, normalisation, reduction of the sides, channels)
EXPECTED = {
    "residual_small": (48, "standardized_gray", 8, 144),
    "residual_edge": (48, "standardized_gray", 16, 192),
    "plain_small": (48, "standardized_gray", 16, 96),
    "mobile_convolutional": (64, "rgb", 32, 256),
    "mobilenet_v2": (64, "rgb", 32, 1280),
    "mobilenet_v2_half": (64, "rgb", 32, 1280),
    "mobilenet_v3_small": (64, "rgb", 32, 576),
    "mobilenet_v3_small_hard_swish": (64, "rgb", 32, 576),
    "efficientnet_v2_b0": (64, "rgb", 32, 1280),
}
# The deepest take seconds to build and to run: they are built only.
BUILT_ONLY = ("mobilenet_v2", "efficientnet_v2_b0")


def test_names_that_the_command_line_knows():
    assert tuple(BACKBONES) == BACKBONE_NAMES
    assert tuple(AUGMENTATIONS) == AUGMENTATION_NAMES
    assert set(EXPECTED) == set(BACKBONES)


@pytest.mark.parametrize("name", BACKBONES)
def test_contract(name):
    size, normalization_kind, reduction, channels = EXPECTED[name]
    keras.utils.set_random_seed(0)
    trunk = backbone(name, size)
    assert trunk.input_shape == (None, size, size, 3)
    assert trunk.output_shape == (None, size // reduction, size // reduction, channels)
    names = {layer.name for layer in trunk.layers}
    # Pictures come in [0, 255]: what brings them to the range of the first convolution is inside.
    assert normalization_kind in names
    # The defaults of Keras and of its applications, 0.99 and 0.999, need thousands of steps to settle.
    momenta = {
        layer.momentum
        for layer in trunk._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    assert momenta == {0.95}
    if name in BUILT_ONLY:
        return
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3)).astype(np.float32)
    features = keras.ops.convert_to_numpy(trunk(images))
    assert features.shape == (2, *trunk.output_shape[1:])
    assert np.isfinite(features).all()
    assert np.abs(features[0] - features[1]).max() > 0
    again = keras.Model.from_config(trunk.get_config())
    again.set_weights(trunk.get_weights())
    np.testing.assert_allclose(keras.ops.convert_to_numpy(again(images)), features, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "millions"), [("residual_small", 0.85), ("residual_edge", 0.68), ("plain_small", 0.14)]
)
def test_sizes_that_the_docstrings_give(name, millions):
    assert backbone(name, 48).count_params() / 1e6 == pytest.approx(millions, abs=0.01)


def test_no_stride_in_the_first_convolution_of_small_nets():
    for name in ("residual_small", "plain_small"):
        first = next(layer for layer in backbone(name, 48).layers if isinstance(layer, keras.layers.Conv2D))
        assert first.strides == (1, 1)


def test_unknown_name():
    with pytest.raises(FERError, match=r"no backbone 'vgg'\. There are: residual_small, residual_edge"):
        backbone("vgg", 48)
