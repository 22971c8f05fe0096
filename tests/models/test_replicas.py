import keras
import tensorflow as tf

from keras_fer.models.replicas import (
    gathered,
    num_replicas,
    own_rows,
    own_share,
    synchronize_normalization,
)


def test_one_replica_without_a_strategy():
    values = tf.constant([[1.0], [2.0]])
    assert num_replicas() == 1
    assert gathered(values) is own_rows(values, values) is own_share(values) is values


def test_every_normalisation_is_synchronised(tiny_model):
    model = tiny_model("disentangle")

    def normalizations():
        return [
            layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
        ]

    assert normalizations()
    assert not any(layer.synchronized for layer in normalizations())
    synchronize_normalization(model)
    assert all(layer.synchronized for layer in normalizations())
