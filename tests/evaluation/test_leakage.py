import json

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.errors import FERError
from keras_fer.evaluation.factors import dataset_factors
from keras_fer.evaluation.leakage import (
    RepresentationProbe,
    Represented,
    keras_representation_function,
    measure_leakage,
    probe_factors,
    representations,
)
from keras_fer.evaluation.probe_protocol import ProbeSplit


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


@pytest.fixture
def people_dataset(tmp_path):
    """20 people of 8 images: the upper half shows the label, the lower the person and its tone."""
    count = 160
    who, labels = np.arange(count) // 8, np.arange(count) % 2
    tones = np.random.default_rng(0).permutation(20)[who]
    images = np.random.default_rng(1).integers(0, 8, (count, 8, 8, 1), np.uint8)
    images[:, :4] += (100 * labels).astype(np.uint8)[:, None, None, None]
    images[:, 4:] += (12 * tones).astype(np.uint8)[:, None, None, None]
    with PreparedWriter(
        tmp_path / "people", source="people", label_names=("calm", "glad"), image_shape=(8, 8, 1)
    ) as writer:
        writer.append(
            images,
            labels=labels,
            splits=np.where(who < 12, 0, 2),
            sources=[f"{row}.png" for row in range(count)],
            subjects=who,
            factors={
                "skin_tone": (tones / 20).astype(np.float32),
                "glasses": np.where(who < 12, 0, who % 2).astype(np.float32),
            },
        )
        return writer.finish()


def halves(images):
    """Mean of the upper and of the lower half, and which of 20 tones the lower one has."""
    upper, lower = (part.mean(axis=(1, 2, 3))[:, None] for part in (images[:, :4], images[:, 4:]))
    return {"upper": upper, "lower": lower, "tone": np.exp(-(((lower - 12 * np.arange(20) - 3.5) / 6) ** 2))}


def chosen_factors(dataset, *names):
    """Factors by name, in that order."""
    known = {factor.name: factor for factor in dataset_factors(dataset, "all").factors}
    return [known[name] for name in names]


def test_every_representation_is_asked_for_every_factor(people_dataset):
    rows = measure_leakage(
        halves,
        people_dataset,
        8,
        model="halves",
        seeds=(0,),
        control=False,
        factors=chosen_factors(people_dataset, "expression", "identity", "skin_tone"),
    )
    found = {(row.representation, row.factor): row.result for row in rows}
    assert list(found) == [
        (name, factor)
        for name in ("upper", "lower", "tone")
        for factor in ("expression", "identity", "skin_tone")
    ]
    assert found["upper", "expression"].leakage > 0.95
    assert found["lower", "expression"].leakage < 0.3
    assert found["lower", "skin_tone"].leakage > 0.95
    assert found["upper", "skin_tone"].leakage < 0.1
    identity = found["tone", "identity"]
    # 8 people that the encoder never saw, 4 images of each to learn from and 4 to be judged on.
    assert (identity.num_classes, identity.num_train, identity.num_test) == (8, 32, 32)
    assert identity.leakage > 0.9
    assert found["upper", "identity"].leakage < 0.3
    assert {result.num_clusters for result in found.values()} == {8}
    assert {result.control_mean for result in found.values()} == {None}


def test_what_cannot_be_measured_has_no_row(people_dataset):
    factors = chosen_factors(people_dataset, "glasses", "expression")
    # Nobody among the people to learn from wears glasses.
    rows = measure_leakage(
        halves, people_dataset, 8, model="m", names=["upper"], seeds=(0,), control=False, factors=factors
    )
    assert [row.factor for row in rows] == ["expression"]
    with pytest.raises(FERError, match="Glasses was not measured: fewer than two of its classes"):
        measure_leakage(halves, people_dataset, 8, model="m", factors=factors[:1])


def test_a_name_that_is_no_representation(people_dataset):
    with pytest.raises(ValueError, match=r"\['upper', 'lower', 'tone'\]. Received: names=\['middle'\]"):
        measure_leakage(halves, people_dataset, 8, model="m", names=["middle"])


def test_a_data_set_without_labels_is_an_error(brightness_dataset):
    dataset = brightness_dataset(labels=[-1, -1, -1], brightness=[1, 2, 3])
    with pytest.raises(FERError, match="Expression was not measured: it is known for no image"):
        measure_leakage(brightness_and_nothing, dataset, 16, model="fake")


def test_floors_may_have_fewer_seeds(people_dataset):
    rows = np.arange(len(people_dataset))
    split = ProbeSplit(people_dataset.indices("train"), people_dataset.indices("test"), ("train", "test"))
    arrays = representations(halves, people_dataset, rows, 8)
    sources = [
        Represented("model", {"upper": arrays["upper"]}, rows),
        Represented("floor", {"upper": arrays["upper"]}, rows, floor=True),
    ]
    factors = dataset_factors(people_dataset, "expression").factors
    model, floor = probe_factors(sources, factors, split, seeds=(0, 1), floor_seeds=(0,), control=False)
    assert (model.result.num_seeds, floor.result.num_seeds) == (2, 1)
    assert (model.floor, floor.floor) == (False, True)
    assert RepresentationProbe.from_dict(json.loads(json.dumps(floor.to_dict()))) == floor


def test_progress_counts_images(brightness_dataset):
    steps = []
    representations(
        brightness_and_nothing, brightness_dataset(), np.arange(5), 16, 2, lambda *step: steps.append(step)
    )
    assert steps == [(2, 5), (4, 5), (5, 5)]
