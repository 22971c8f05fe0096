import cv2
import numpy as np
import pytest
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import evaluate, model_views
from keras_fer.evaluation.robustness import CONDITIONS, Condition, changed_views, robustness
from keras_fer.labels import EXPRESSIONS_7
from keras_fer.runtime.preprocessing import resize


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(("crop_size", "image_size"), [(16, 16), (16, 12), (17, 9), (20, 20)])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_change_gives_the_view_of_the_model(crop_size, image_size, channels):
    images = noise(2, 21, 20, channels)
    np.testing.assert_array_equal(
        changed_views(images, crop_size, image_size, Condition("")),
        model_views(images, crop_size, image_size),
    )


def test_a_larger_crop_takes_the_stored_margin_and_a_smaller_one_is_inside():
    images = noise(1, 40, 40, 3)
    larger = changed_views(images, 20, 20, Condition("", scale=1.4))
    np.testing.assert_array_equal(larger[0], resize(images[0, 6:34, 6:34], 20, 20))
    smaller = changed_views(images, 20, 20, Condition("", scale=0.8))
    np.testing.assert_array_equal(smaller[0], resize(images[0, 12:28, 12:28], 20, 20))


def test_without_a_margin_the_border_is_repeated():
    images = noise(1, 10, 10, 1)
    larger = changed_views(images, 10, 10, Condition("", scale=1.4))
    padded = np.pad(images[0, :, :, 0], 2, mode="edge")
    np.testing.assert_array_equal(larger[0, :, :, 0], resize(padded, 10, 10))


def test_a_quarter_turn():
    images = noise(1, 12, 12, 3)
    turned = changed_views(images, 12, 12, Condition("", roll=90))
    np.testing.assert_array_equal(turned[0], np.rot90(images[0]))


def test_bilinear_does_not_average_by_hand():
    # Four columns to one: between the two in the middle, the outer ones do not count.
    images = np.zeros((1, 4, 4, 1), np.uint8)
    images[:] = np.array([200, 100, 140, 200], np.uint8)[None, None, :, None]
    assert changed_views(images, 4, 1, Condition("", resize_filter="bilinear")).ravel().tolist() == [120] * 3
    square = noise(1, 24, 24, 3)
    by_opencv = cv2.resize(square[0], (9, 9))
    ours = changed_views(square, 24, 9, Condition("", resize_filter="bilinear"))[0]
    assert np.abs(ours.astype(int) - by_opencv).max() <= 1


@pytest.mark.parametrize("name", ["nearest", "box", "bicubic", "lanczos"])
def test_filters_are_those_of_pillow(name):
    images = noise(2, 24, 24, 3)
    views = changed_views(images, 20, 9, Condition("", resize_filter=name))
    square = Image.fromarray(images[1, 2:22, 2:22])
    np.testing.assert_array_equal(views[1], square.resize((9, 9), Image.Resampling[name.upper()]))
    assert np.abs(views[1].astype(int) - model_views(images, 20, 9)[1]).max() > 1


def test_counts_by_hand(brightness_dataset, brightness_recognizer):
    # The centre tells the class k by its brightness 15 + 30 k, the margin of 250 misleads. At twice the side
    # a quarter of what is seen is the centre: 191.25 + 7.5 k, nearest to class 6 or 7 for every k.
    dataset, recognizer = brightness_dataset(), brightness_recognizer()
    evaluated = evaluate(recognizer, dataset)
    conditions = (Condition("same"), Condition("larger", scale=2.0), Condition("smaller", scale=0.5))
    same, larger, smaller = robustness(recognizer, dataset, evaluated, conditions).conditions
    assert (same.accuracy, same.accuracy_change, same.changed) == (1, 0, 0)
    assert (smaller.accuracy, smaller.changed) == (1, 0)
    assert (larger.accuracy, larger.accuracy_change, larger.changed) == (1 / 8, -7 / 8, 7 / 8)
    low, high = larger.changed_interval
    assert low < larger.changed < high


def test_changed_predictions_are_not_lost_accuracy(brightness_dataset, brightness_recognizer):
    dataset = brightness_dataset(labels=(0, 1, 1), brightness=(1, 0, 0))

    class Contrary(brightness_recognizer):
        """Right about other crops only."""

        def recognize(self, images):
            probabilities = super().recognize(images)
            edge = images[:, 0, 8].mean(axis=1) > 240
            probabilities[edge] = 0
            probabilities[edge, 0] = 1
            return probabilities

    recognizer = Contrary()
    evaluated = evaluate(recognizer, dataset)
    assert evaluated.evaluation.accuracy == 0
    (larger,) = robustness(recognizer, dataset, evaluated, [Condition("larger", scale=1.25)]).conditions
    # All are called class 0 now: one answer changed, and became right.
    assert (larger.accuracy, larger.accuracy_change, larger.changed) == (1 / 3, 1 / 3, 1 / 3)


def test_the_same_classes_are_judged(brightness_dataset, brightness_recognizer):
    # Beyond the seven classes of the data set lies contempt, which is not judged here either.
    dataset = brightness_dataset(EXPRESSIONS_7, (0, 1, 2, 3, 4, 5, 6), brightness=(0, 1, 2, 3, 4, 5, 7))
    recognizer = brightness_recognizer()
    evaluated = evaluate(recognizer, dataset)
    (same,) = robustness(recognizer, dataset, evaluated, [Condition("same")]).conditions
    assert (same.accuracy, same.changed) == (1, 0)


def test_batches_and_progress(brightness_dataset, brightness_recognizer):
    dataset, recognizer, seen = brightness_dataset(), brightness_recognizer(image_size=8), []
    evaluated = evaluate(recognizer, dataset)
    whole = robustness(recognizer, dataset, evaluated)
    parts = robustness(
        recognizer, dataset, evaluated, batch_size=3, progress=lambda done, total: seen.append((done, total))
    )
    assert whole.to_dict() == parts.to_dict()
    assert [row.name for row in whole.conditions] == [condition.name for condition in CONDITIONS]
    assert seen[:4] == [(3, 72), (6, 72), (8, 72), (11, 72)]
    assert seen[-1] == (72, 72)


def test_filters_need_a_resize_and_margins_are_noted(brightness_dataset, brightness_recognizer):
    recognizer, dataset = brightness_recognizer(), brightness_dataset()
    result = robustness(recognizer, dataset, evaluate(recognizer, dataset))
    assert not [row for row in result.conditions if row.name.startswith("filter")]
    assert result.notes == (
        "No other resize filters: the stored crops have the 16 pixels of the model's input.",
    )
    wide = [Condition("wide", scale=1.3)]
    (note,) = robustness(recognizer, dataset, evaluate(recognizer, dataset), wide).notes[1:]
    assert note.startswith("Larger and turned crops repeat the border")


def test_values_that_are_not_finite_are_an_error(brightness_dataset, brightness_recognizer):
    recognizer, dataset = brightness_recognizer(), brightness_dataset()
    evaluated = evaluate(recognizer, dataset)
    recognizer.recognize = lambda images: np.full((len(images), 8), np.nan)
    with pytest.raises(FERError, match="not finite"):
        robustness(recognizer, dataset, evaluated)
