import numpy as np
import pytest

from keras_fer.export import tflite_conversion as module
from keras_fer.export.recipes import STATIC_WI8_AI8
from keras_fer.export.tflite_conversion import convert


def test_int8_without_calibration_images(classifier, contract):
    with pytest.raises(ValueError, match="needs calibration images"):
        convert(classifier, contract, STATIC_WI8_AI8)


@pytest.mark.parametrize("representation", [False, True])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_calibration_that_is_closest_to_the_model_is_kept(
    classifier, contract, stripes, monkeypatch, position, representation
):
    images, _ = stripes(32)
    black = np.zeros_like(images[:4])
    # Ranges of black pictures cut off nearly everything else.
    choices = [black, black, black]
    choices[position] = images
    monkeypatch.setattr(module, "calibration_choices", lambda ranging: choices)
    kept = convert(classifier, contract, STATIC_WI8_AI8, images, representation)
    monkeypatch.setattr(module, "calibration_choices", lambda ranging: [images])
    # The choice of one is none: all images give ranges.
    assert kept == convert(classifier, contract, STATIC_WI8_AI8, images, representation)
    monkeypatch.setattr(module, "calibration_choices", lambda ranging: [black, black])
    assert kept != convert(classifier, contract, STATIC_WI8_AI8, images, representation)
