import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.export.tflite_file import TfliteFile, tflite_probabilities


def test_a_file_and_its_content_answer_alike(tiny_tflite, model_file):
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    probabilities, representations = TfliteFile(model_file()).answers(images)
    assert probabilities.shape == (3, 8)
    assert representations is None
    np.testing.assert_array_equal(tflite_probabilities(tiny_tflite(), images), probabilities)


def test_what_cannot_be_run_is_one_sentence(tiny_tflite):
    with pytest.raises(FERError, match=r"^The converted model cannot be run: "):
        tflite_probabilities(tiny_tflite()[:100], np.zeros((1, 16, 16, 3), np.uint8))
