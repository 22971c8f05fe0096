import keras
import numpy as np
import pytest

from keras_fer.models import branches


def features(count=6, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4, 4, 8)).astype(np.float32)


@pytest.mark.parametrize("pooling", ["average", "flatten"])
def test_expression_branch(pooling):
    branch = branches.expression_branch((4, 4, 8), 10, pooling, dropout=0.2)
    representation = keras.ops.convert_to_numpy(branch(features()))
    assert representation.shape == (6, 10)
    assert representation.min() >= 0
    assert any(isinstance(layer, keras.layers.Dropout) for layer in branch.layers)


def test_average_pooling_forgets_positions_and_flatten_keeps_them():
    moved = np.roll(features(), 1, axis=2)
    differences = {}
    for pooling in ("average", "flatten"):
        branch = branches.expression_branch((4, 4, 8), 10, pooling)
        differences[pooling] = float(np.abs(branch(features()) - branch(moved)).max())
    assert differences["average"] < 1e-5
    assert differences["flatten"] > 1e-3


def test_unknown_pooling():
    with pytest.raises(ValueError, match=r"'average' or 'flatten'\. Received: pooling='max'"):
        branches.expression_branch((4, 4, 8), 10, "max")


def test_shrinking_cannot_fool_a_critic():
    """The last layer has no scale and no offset to learn: every dimension has deviation 1."""
    branch = branches.non_expression_branch((4, 4, 8), 5)
    last = branch.layers[-1]
    assert isinstance(last, keras.layers.BatchNormalization)
    assert last.trainable_variables == []
    projection = branch.get_layer("projection")
    projection.kernel.assign(projection.kernel * 100.0)
    representation = keras.ops.convert_to_numpy(branch(features(64), training=True))
    np.testing.assert_allclose(representation.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(representation.std(axis=0), 1, atol=1e-2)


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (16, 3), (64, 1)])
def test_decoder(size, channels):
    decoder = branches.decoder(6, 5, size, channels, width=2)
    picture = decoder([np.ones((2, 6), np.float32), np.ones((2, 5), np.float32)])
    assert picture.shape == (2, size, size, channels)
    assert not any(isinstance(layer, keras.layers.Conv2DTranspose) for layer in decoder.layers)
    assert decoder.layers[-1].activation is keras.activations.linear


def test_decoder_sees_both_representations():
    decoder = branches.decoder(6, 5, 16, 1, width=2)
    codes = [
        np.random.default_rng(index).normal(size=(2, width)).astype(np.float32)
        for index, width in enumerate((6, 5))
    ]
    picture = decoder(codes)
    for index in (0, 1):
        changed = [code + (position == index) for position, code in enumerate(codes)]
        assert np.abs(decoder(changed) - picture).max() > 1e-4


def test_decoder_size():
    with pytest.raises(ValueError, match=r"multiple of 8\. Received: output_size=20"):
        branches.decoder(6, 5, 20, 1)


@pytest.mark.parametrize(("image_size", "expected"), [(16, 16), (20, 24), (48, 48), (64, 64), (112, 64)])
def test_reconstruction_size(image_size, expected):
    assert branches.reconstruction_size(image_size) == expected


def test_heads_are_linear_and_bounded_and_of_full_precision(dtype_policy):
    dtype_policy("mixed_bfloat16")
    representation = np.full((2, 6), 1e4, np.float32)
    logits = branches.expression_head(6, 4)
    assert logits.layers[-1].activation is keras.activations.linear
    assert logits(representation).dtype == "float32"
    values = branches.valence_arousal_head(6)(representation)
    assert values.dtype == "float32"
    assert np.abs(values).max() <= 1
