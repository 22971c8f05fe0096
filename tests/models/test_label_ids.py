import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_fer.models.label_ids import one_hot


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32])
@pytest.mark.parametrize("column", [False, True])
def test_rows_of_labels(dtype, column):
    labels = np.array([2, 0, -1, 1], dtype)
    rows = one_hot(keras.ops.convert_to_tensor(labels[:, None] if column else labels), 3)
    np.testing.assert_array_equal(rows, [[0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert rows.dtype == "float32"


def test_nan_is_no_label():
    rows = one_hot(keras.ops.convert_to_tensor(np.array([np.nan, 1.0], np.float32)), 2)
    np.testing.assert_array_equal(rows, [[0, 0], [0, 1]])


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function])
def test_a_label_beyond_the_classes_stops_the_step(wrap):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Labels are 0 to 2, or -1 for none: .* 3 cl"):
        wrap(lambda labels: one_hot(labels, 3))(tf.constant([0, 3]))


def test_fit_refuses_labels_of_another_taxonomy(tiny_model, make_batch):
    """Labels of eight classes must not train a model of four on half of the images in silence."""
    images, targets = make_batch()
    model = tiny_model("paper")
    model.compile()
    with pytest.raises(tf.errors.InvalidArgumentError, match="this model has 4 classes"):
        model.fit(images, targets["expression"] + 1, verbose=0)
