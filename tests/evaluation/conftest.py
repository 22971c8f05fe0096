"""A prepared data set that can be recognised by its brightness, and a recogniser that does so."""

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.labels import EXPRESSIONS_8


class BrightnessRecognizer:
    """Takes the mean of an image, 30 per class, for its class; sees `image_size` pixels.

    Args:
        label_names: names of the outputs.
        classes: for each output the class whose brightness it answers to.
    """

    def __init__(self, label_names=EXPRESSIONS_8, classes=None, image_size=16):
        self.contract = ModelContract(label_names, image_size=image_size)
        self.classes = np.arange(len(label_names)) if classes is None else np.asarray(classes)
        self.shapes = []

    def recognize(self, images):
        """Returns a softmax of the distance to the brightness of each class."""
        assert images.dtype == np.uint8
        self.shapes.append(images.shape)
        distances = np.abs(images.mean(axis=(1, 2, 3))[:, None] - (30 * self.classes + 15)) / 10
        exponentials = np.exp(-distances)
        return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def brightness_recognizer():
    return BrightnessRecognizer


@pytest.fixture
def brightness_dataset(tmp_path):
    """Returns a function that writes a data set whose centre tells the class and whose margin misleads."""

    def write(label_names=EXPRESSIONS_8, labels=(0, 1, 2, 3, 4, 5, 6, 7), brightness=None, channels=3):
        labels = np.asarray(labels)
        values = np.maximum(labels, 0) if brightness is None else np.asarray(brightness)
        images = np.full((len(labels), 20, 20, channels), 250, np.uint8)
        images[:, 2:18, 2:18] = (30 * values + 15).astype(np.uint8)[:, None, None, None]
        # Told apart by one pixel, so that no two images are equal.
        images[:, 0, 0] = np.arange(len(labels))[:, None] % 256
        writer = PreparedWriter(
            tmp_path / f"prepared-{len(list(tmp_path.iterdir()))}",
            source="brightness",
            label_names=label_names,
            image_shape=(20, 20, channels),
            crop_size=16,
            config={"crop_margin": 0.1},
        )
        with writer:
            writer.append(
                np.concatenate([images, images]),
                labels=np.concatenate([labels, labels]),
                splits=np.repeat([0, 2], len(labels)),
                sources=[f"{row}.png" for row in range(2 * len(labels))],
            )
            return writer.finish()

    return write
