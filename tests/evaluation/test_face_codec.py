import keras
import numpy as np
import pytest

from keras_fer.evaluation.face_codec import encoder, face_codec
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.models.building import disentangling_model
from keras_fer.models.factor_building import factor_model
from keras_fer.models.factors import Factor
from keras_fer.models.normalization import StandardizedGray
from keras_fer.models.objective import preset


def model(objective="disentangle_pairs", gray=True):
    images = keras.Input((32, 32, 3))
    hidden = (StandardizedGray() if gray else keras.layers.Rescaling(1 / 127.5, -1.0))(images)
    trunk = keras.Model(images, keras.layers.Conv2D(4, 3, strides=8, padding="same")(hidden))
    return disentangling_model(
        trunk, 8, objective=objective, representation_size=6, non_expression_size=5, decoder_width=2
    )


RENDERS = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


@pytest.mark.parametrize("gray", [True, False])
def test_codes_and_pictures_are_those_of_the_model(gray):
    net = model(gray=gray)
    codec = face_codec(net)
    outputs = net.predict(RENDERS.astype(np.float32), verbose=0)
    codes = codec.encode(RENDERS)
    assert {name: rows.shape for name, rows in codes.items()} == {
        EXPRESSION_REPRESENTATION: (5, 6),
        NON_EXPRESSION_REPRESENTATION: (5, 5),
        "face_features": (5, 4),
    }
    for name in (EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION):
        np.testing.assert_allclose(codes[name], outputs[name], atol=1e-5)
    decoded = codec.decode(codes[EXPRESSION_REPRESENTATION], codes[NON_EXPRESSION_REPRESENTATION])
    assert decoded.shape == (5, *codec.picture_shape) == (5, 32, 32, 1 if gray else 3)
    np.testing.assert_allclose(decoded, np.clip(outputs["reconstruction"], -1, 1), atol=1e-5)


def test_of_several_factors_all_but_the_expression_stand_side_by_side():
    images = keras.Input((32, 32, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, padding="same")(StandardizedGray()(images))
    net = factor_model(
        keras.Model(images, features),
        [
            Factor("pose", "continuous", 3, width=4),
            Factor("expression", "categorical", 8, width=6),
            Factor("identity", "categorical", 3, width=2),
        ],
        objective=preset("disentangle", adversarial_weight=0.0),
        residual_size=5,
    )
    codec = face_codec(net)
    outputs = net.predict(RENDERS.astype(np.float32), verbose=0)
    codes = codec.encode(RENDERS)
    parts = [outputs[f"{name}_representation"] for name in ("pose", "identity", "residual")]
    np.testing.assert_allclose(codes[NON_EXPRESSION_REPRESENTATION], np.concatenate(parts, axis=1), atol=1e-5)
    decoded = codec.decode(codes[EXPRESSION_REPRESENTATION], codes[NON_EXPRESSION_REPRESENTATION])
    np.testing.assert_allclose(decoded, np.clip(outputs["reconstruction"], -1, 1), atol=1e-5)


def test_targets_are_the_pictures_in_the_range_of_the_decoder():
    np.testing.assert_allclose(face_codec(model(gray=False)).targets(RENDERS), RENDERS / 127.5 - 1, atol=1e-5)
    gray = RENDERS @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(face_codec(model()).targets(RENDERS)[..., 0], gray / 127.5 - 1, atol=1e-5)


def test_renders_of_another_size_are_seen_at_that_of_the_model():
    codec = face_codec(model())
    large = RENDERS.repeat(2, axis=1).repeat(2, axis=2)
    assert codec.encode(large)[EXPRESSION_REPRESENTATION].shape == (5, 6)
    assert codec.targets(large).shape == (5, 32, 32, 1)


def test_a_model_without_a_decoder():
    net = model(objective="baseline")
    assert face_codec(net) is None
    assert set(encoder(net)(RENDERS)) == {
        EXPRESSION_REPRESENTATION,
        NON_EXPRESSION_REPRESENTATION,
        "face_features",
    }
