import pytest

from keras_fer.data.readers.class_names import class_label_names
from keras_fer.errors import FERError


@pytest.mark.parametrize(
    ("names", "label_names"),
    [
        (("Surprise", "ANGRY", "neutral"), ("neutral", "surprise", "anger")),
        (("sad", "happy", "bored"), ("bored", "happy", "sad")),
        (("10", "9", "b", "a"), ("9", "10", "a", "b")),
    ],
)
def test_names(names, label_names):
    found, labels = class_label_names(names, "it")
    assert found == label_names
    assert sorted(labels) == sorted(names)
    assert sorted(labels.values()) == list(range(len(names)))


def test_labels_follow_the_meaning():
    assert class_label_names(("Surprise", "ANGRY", "neutral"), "it")[1] == {
        "Surprise": 1,
        "ANGRY": 2,
        "neutral": 0,
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "it must have at least two classes. Found: none"),
        (("happy",), "it must have at least two classes. Found: happy"),
        (("joy", "sad", "happy"), "The classes happy, joy of it mean the same: merge them"),
    ],
)
def test_names_that_are_no_classes(names, message):
    with pytest.raises(FERError, match=message):
        class_label_names(names, "it")
