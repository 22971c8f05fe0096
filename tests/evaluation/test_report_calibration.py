import numpy as np

from keras_fer.evaluation.calibration import Confidences
from keras_fer.evaluation.report_calibration import CalibrationFacts, calibration_section

CONFIDENCES = Confidences(
    np.repeat([0.95, 0.55, 0.25], [40, 40, 20]),
    np.arange(100) % 4 > 0,  # three in four, in each group
)


def test_both_charts_and_the_sentence():
    page = calibration_section(CalibrationFacts(CONFIDENCES, temperature=1.5, uncertain_below=0.5))
    assert page.count("<svg") == 2
    assert "<title>accuracy, %, confidence % 55: 75</title>" in page
    assert "<title>accuracy of a calibrated model, confidence % 55: 55</title>" in page
    assert "<title>accuracy, %, answered % 80: 75</title>" in page
    assert "divided by a temperature of 1.5. " in page
    assert "below 0.50 read &quot;uncertain&quot;: 80.0% of the images are answered, 75.0% of them" in page


def test_without_temperature_and_threshold():
    page = calibration_section(CalibrationFacts(CONFIDENCES))
    assert "a temperature of 1; keras-fer calibrate fits one. Every image is answered." in page
    nothing = calibration_section(CalibrationFacts(CONFIDENCES, uncertain_below=0.99))
    assert "here that is all of them." in nothing


def test_one_image_is_drawn():
    alone = CalibrationFacts(Confidences(np.array([0.5]), np.array([True])))
    assert "<title>accuracy, %, answered % 100: 100</title>" in calibration_section(alone)
