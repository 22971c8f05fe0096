import keras
import numpy as np
import pytest

from keras_fer.export.tf_keras_model import tf_keras_model
from keras_fer.labels import EXPRESSIONS_7
from keras_fer.models.backbones import BACKBONES
from keras_fer.models.building import disentangling_model


def unsettled(model):
    """Gives batch normalisation statistics that show when they are left behind."""
    random = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_mean.assign(random.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(random.uniform(0.5, 2, layer.moving_variance.shape))
            layer.beta.assign(random.normal(0, 0.1, layer.beta.shape))
    return model


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_answers_the_same(name):
    keras.utils.set_random_seed(0)
    model = disentangling_model(
        name, image_size=32, objective="baseline", label_names=EXPRESSIONS_7, pooling="flatten", dropout=0.2
    )
    classifier = unsettled(model.classifier)
    rebuilt = tf_keras_model(classifier)
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3)).astype(np.float32)
    expected = classifier([images])
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(rebuilt(images), expected, atol=1e-5)
    assert rebuilt.count_params() == classifier.count_params()


def test_hard_activations_have_the_slope_of_keras_3():
    images = keras.Input((8, 8, 3))
    values = keras.layers.Activation("hard_sigmoid")(images)
    values = keras.layers.Add()([values, keras.layers.Activation("hard_silu")(images)])
    model = keras.Model(images, keras.layers.Activation("silu")(values) * 0.5 + 3.0)
    pictures = np.random.default_rng(0).normal(0, 3, (2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(tf_keras_model(model)(pictures), model(pictures), atol=1e-6)


def test_what_has_no_counterpart_is_named():
    images = keras.Input((8, 8, 3))
    with pytest.raises(
        ValueError, match=r"no counterpart of the operation 'sin'. Received: Sin of 1 tensors"
    ):
        tf_keras_model(keras.Model(images, keras.ops.sin(images)))
