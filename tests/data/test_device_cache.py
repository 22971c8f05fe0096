"""Images that the device holds are those of the pipeline, and what does not fit is told in a sentence."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.device_cache import CachedImages
from keras_fer.data.pipeline import train_pipeline
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError


@pytest.fixture(scope="module", params=[1, 3])
def dataset(request, tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, request.param), np.uint8)
    with PreparedWriter(
        tmp_path_factory.mktemp("cache") / "set",
        source="test",
        label_names=("one", "other"),
        image_shape=images.shape[1:],
        rows_per_shard=7,
    ) as writer:
        labels, splits = np.arange(40) % 2, np.arange(40) % 3
        writer.append(images, labels=labels, splits=splits, sources=[str(row) for row in range(40)])
        return writer.finish()


@pytest.mark.parametrize("views", [False, True])
def test_batches_equal_those_that_are_read_from_the_disk(dataset, views):
    rows = dataset.indices("train")
    sampler = IndexSampler(dataset.labels[rows], rows, 4, "balanced", seed=2)
    sampler = TwoViews(sampler) if views else sampler
    cached = CachedImages(dataset, rows)
    from_disk = train_pipeline(dataset, sampler, num_steps=7)
    positions = train_pipeline(dataset, sampler, num_steps=7, positions=cached.positions)
    gathered = tf.function(cached.images)
    for (images, y), (places, targets) in zip(from_disk, positions, strict=True):
        np.testing.assert_array_equal(gathered(places), images)
        np.testing.assert_array_equal(targets["expression"], y["expression"])
    assert gathered(places).dtype == tf.uint8


def test_only_what_is_drawn_is_held(dataset):
    cached = CachedImages(dataset, dataset.indices("train"))
    held = cached.positions >= 0
    np.testing.assert_array_equal(np.flatnonzero(held), dataset.indices("train"))
    assert sorted(cached.positions[held]) == list(range(held.sum()))


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.ResourceExhaustedError(None, None, "out of memory"),
        tf.errors.InternalError(None, None, "Failed copying input tensor: Dst tensor is not initialized."),
        MemoryError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_does_not_fit(dataset, monkeypatch, error):
    def full(images):
        raise error

    monkeypatch.setattr(tf, "constant", full)
    with pytest.raises(
        FERError, match=r"14 training images, 0.0 GB, do not fit .* leave out `cache_on_device`"
    ):
        CachedImages(dataset, dataset.indices("train"))


def test_other_errors_of_the_device_are_no_lack_of_room(dataset, monkeypatch):
    def broken(images):
        raise tf.errors.InternalError(None, None, "the device is lost")

    monkeypatch.setattr(tf, "constant", broken)
    with pytest.raises(tf.errors.InternalError, match="the device is lost"):
        CachedImages(dataset, dataset.indices("train"))
