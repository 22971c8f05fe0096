import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.records import SPLITS
from keras_fer.errors import FERError
from keras_fer.export.dataset_images import image_sample


@pytest.fixture
def dataset(tmp_path):
    """Gray 20 px images whose pixels say their row; labels by alias and in another order."""
    images = np.repeat(np.arange(12, dtype=np.uint8)[:, None, None, None], 20, axis=1).repeat(20, axis=2)
    with PreparedWriter(
        tmp_path / "prepared",
        source="rows",
        label_names=("happy", "confusion", "neutral"),
        image_shape=(20, 20, 1),
        crop_size=18,
    ) as writer:
        writer.append(
            images,
            labels=np.array([0, 1, 2, -1] * 3),
            splits=np.array([SPLITS.index("train")] * 6 + [SPLITS.index("validation")] * 6),
            sources=[f"{row}.png" for row in range(12)],
        )
        return writer.finish()


@pytest.fixture
def contract():
    return ModelContract(("neutral", "happiness"), 16)


def test_views_and_labels_by_name(dataset, contract):
    sample = image_sample(dataset, contract, ("train",), 100)
    assert sample.images.shape == (6, 16, 16, 3)
    assert sample.images.dtype == np.uint8
    assert sample.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert sample.labels.tolist() == [1, -1, 0, -1, 1, -1]
    assert sample.facts["split"] == "train"
    assert sample.facts["dataset"]["content_hash"] == dataset.content_hash


def test_first_split_that_has_images(dataset, contract):
    sample = image_sample(dataset, contract, ("test", "validation"), 4, seed=1)
    assert sample.facts["split"] == "validation"
    rows = sample.images[:, 0, 0, 0].tolist()
    assert len(rows) == 4
    assert set(rows) < set(range(6, 12))
    again = image_sample(dataset, contract, ("test", "validation"), 4, seed=1)
    np.testing.assert_array_equal(again.images, sample.images)
    others = [image_sample(dataset, contract, ("validation",), 4, seed=seed).images for seed in range(5)]
    assert any((other != sample.images).any() for other in others)


def test_no_images(dataset, contract):
    with pytest.raises(FERError, match=r"no images in test; name another one with --dataset"):
        image_sample(dataset, contract, ("test",), 4)
