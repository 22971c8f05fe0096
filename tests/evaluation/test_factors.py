import re

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.scene import factors as scene_factors
from keras_fer.data.synthetic.scene import scene
from keras_fer.evaluation.factors import (
    FACTOR_CHOICES,
    HEADLINE,
    clusters_of,
    dataset_factors,
    units_of,
)

ROWS = 24


@pytest.fixture
def dataset(tmp_path):
    """Returns a function that writes a data set of tiny distinct images with given columns."""

    def write(labels=None, **columns):
        images = np.random.default_rng(0).integers(0, 256, (ROWS, 4, 4, 1), np.uint8)
        with PreparedWriter(
            tmp_path / f"prepared-{len(list(tmp_path.iterdir()))}",
            source="noise",
            label_names=("a", "b"),
            image_shape=(4, 4, 1),
        ) as writer:
            writer.append(
                images,
                labels=np.arange(ROWS) % 2 if labels is None else labels,
                splits=np.repeat([0, 2], ROWS // 2),
                sources=[f"{row}.png" for row in range(ROWS)],
                **columns,
            )
            return writer.finish()

    return write


@pytest.fixture
def synthetic(dataset):
    """The columns of rendered faces, without rendering them."""
    config = SyntheticConfig(num_images=ROWS, num_identities=12, difficulty="hard")
    known = [scene_factors(scene(config, index)) for index in range(ROWS)]
    columns = {name: np.stack([row[name] for row in known]) for name in known[0]}
    # The labels are other ones than those shown, as with label noise.
    return dataset(subjects=np.repeat(np.arange(12), 2), factors=columns)


def names(found):
    return [factor.name for factor in found.factors]


def test_headline_of_synthetic_faces(synthetic):
    found = dataset_factors(synthetic)
    assert names(found) == ["expression", "identity", "pose", "light", "skin_tone", "glasses"]
    kinds = {factor.name: factor.kind for factor in found.factors}
    assert [name for name, kind in kinds.items() if kind == "continuous"] == ["pose", "light", "skin_tone"]
    groups = {factor.name for factor in found.factors if factor.group == "expression"}
    assert groups == {"expression"}
    assert found.notes == ()
    pose, light = (factor for factor in found.factors if factor.name in ("pose", "light"))
    assert pose.dimension_names == ("yaw", "pitch", "roll")
    np.testing.assert_array_equal(pose.values[:, 1], synthetic.factors["pitch"])
    assert light.values.shape == (ROWS, 3)
    assert [factor.name for factor in found.factors if factor.within_people] == ["identity"]


def test_all_factors_of_synthetic_faces_are_measured_once(synthetic):
    found = dataset_factors(synthetic, "all")
    members = {"yaw", "pitch", "roll", "shift_x", "shift_y"}
    expected = (set(synthetic.factors) - members) | {"expression", "pose", "shift"}
    missing = {re.split(" was ", note)[0].lower().replace(" ", "_") for note in found.notes}
    assert set(names(found)) | missing == expected
    assert len(names(found)) == len(set(names(found)))
    assert set(names(found)[:4]) == {"expression", "action_units", "clean_label", "intensity"}
    assert {factor.group for factor in found.factors[:4]} == {"expression"}
    assert {factor.group for factor in found.factors[4:]} == {"nuisance"}
    by_name = {factor.name: factor for factor in found.factors}
    kinds = {name for name, factor in by_name.items() if factor.kind == "categorical"}
    assert {"hair_style", "background", "clean_label", "identity"} <= kinds
    assert not {"age", "noise", "intensity", "gaze"} & kinds
    assert by_name["action_units"].dimension_names[:2] == ("1 left", "1 right")


def test_the_shown_label_is_a_factor_only_where_it_is_another(dataset):
    labels = np.arange(ROWS) % 2
    same = dataset(labels, factors={"clean_label": labels.astype(np.float32)})
    assert names(dataset_factors(same, "all")) == ["expression"]
    noisy = dataset(labels, factors={"clean_label": np.roll(labels, 3).astype(np.float32)})
    assert names(dataset_factors(noisy, "all")) == ["expression", "clean_label"]


def test_without_factors_there_is_the_expression_and_a_reason_for_the_rest(dataset):
    found = dataset_factors(dataset())
    assert names(found) == ["expression"]
    assert found.notes == (
        "Identity was not measured: the data set does not say who is who.",
        "Not measured, since the data set does not hold them: pose, light, skin tone, glasses. Synthetic "
        "faces have them all.",
    )
    assert dataset_factors(dataset(), "expression").notes == ()


def test_valence_arousal_and_people_where_they_are_known(dataset):
    values = np.random.default_rng(0).uniform(-1, 1, (ROWS, 2)).astype(np.float32)
    values[3] = np.nan
    found = dataset_factors(dataset(valence_arousal=values, subjects=np.arange(ROWS) // 3 - 1))
    assert names(found) == ["expression", "valence_arousal", "identity"]
    valence, identity = found.factors[1:]
    assert (valence.group, valence.dimension_names) == ("expression", ("valence", "arousal"))
    assert np.flatnonzero(~valence.known).tolist() == [3]
    assert np.flatnonzero(~identity.known).tolist() == [0, 1, 2]


def test_one_image_per_person_is_no_identity(dataset):
    found = dataset_factors(dataset(subjects=np.arange(ROWS)))
    assert "identity" not in names(found)
    assert "Identity was not measured: there is one image of each person." in found.notes


def test_what_never_changes_and_what_is_never_known_is_not_measured(dataset):
    nothing = np.full((ROWS, 2), np.nan, np.float32)
    data = dataset(factors={"glasses": np.ones(ROWS, np.float32), "light": nothing})
    found = dataset_factors(data)
    assert names(found) == ["expression"]
    assert "Glasses was not measured: it is the same on all images." in found.notes
    assert "Light was not measured: it is known for no image." in found.notes


def test_kinds_are_few_whole_numbers(dataset):
    columns = {
        "few": np.arange(ROWS) % 3 + 5,
        "some": np.where(np.arange(ROWS) == 2, np.nan, np.arange(ROWS) % 2),
        "many": np.arange(ROWS),
        "broken": np.arange(ROWS) % 3 + 0.5,
        "background": np.arange(ROWS),
        "occlusion": np.where(np.arange(ROWS) % 4, 0.0, 0.31 + np.arange(ROWS) / 100),
    }
    data = dataset(factors={name: values.astype(np.float32) for name, values in columns.items()})
    found = {factor.name: factor for factor in dataset_factors(data, "all").factors}
    kinds = {name for name, factor in found.items() if factor.kind == "categorical"}
    assert kinds == {"expression", "few", "some", "background", "occlusion"}
    assert found["few"].values[:4].tolist() == [0, 1, 2, 0]
    assert found["some"].values[:4].tolist() == [0, 1, -1, 1]
    assert found["occlusion"].values[:5].tolist() == [1, 0, 0, 0, 1]


def test_a_part_of_the_pose_is_enough(dataset):
    data = dataset(factors={"yaw": np.arange(ROWS, dtype=np.float32) / 7})
    (pose,) = (factor for factor in dataset_factors(data).factors if factor.name == "pose")
    assert pose.dimension_names == ("yaw",)


def test_people_else_pairs_else_single_rows_belong_together(dataset):
    data = dataset(
        subjects=np.repeat([5, -1, 6], 8), pairs=np.concatenate([np.arange(20) // 2, np.full(4, -1)])
    )
    clusters, units = clusters_of(data), units_of(data)
    assert len(set(clusters[:8])) == len(set(clusters[16:])) == 1
    assert len(set(clusters[8:16])) == 4
    assert len(set(clusters)) == 6
    assert len(set(units)) == 10 + 4


def test_the_choices(dataset):
    assert FACTOR_CHOICES == ("headline", "all", "expression")
    assert HEADLINE[0] == "expression"
    with pytest.raises(ValueError, match="which='some'"):
        dataset_factors(dataset(), "some")
