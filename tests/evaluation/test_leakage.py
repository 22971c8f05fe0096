import json

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.evaluation.leakage import keras_representation_function, measure_leakage, representations


def brightness_and_nothing(images):
    """One representation that tells everything and one that tells nothing."""
    means = images.mean(axis=(1, 2, 3))
    return {
        "told": np.stack([means, means**2], axis=1),
        "empty": np.full((len(images), 3), 7.0),
    }


def test_finds_what_is_told_and_nothing_in_what_is_empty(brightness_dataset):
    dataset = brightness_dataset(labels=np.tile([0, 1, 2, 3], 15))
    told, empty = measure_leakage(brightness_and_nothing, dataset, 16, model="fake", seeds=(0,))
    assert (told.representation, told.result.leakage, told.width) == ("told", 1.0, 2)
    assert empty.result.leakage == pytest.approx(0)
    assert empty.effective_rank == 0
    assert told.model == "fake"
    assert not told.floor
    assert told.result.num_train == told.result.num_test == 60
    assert json.loads(json.dumps(told.to_dict()))["result"]["leakage"] == 1.0


def test_probes_only_what_is_asked_on_a_part_of_the_rows(brightness_dataset):
    dataset = brightness_dataset(labels=np.tile([0, 1, 2, 3, -1], 10))
    (row,) = measure_leakage(
        brightness_and_nothing,
        dataset,
        16,
        model="fake",
        names=["told"],
        seeds=(0,),
        max_train_rows=30,
        floor=True,
    )
    assert row.floor
    assert (row.result.num_train, row.result.num_test) == (30, 40)


def test_an_empty_split_is_an_error(brightness_dataset):
    with pytest.raises(FERError, match="validation split"):
        measure_leakage(brightness_and_nothing, brightness_dataset(), 16, model="f", test_split="validation")


def test_representations_are_in_the_order_of_the_rows(brightness_dataset):
    rows = np.array([3, 0, 2])
    values = representations(brightness_and_nothing, brightness_dataset(), rows, 16, batch_size=2)
    np.testing.assert_allclose(values["told"][:, 0], 30 * rows + 15)


def test_a_keras_model_is_asked_for_its_representations():
    class Graph:
        def predict_on_batch(self, images):
            assert images.dtype == np.float32
            return {"face_features": images.mean(axis=(1, 2))}

    class Model:
        representations = Graph()

    function = keras_representation_function(Model())
    assert function(np.full((2, 4, 4, 3), 9, np.uint8))["face_features"].tolist() == [[9.0] * 3] * 2
