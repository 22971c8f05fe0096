from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.evaluation.recognizers import KerasRecognizer, MirroredRecognizer, open_recognizer


class FixedLogits:
    """Stands for a classifier: the same logits for every image."""

    def __init__(self, logits):
        self.logits = np.array(logits)
        self.images = None

    def predict(self, images, batch_size, verbose):
        self.images = images
        return np.tile(self.logits, (len(images), 1))


def test_golden_softmax_with_temperature():
    classifier = FixedLogits([0.0, 2 * np.log(3)])
    contract = ModelContract(("a", "b"), image_size=16, temperature=2.0)
    recognizer = KerasRecognizer(SimpleNamespace(contract=contract, classifier=classifier))
    probabilities = recognizer.recognize(np.full((3, 16, 16, 3), 255, np.uint8))
    np.testing.assert_allclose(probabilities, [[0.25, 0.75]] * 3)
    assert classifier.images.dtype == np.float32
    assert classifier.images.max() == 255


def test_large_logits_do_not_overflow():
    contract = ModelContract(("a", "b"), image_size=16)
    model = SimpleNamespace(contract=contract, classifier=FixedLogits([1e4, -1e4]))
    np.testing.assert_array_equal(KerasRecognizer(model).recognize(np.zeros((1, 16, 16, 3))), [[1, 0]])


class LeftColumn:
    """Answers with the share of the brightness that lies in the left column."""

    contract = ModelContract(("a", "b"), image_size=16)

    def recognize(self, images):
        left = images[:, :, 0].sum((1, 2)) / images.sum((1, 2, 3))
        return np.stack([left, 1 - left], axis=1)


def test_golden_mean_over_mirror_images():
    images = np.ones((1, 16, 16, 3))
    images[:, :, 0] = 6  # 6 of 21 parts left, 1 of 21 in the mirror image
    recognizer = MirroredRecognizer(LeftColumn())
    np.testing.assert_allclose(recognizer.recognize(images), [[3.5 / 21, 17.5 / 21]])
    assert recognizer.contract is LeftColumn.contract


def test_opens_an_exported_file(model_file):
    recognizer = open_recognizer(model_file())
    probabilities = recognizer.recognize(np.zeros((2, 16, 16, 3), np.uint8))
    assert probabilities.shape == (2, 8)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_refuses_what_is_no_model(tmp_path):
    (tmp_path / "model.keras").write_text("no model")
    with pytest.raises(FERError, match=r"not a \.keras file"):
        open_recognizer(tmp_path / "model.keras")
    with pytest.raises(FERError, match="There is no model at"):
        open_recognizer(tmp_path / "absent")
    (tmp_path / "broken.tflite").write_text("no model")
    with pytest.raises(FERError, match="not a TFLite model"):
        open_recognizer(tmp_path / "broken.tflite")
