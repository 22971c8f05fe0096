import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import evaluate, model_views
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8
from keras_fer.runtime.preprocessing import resize


def test_the_model_sees_the_centre_square_only(brightness_dataset, brightness_recognizer):
    recognizer = brightness_recognizer()
    result = evaluate(recognizer, brightness_dataset(), "test")
    assert recognizer.shapes == [(8, 16, 16, 3)]
    assert result.evaluation.accuracy == 1
    assert result.evaluation.split == "test"
    assert result.indices.tolist() == list(range(8, 16))


def test_labels_are_matched_by_name(brightness_dataset, brightness_recognizer):
    # The model's outputs are in another order and under other names than the data set's.
    recognizer = brightness_recognizer(("sad", "Happy", "neutral"), classes=(2, 1, 0))
    result = evaluate(recognizer, brightness_dataset(EXPRESSIONS_8[:3], (0, 1, 1, 2)))
    assert result.evaluation.accuracy == 1
    assert result.evaluation.label_names == ("sad", "Happy", "neutral")
    assert result.labels.tolist() == [2, 1, 1, 0]
    assert np.diag(result.evaluation.confusion).tolist() == [1, 2, 1]


def test_a_model_of_eight_on_a_set_of_seven_is_restricted(brightness_dataset, brightness_recognizer):
    dataset = brightness_dataset(EXPRESSIONS_7, (0, 1, 2, 3, 4, 5, 6), brightness=(0, 1, 2, 3, 4, 5, 7))
    evaluation = evaluate(brightness_recognizer(), dataset).evaluation
    assert evaluation.view == "7 of the model's 8 classes, without contempt"
    assert evaluation.label_names == EXPRESSIONS_7
    # The last image looks like contempt; among the seven, anger is the nearest.
    assert evaluation.accuracy == 1


def test_labels_count_within_the_shared_names(brightness_dataset, brightness_recognizer):
    # The model's second class is none of the data set's: what follows moves up.
    recognizer = brightness_recognizer(("sad", "tired", "happy"), classes=(1, 7, 0))
    result = evaluate(recognizer, brightness_dataset(("happy", "sad"), (0, 1, 1)))
    assert result.evaluation.label_names == ("sad", "happy")
    assert result.labels.tolist() == [1, 0, 0]
    assert result.evaluation.accuracy == 1


def test_a_model_of_seven_on_a_set_of_eight_leaves_images_out(brightness_dataset, brightness_recognizer):
    evaluation = evaluate(brightness_recognizer(EXPRESSIONS_7), brightness_dataset()).evaluation
    assert evaluation.num_images == 7
    assert evaluation.view == "7 classes"
    assert evaluation.notes == ("1 images of contempt were left out: this view does not judge them.",)


def test_images_without_a_label_are_left_out_and_noted(brightness_dataset, brightness_recognizer):
    evaluation = evaluate(brightness_recognizer(), brightness_dataset(labels=(0, -1, 1, -1))).evaluation
    assert evaluation.num_images == 2
    assert "2 images without a label were left out." in evaluation.notes


def test_says_what_of_the_test_images_was_learned_from(brightness_dataset, brightness_recognizer):
    # Of the eight test images the first two are training images; the fourth is answered wrongly.
    dataset = brightness_dataset(brightness=(0, 1, 2, 4, 4, 5, 6, 7), overlap=2)
    evaluation = evaluate(brightness_recognizer(), dataset).evaluation
    assert evaluation.accuracy == 7 / 8
    assert evaluation.notes == (
        "2 of these images are pixel by pixel in the train or validation split too; on the 6 others the "
        "accuracy is 83.33%.",
    )
    whole = evaluate(brightness_recognizer(), brightness_dataset(overlap=8)).evaluation
    assert whole.notes == ("All of these images are pixel by pixel in the train or validation split too.",)
    assert evaluate(brightness_recognizer(), dataset, "train").evaluation.notes == ()


def test_says_which_data_it_judged(brightness_dataset, brightness_recognizer):
    dataset = brightness_dataset()
    facts = evaluate(brightness_recognizer(), dataset).evaluation.to_dict()["dataset"]
    assert facts["source"] == "brightness"
    assert facts["crop_size"] == 16
    assert facts["crop_margin"] == 0.1
    assert facts["content_hash"] == dataset.content_hash


def test_batches_change_nothing_but_memory(brightness_dataset, brightness_recognizer):
    dataset, seen = brightness_dataset(), []
    whole = evaluate(brightness_recognizer(), dataset)
    parts = evaluate(
        brightness_recognizer(),
        dataset,
        batch_size=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    np.testing.assert_array_equal(whole.probabilities, parts.probabilities)
    assert seen == [(3, 8), (6, 8), (8, 8)]


def test_views_are_resized_as_the_runtime_does_and_gray_is_repeated():
    images = np.random.default_rng(0).integers(0, 256, (2, 21, 20, 1), dtype=np.uint8)
    views = model_views(images, crop_size=16, image_size=12)
    assert views.shape == (2, 12, 12, 3)
    # Height 21, crop 16: the odd pixel of the margin goes to the bottom.
    np.testing.assert_array_equal(views[1, :, :, 2], resize(images[1, 2:18, 2:18, 0], 12, 12))
    np.testing.assert_array_equal(model_views(images, 16, 16)[..., 0], images[:, 2:18, 2:18, 0])


def test_views_equal_those_of_the_training_pipeline():
    from keras_fer.data.view import centre_view

    images = np.random.default_rng(0).integers(0, 256, (3, 21, 20, 3), dtype=np.uint8)
    for crop_size, image_size in ((16, 16), (17, 9)):
        expected = centre_view(images, crop_size, image_size).numpy()
        # `tf.image.resize` does not round between the axes.
        assert np.abs(model_views(images, crop_size, image_size) - expected).max() <= 1


def test_an_empty_split_is_an_error(brightness_dataset, brightness_recognizer):
    with pytest.raises(FERError, match=r"The validation split of .* has no image with a label"):
        evaluate(brightness_recognizer(), brightness_dataset(), "validation")


def test_nothing_shared_is_an_error(brightness_dataset, brightness_recognizer):
    with pytest.raises(FERError, match="share fewer than two"):
        evaluate(brightness_recognizer(("tired", "awake")), brightness_dataset())


def test_values_that_are_not_finite_are_an_error(brightness_dataset, brightness_recognizer):
    recognizer = brightness_recognizer()
    recognizer.recognize = lambda images: np.full((len(images), 8), np.nan)
    with pytest.raises(FERError, match="not finite"):
        evaluate(recognizer, brightness_dataset())
