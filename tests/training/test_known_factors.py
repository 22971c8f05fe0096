"""Columns of data sets as targets, against numbers written out by hand."""

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.errors import FERError
from keras_fer.training.known_factors import factor_names, known_factors

NAN = np.nan


def write(folder, size, splits=None, **columns):
    with PreparedWriter(folder, source="x", label_names=("a", "b"), image_shape=(4, 4, 1)) as writer:
        writer.append(
            np.zeros((size, 4, 4, 1), np.uint8),
            labels=np.arange(size) % 2,
            splits=np.zeros(size, int) if splits is None else splits,
            sources=[str(row) for row in range(size)],
            **columns,
        )
        return writer.finish()


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """Six images, the last two for validation; people 10, 20 and 30, of whom 30 is not trained on."""
    return write(
        tmp_path_factory.mktemp("rendered") / "rendered",
        6,
        [0, 0, 0, 0, 1, 1],
        subjects=[20, 20, 10, -1, 30, 10],
        factors={
            "yaw": np.array([1.5, 3.5, 5.5, NAN, 100, 3], np.float32),
            "pitch": np.array([0, 0, 3, 1, 0, 0], np.float32),
            "glasses": np.array([2, 0, NAN, 2, 7, 0], np.float32),
            "occlusion": np.array([0, 0.3, 0.1, 0, 0, 0.2], np.float32),
            "fixed": np.full(6, 1.5, np.float32),
            "identity": np.array([9, 9, 9, 9, 9, 9], np.float32),
            "Odd.name": np.arange(6, dtype=np.float32),
        },
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Four images, all for training, of two people with the numbers that other people have elsewhere."""
    return write(
        tmp_path_factory.mktemp("photos") / "photos",
        4,
        subjects=[20, 10, 10, 10],
        factors={"glasses": np.array([1, 0, 2, 2], np.float32)},
    )


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bare") / "bare", 3)


def known(names, *sources, shares=None, **settings):
    rows = [source.indices("train") for source in sources]
    return known_factors(names, sources, rows, shares or [1.0] * len(sources), **settings)


def test_names(rendered, photos, bare):
    columns = ("fixed", "glasses", "occlusion", "pitch", "yaw")
    assert factor_names([rendered]) == ("expression", "identity", "pose", *columns)
    assert factor_names([bare]) == ("expression",)
    assert factor_names([bare, photos]) == ("expression", "identity", "glasses")


def test_values_are_standardised_by_the_training_images(rendered):
    found = known(["expression", "yaw"], rendered, width=7)
    (yaw,) = found.factors
    assert (yaw.name, yaw.kind, yaw.size, yaw.width) == ("yaw", "continuous", 1, 7)
    # 1.5, 3.5 and 5.5: the 100 is an image of the validation split.
    assert yaw.mean == (3.5,)
    np.testing.assert_allclose(yaw.scale, np.sqrt(8 / 3))
    column = found.targets[0]["yaw"]
    assert column.dtype == np.float32
    np.testing.assert_array_equal(column, [[1.5], [3.5], [5.5], [NAN], [100], [3]])


def test_columns_that_belong_together(rendered, bare):
    found = known(["pose"], rendered, bare)
    (pose,) = found.factors
    assert pose.size == 2
    np.testing.assert_allclose(pose.mean, (3.5, 1))
    np.testing.assert_array_equal(found.targets[0]["pose"][2:4], [[5.5, 3], [NAN, 1]])
    np.testing.assert_array_equal(found.targets[1]["pose"], np.full((3, 2), NAN))


def test_kinds_are_numbered_in_the_training_images(rendered):
    found = known(["glasses"], rendered)
    (glasses,) = found.factors
    assert (glasses.kind, glasses.size) == ("categorical", 2)
    column = found.targets[0]["glasses"]
    assert column.dtype == np.int32
    # A kind that training never saw has no class, as an unknown one.
    np.testing.assert_array_equal(column, [1, 0, -1, 1, -1, 0])
    np.testing.assert_allclose(glasses.class_prior, (1 / 3, 2 / 3))


def test_kinds_of_two_data_sets_have_one_numbering(rendered, photos):
    found = known(["glasses"], rendered, photos, shares=[3, 1])
    (glasses,) = found.factors
    assert glasses.size == 3
    np.testing.assert_array_equal(found.targets[0]["glasses"], [2, 0, -1, 2, -1, 0])
    np.testing.assert_array_equal(found.targets[1]["glasses"], [1, 0, 2, 2])
    # Rows of a batch: 3/4 of the first per training image, 1/4 of the other.
    shares = np.array([3 / 4 + 1 / 4, 1 / 4, 2 * 3 / 4 + 2 / 4])
    np.testing.assert_allclose(glasses.class_prior, shares / shares.sum())


def test_people_of_two_data_sets_are_never_one(rendered, photos, bare):
    found = known(["identity"], rendered, photos, bare)
    (identity,) = found.factors
    assert identity.size == 4
    # Person 30 is on no training image; person 10 is, so its validation image has a class.
    np.testing.assert_array_equal(found.targets[0]["identity"], [1, 1, 0, -1, -1, 0])
    np.testing.assert_array_equal(found.targets[1]["identity"], [3, 2, 2, 2])
    np.testing.assert_array_equal(found.targets[2]["identity"], [-1, -1, -1])


def test_validation_looks_at_all_but_the_identity(rendered):
    found = known(["identity", "yaw", "glasses"], rendered)
    assert set(found.targets[0]) == {"identity", "yaw", "glasses"}
    assert set(found.validation_targets()) == {"yaw", "glasses"}


def test_what_is_mostly_absent_is_there_or_not(rendered):
    found = known(["occlusion"], rendered)
    np.testing.assert_array_equal(found.targets[0]["occlusion"], [0, 1, 1, 0, 0, 1])


def test_valence_and_arousal(tmp_path):
    rated = write(tmp_path / "rated", 2, valence_arousal=np.array([[0.5, NAN], [-0.5, 1]]))
    assert "valence_arousal" in factor_names([rated])
    with pytest.raises(FERError, match="'valence_arousal' does not vary in the training data"):
        known(["valence_arousal"], rated)
    also = write(tmp_path / "also", 1, valence_arousal=np.array([[0.0, 0.0]]))
    found = known(["valence_arousal"], rated, also)
    np.testing.assert_allclose(found.factors[0].mean, (0, 0.5))
    np.testing.assert_array_equal(found.targets[0]["valence_arousal"], [[0.5, NAN], [-0.5, 1]])


def test_what_is_refused(rendered, bare, tmp_path):
    with pytest.raises(FERError, match=r"Nothing is known about roll in .*bare'\. There is: expression\."):
        known(["expression", "roll"], bare)
    with pytest.raises(FERError, match="'fixed' does not vary in the training data"):
        known(["fixed"], rendered)
    one = write(tmp_path / "one", 2, subjects=[4, 4])
    with pytest.raises(FERError, match="'identity' does not vary in the training data"):
        known(["identity"], one)
    wide = write(tmp_path / "wide", 2, factors={"yaw": np.eye(2, dtype=np.float32)})
    with pytest.raises(FERError, match=r"know 'yaw' as arrays of different widths, \[\(\), \(2,\)\]"):
        known(["yaw"], rendered, wide)
