import pytest

from keras_fer.export.recipes import STATIC_WI8_AI8
from keras_fer.export.tflite_conversion import convert


def test_int8_without_calibration_images(classifier, contract):
    with pytest.raises(ValueError, match="needs calibration images"):
        convert(classifier, contract, STATIC_WI8_AI8)
