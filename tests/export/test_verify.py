"""Every check fails when its fault is planted, and passes on the file as exported."""

import dataclasses

import keras
import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.export.checks import Limits
from keras_fer.export.metadata import add_metadata
from keras_fer.export.recipes import FLOAT16, FLOAT32, QAT_WI8_AI8, STATIC_WI8_AI8
from keras_fer.export.tflite_conversion import convert
from keras_fer.export.verify import _probability_checks, reference, verify


@pytest.fixture(scope="module")
def expected(classifier, contract, stripes):
    return reference(classifier, contract, *stripes(60, seed=5))


@pytest.fixture
def failed(exported, contract, expected):
    """Returns a function that verifies a file and names the checks that fail."""

    def run(recipe, path=None, contract=contract, expected=expected, limits=None):
        path = path or exported[0] / recipe.file_name("stripes")
        report = verify(path, recipe, contract, expected, limits)
        names = {check.name for check in report.checks if not check.passed}
        assert report.passed == (not names)
        return names

    return run


@pytest.mark.parametrize("recipe", [FLOAT32, FLOAT16, STATIC_WI8_AI8], ids=lambda recipe: recipe.name)
def test_files_as_exported_pass(failed, recipe):
    assert failed(recipe) == set()


def test_reference_is_the_softmax_of_the_logits(classifier, contract, stripes):
    images, labels = stripes(5)
    found = reference(classifier, contract, images, labels)
    logits = np.asarray(classifier(images.astype(np.float32)), np.float64) / contract.temperature
    np.testing.assert_allclose(
        found.probabilities, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), atol=1e-6
    )
    assert found.num_parameters == classifier.count_params()
    assert reference(classifier, contract, images).labels.tolist() == [-1] * 5


def test_other_temperature_is_found(failed, contract, expected):
    sharper = expected.probabilities**2
    sharper /= sharper.sum(axis=1, keepdims=True)
    wrong = dataclasses.replace(expected, probabilities=sharper)
    assert failed(FLOAT32, expected=wrong) == {"largest difference of a probability"}


def test_labels_in_another_order_are_found(failed, contract):
    other = dataclasses.replace(contract, label_names=contract.label_names[::-1])
    assert failed(FLOAT32, contract=other) == {"metadata", "contract"}


def test_images_flipped_on_the_way_are_found(failed, expected):
    flipped = dataclasses.replace(expected, images=np.ascontiguousarray(expected.images[:, :, ::-1]))
    assert "agreement" in failed(STATIC_WI8_AI8, expected=flipped)
    assert "loss of accuracy" in failed(FLOAT16, expected=flipped)


def test_limits_are_obeyed(failed):
    assert failed(FLOAT16, limits=Limits(float16_difference=1e-9)) == {"largest difference of a probability"}
    assert failed(FLOAT32, limits=Limits(float32_difference=0.0, accuracy_loss=-0.5)) == {
        "largest difference of a probability",
        "loss of accuracy",
    }
    assert failed(STATIC_WI8_AI8, limits=Limits(agreement=1.01)) == {"agreement"}


def test_the_file_of_another_recipe_is_found(failed, exported):
    float32 = exported[0] / "stripes_float32.tflite"
    assert "interface" in failed(STATIC_WI8_AI8, path=float32)


def test_more_than_the_classifier_in_the_file_is_found(failed, expected):
    small = dataclasses.replace(expected, num_parameters=expected.num_parameters // 2)
    assert failed(FLOAT32, expected=small) == {"number of constants"}


def test_nan_in_the_file_is_found(failed, classifier, contract, stripes, tmp_path):
    broken = keras.models.clone_model(classifier)
    broken.set_weights(classifier.get_weights())
    broken.get_layer("logits").bias.assign([np.nan, 0, 0, 0])
    with pytest.raises(FERError, match="not finite"):
        reference(broken, contract, *stripes(4))
    path = tmp_path / "stripes_float32.tflite"
    path.write_bytes(add_metadata(convert(broken, contract, FLOAT32), contract))
    found = failed(FLOAT32, path=path)
    assert {"share of finite probabilities", "largest difference of a probability"} <= found


def test_file_without_metadata_is_found(failed, classifier, contract, tmp_path):
    path = tmp_path / "stripes_float32.tflite"
    path.write_bytes(convert(classifier, contract, FLOAT32))
    assert failed(FLOAT32, path=path) == {"interface", "metadata", "contract"}


def test_report_is_plain_json_even_with_nan(exported, contract, expected):
    blank = dataclasses.replace(expected, probabilities=np.full_like(expected.probabilities, np.nan))
    report = verify(exported[0] / "stripes_float32.tflite", FLOAT32, contract, blank).to_dict()
    assert report["max_difference"] is None
    assert not report["passed"]


def test_images_of_another_shape_are_refused(classifier, contract):
    with pytest.raises(ValueError, match=r"n > 0\. Received: uint8 \(0, 16, 16, 3\)"):
        reference(classifier, contract, np.zeros((0, 16, 16, 3), np.uint8))


def test_another_representation_is_found(classifier, contract, stripes, tmp_path, failed):
    images, labels = stripes(20, seed=5)
    expected = reference(classifier, contract, images, labels, representation=True)
    path = tmp_path / "stripes_float32.tflite"
    path.write_bytes(add_metadata(convert(classifier, contract, FLOAT32, representation=True), contract))
    assert failed(FLOAT32, path=path, expected=expected) == set()
    shifted = dataclasses.replace(expected, representations=np.roll(expected.representations, 1, axis=1))
    assert failed(FLOAT32, path=path, expected=shifted) == {"similarity of the representation"}
    assert failed(FLOAT32, expected=expected) == {
        "interface", "metadata", "similarity of the representation"
    }  # fmt: skip


def test_intervals_and_recalls_by_hand(exported, contract, expected):
    labels = expected.labels.copy()
    labels[:4] = -1
    labels[4:8] = 0  # of which one is right
    changed = dataclasses.replace(expected, labels=labels)
    report = verify(exported[0] / "stripes_float32.tflite", FLOAT32, contract, changed)
    answers = expected.probabilities.argmax(axis=1)
    assert report.accuracy == pytest.approx((answers == labels)[4:].mean())
    low, high = report.accuracy_interval
    assert low < report.accuracy < high
    members = labels == 0
    recall = (answers[members] == 0).mean()
    assert report.class_recalls["neutral"] == (members.sum(), recall, recall)
    assert list(report.class_recalls) == list(contract.label_names)
    assert report.num_partitions == 1
    assert 0 < report.compressed_bytes < report.size_bytes


@pytest.mark.parametrize(
    ("recipe", "distance", "passed"),
    [(QAT_WI8_AI8, 0.0078, True), (QAT_WI8_AI8, 0.0079, False), (STATIC_WI8_AI8, 0.0011, False)],
)
def test_answers_of_four_classes_may_be_rounded_by_half_a_step_each(recipe, distance, passed):
    probabilities = np.array([[0.25, 0.25, 0.25, 0.25 - distance]])
    assert all(check.passed for check in _probability_checks(probabilities, recipe)) == passed
