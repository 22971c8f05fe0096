import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_fer.data.prepared import open_prepared
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.building import disentangling_model
from keras_fer.models.normalization import StandardizedGray
from keras_fer.training.tensorboard_pictures import TensorBoardPictures, picture_faces

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
LABELS = np.array([0, 1, -1, 1])


def pictures(folder):
    """The sheets by name: steps, and the sizes of the pictures."""
    events = EventAccumulator(str(folder / "pictures")).Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        tensors = events.Tensors(tag)
        encoded = [tf.make_ndarray(event.tensor_proto)[2] for event in tensors]
        sizes = {Image.open(io.BytesIO(png)).size for png in encoded}
        found[tag] = ([event.step for event in tensors], sizes)
    return found


@pytest.mark.parametrize(
    ("preset", "sheets"), [("baseline", {"predictions"}), ("d2ae", {"predictions", "swaps"})]
)
def test_sheets_of_some_epochs(tmp_path, preset, sheets):
    inputs = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=8, padding="same")(StandardizedGray()(inputs))
    model = disentangling_model(
        keras.Model(inputs, features),
        2,
        objective=preset,
        representation_size=6,
        non_expression_size=4,
        decoder_width=2,
    )
    model.compile("sgd")
    callback = TensorBoardPictures(tmp_path, IMAGES, LABELS, ("calm", "glad"), every=2)
    model.fit(IMAGES, np.maximum(LABELS, 0), epochs=3, verbose=0, callbacks=[callback])
    found = pictures(tmp_path)
    assert set(found) == sheets
    assert all(steps == [0, 2] for steps, _ in found.values())
    # Two rows would be needed for more than eight faces; swaps: its own picture, itself, two expressions.
    assert found["predictions"][1] == {(24 + 8 * 88, 24 + 126)}
    if "swaps" in sheets:
        assert found["swaps"][1] == {(24 + 4 * 88, 116 + 4 * 88 + 12)}


def test_two_faces_of_each_expression(prepared_folder):
    dataset = open_prepared(prepared_folder)
    images, labels = picture_faces(dataset, "validation", 16)
    assert images.shape[:3] == (16, 16, 16)
    assert labels.tolist() == 2 * list(range(len(EXPRESSIONS_8)))
    again = picture_faces(dataset, "validation", 16)[0]
    np.testing.assert_array_equal(images, again)
