import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import preset
from keras_fer.training import distillation
from keras_fer.training.config import TrainingConfig
from keras_fer.training.distillation import distilled
from keras_fer.training.fit import fit

NAMES = ("neutral", "happiness", "anger")


class Teacher:
    """Answers by the mean value of an image's left half, so that mirror images get other answers."""

    def __init__(self, label_names, low, high):
        self.contract = ModelContract(label_names=label_names, image_size=16)
        self._answers = np.array([low, high])

    def recognize(self, images):
        return self._answers[(images[:, :, :8].mean(axis=(1, 2, 3)) > 128).astype(int)]


@pytest.fixture
def dataset(tmp_path):
    images = np.zeros((4, 16, 16, 1), np.uint8)
    images[1:, :, :8] = 255  # The first image is dark, the others are light on the left.
    writer = PreparedWriter(tmp_path / "data", source="test", label_names=NAMES, image_shape=(16, 16, 1))
    with writer:
        writer.append(images, labels=[0, 1, 2, -1], splits=[0, 0, 1, 0], sources=list("abcd"))
        return writer.finish()


@pytest.fixture
def teachers(monkeypatch):
    """The teachers by the name that they are opened by."""
    known = {}
    monkeypatch.setattr(distillation, "open_recognizer", known.__getitem__)
    return known


def test_labels_are_mixed_with_the_mean_over_teachers_and_mirror_images(dataset, teachers):
    teachers["a"] = Teacher(NAMES, [1.0, 0.0, 0.0], [0.2, 0.2, 0.6])
    teachers["b"] = Teacher(NAMES, [0.0, 1.0, 0.0], [0.6, 0.2, 0.2])
    taught = distilled(dataset, ["a", "b"], share=0.5)
    # Image 0: teachers say (1, 0, 0) and (0, 1, 0) on both sides; its label is 0.
    np.testing.assert_allclose(taught.soft_labels[0], [0.5 + 0.25, 0.25, 0.0], atol=1e-6)
    # Image 1 is light on one side: the mean of all four answers is (0.45, 0.35, 0.2).
    np.testing.assert_allclose(taught.soft_labels[1], [0.225, 0.5 + 0.175, 0.1], atol=1e-6)
    assert taught.soft_labels.dtype == np.float32


def test_only_labelled_training_images_are_taught(dataset, teachers):
    teachers["a"] = Teacher(NAMES, [0.2, 0.4, 0.4], [0.2, 0.4, 0.4])
    taught = distilled(dataset, ["a"], share=1.0)
    np.testing.assert_array_equal(taught.soft_labels[2], [0, 0, 1])  # Of the validation split.
    np.testing.assert_array_equal(taught.soft_labels[3], [0, 0, 0])  # No label: no target.
    np.testing.assert_array_equal(taught.labels, dataset.labels)
    assert dataset.soft_labels is None


def test_classes_are_matched_by_name_and_others_left_out(dataset, teachers):
    answers = [0.1, 0.2, 0.3, 0.4]
    teachers["a"] = Teacher(("angry", "contempt", "happy", "neutral"), answers, answers)
    taught = distilled(dataset, ["a"], share=1.0)
    np.testing.assert_allclose(taught.soft_labels[0], np.array([0.4, 0.3, 0.1]) / 0.8, rtol=1e-6)


def test_temperature_takes_the_root(dataset, teachers):
    teachers["a"] = Teacher(NAMES, [0.64, 0.32, 0.04], [0.64, 0.32, 0.04])
    taught = distilled(dataset, ["a"], share=1.0, temperature=2.0)
    roots = np.sqrt([0.64, 0.32, 0.04])
    np.testing.assert_allclose(taught.soft_labels[0], roots / roots.sum(), rtol=1e-6)


def test_votes_are_mixed_too(dataset, teachers):
    teachers["a"] = Teacher(NAMES, [0.0, 0.0, 1.0], [0.0, 0.0, 1.0])
    voted = distilled(dataset, ["a"], share=0.5)
    again = distilled(voted, ["a"], share=0.5)
    np.testing.assert_allclose(again.soft_labels[0], [0.25, 0.0, 0.75], atol=1e-6)


def test_progress_counts_all_teachers(dataset, teachers):
    teachers |= {name: Teacher(NAMES, [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]) for name in "ab"}
    seen = []
    distilled(dataset, ["a", "b"], 0.5, progress=lambda *numbers: seen.append(numbers))
    assert seen == [(2, 4), (4, 4)]


def test_a_teacher_that_lacks_a_class_is_refused(dataset, teachers):
    teachers["short"] = Teacher(("neutral", "happiness"), [0.5, 0.5], [0.5, 0.5])
    with pytest.raises(FERError, match=r"'short' does not know anger\. .*this one knows neutral, happiness"):
        distilled(dataset, ["short"], 0.5)


def test_a_run_learns_what_its_teacher_says(tmp_path, prepared_folder):
    """Where the teacher has all of each label and always says one class, so does the student."""
    contract = ModelContract(label_names=EXPRESSIONS_8, image_size=16)
    teacher = disentangling_model(
        backbone("plain_small", 16), objective=preset("baseline"), contract=contract, representation_size=8
    )
    bias = np.zeros(8, np.float32)
    bias[5] = 20
    teacher.expression_head.set_weights([np.zeros_like(teacher.expression_head.get_weights()[0]), bias])
    teacher.save(tmp_path / "teacher.keras")
    config = TrainingConfig(
        dataset=str(prepared_folder),
        output=str(tmp_path / "run"),
        preset="baseline",
        backbone="plain_small",
        image_size=16,
        representation_size=8,
        epochs=10,
        batch_size=8,
        learning_rate=0.01,
        ema_momentum=0.0,
        teachers=(str(tmp_path / "teacher.keras"),),
        teacher_share=1.0,
    )
    fit(config, verbose=0)
    images = np.repeat(open_prepared(prepared_folder).images([0, 1, 2, 3]), 3, axis=3)
    answers = open_recognizer(tmp_path / "run" / "last.keras").recognize(images)
    assert (answers.argmax(axis=1) == 5).all()
