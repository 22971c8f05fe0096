"""Batches against the rows of a data set that is written and opened for real."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.pipeline import evaluation_pipeline, train_pipeline
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.sampling import IndexSampler
from keras_fer.errors import FERError
from keras_fer.runtime.preprocessing import resize

RNG = np.random.default_rng(0)
LABEL_NAMES = ("neutral", "happiness", "anger")
SIZE = 90


def prepared(folder, channels=1, rich=False, crop_size=16):
    """Writes 90 images in shards of 16 rows; every image has its row number in its first pixel."""
    images = RNG.integers(0, 256, (SIZE, 20, 20, channels), np.uint8)
    images[:, 0, 0] = np.arange(SIZE)[:, None]
    more = {}
    if rich:
        votes = RNG.random((SIZE, 3)).astype(np.float32)
        more["soft_labels"] = votes / votes.sum(axis=1, keepdims=True)
        more["valence_arousal"] = RNG.uniform(-1, 1, (SIZE, 2)).astype(np.float32)
        more["valence_arousal"][::3] = np.nan
    with PreparedWriter(
        folder / "set",
        source="test",
        label_names=LABEL_NAMES,
        image_shape=(20, 20, channels),
        crop_size=crop_size,
        config={"rich": rich},
        rows_per_shard=16,
    ) as writer:
        writer.append(
            images,
            labels=np.arange(SIZE) % 3,
            splits=np.repeat([0, 2], [60, 30]),
            sources=[f"{row}.png" for row in range(SIZE)],
            pairs=np.arange(SIZE) // 2,
            **more,
        )
        return writer.finish()


@pytest.fixture(scope="module")
def gray(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("gray"))


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("rich"), channels=3, rich=True)


def train_sampler(dataset, mode="natural", batch_size=32):
    rows = dataset.indices("train")
    return IndexSampler(dataset.labels[rows], rows, batch_size, mode, pairs=dataset.pairs[rows], seed=5)


@pytest.mark.parametrize("mode", ["natural", "balanced", "tempered", "pairs"])
def test_train_batches_are_the_rows_of_the_sampler(gray, mode):
    sampler = train_sampler(gray, mode)
    batches = list(train_pipeline(gray, sampler, num_steps=5).as_numpy_iterator())
    assert len(batches) == 5
    for step, (images, y) in enumerate(batches):
        rows = sampler.batch(step)
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(images, np.repeat(gray.images(rows), 3, axis=-1))
        np.testing.assert_array_equal(images[:, 0, 0, 0], rows)
        np.testing.assert_array_equal(y["expression"], rows % 3)
        assert ("pair" in y) == (mode == "pairs")
        if mode == "pairs":
            np.testing.assert_array_equal(y["pair"][0::2], y["pair"][1::2])
            np.testing.assert_array_equal(y["pair"], rows // 2)


def test_shapes_and_dtypes_are_static(gray, rich):
    images, y = train_pipeline(gray, train_sampler(gray, "pairs")).element_spec
    assert images == tf.TensorSpec((32, 20, 20, 3), tf.uint8)
    assert y == {"expression": tf.TensorSpec(32, tf.int32), "pair": tf.TensorSpec(32, tf.int32)}
    images, y = train_pipeline(rich, train_sampler(rich)).element_spec
    assert images == tf.TensorSpec((32, 20, 20, 3), tf.uint8)
    assert y == {
        "expression": tf.TensorSpec((32, 3), tf.float32),
        "valence_arousal": tf.TensorSpec((32, 2), tf.float32),
    }


def test_soft_labels_and_valence_arousal(rich):
    sampler = train_sampler(rich)
    rows = sampler.batch(0)
    _, y = next(train_pipeline(rich, sampler).as_numpy_iterator())
    np.testing.assert_array_equal(y["expression"], rich.soft_labels[rows])
    np.testing.assert_array_equal(y["valence_arousal"], rich.valence_arousal[rows])
    assert np.isnan(y["valence_arousal"]).any()
    _, y = next(train_pipeline(rich, sampler, soft_labels=False).as_numpy_iterator())
    np.testing.assert_array_equal(y["expression"], rich.labels[rows])


def test_resumes_with_the_batches_of_the_uninterrupted_run(gray):
    sampler = train_sampler(gray)
    whole = [images for images, _ in train_pipeline(gray, sampler, num_steps=9).as_numpy_iterator()]
    rest = [
        images
        for images, _ in train_pipeline(
            gray, train_sampler(gray), start_step=4, num_steps=5
        ).as_numpy_iterator()
    ]
    np.testing.assert_array_equal(whole[4:], rest)
    endless = train_pipeline(gray, train_sampler(gray), start_step=4).take(5).as_numpy_iterator()
    np.testing.assert_array_equal(whole[4:], [images for images, _ in endless])


def test_endless_unless_told(gray):
    assert train_pipeline(gray, train_sampler(gray)).cardinality() == tf.data.INFINITE_CARDINALITY
    assert train_pipeline(gray, train_sampler(gray), num_steps=7).cardinality() == 7


def test_augmentation_beside_the_step_equals_augmentation_inside_it(gray):
    sampler = train_sampler(gray, "pairs")

    def augmented(images, seed, pairs):
        return augment(images, AUGMENTATIONS["strong"], 16, gray.crop_size, seed, pairs)

    plain = train_pipeline(gray, sampler, start_step=3, num_steps=3)
    beside = train_pipeline(
        gray, sampler, start_step=3, num_steps=3, augmentation=augmented, augmentation_seed=9
    )
    assert beside.element_spec[0] == tf.TensorSpec((32, 16, 16, 3), tf.float32)
    for step, ((images, y), (changed, _)) in enumerate(zip(plain, beside, strict=True), start=3):
        expected = augmented(images, tf.constant([9, step]), y["pair"])
        np.testing.assert_allclose(changed, expected, atol=0.01)


@pytest.mark.parametrize("size", [16, 11, 24])
def test_evaluation_delivers_each_row_once_in_order(rich, size):
    rows = rich.indices("test")[::-1]
    batches = list(evaluation_pipeline(rich, rows, 8, size).as_numpy_iterator())
    assert [len(images) for images, _ in batches] == [8, 8, 8, 6]
    images = np.concatenate([images for images, _ in batches])
    assert images.dtype == np.uint8
    expected = np.stack([resize(image[2:18, 2:18], size, size) for image in rich.images(rows)])
    assert np.abs(images.astype(int) - expected).max() <= (size != 16)
    np.testing.assert_array_equal(np.concatenate([y["expression"] for _, y in batches]), rows % 3)
    np.testing.assert_array_equal(
        np.concatenate([y["valence_arousal"] for _, y in batches]), rich.valence_arousal[rows]
    )


def test_evaluation_of_gray_images_has_three_channels_and_a_length(gray):
    batches = evaluation_pipeline(gray, gray.indices("test"), 16, 16)
    assert batches.cardinality() == 2
    assert batches.element_spec[0].shape.as_list() == [None, 16, 16, 3]
    images, y = next(batches.as_numpy_iterator())
    np.testing.assert_array_equal(images[..., 0], images[..., 2])
    assert set(y) == {"expression"}


def test_unaugmented_training_sees_what_evaluation_sees(rich):
    rows = rich.indices("test")
    for size in (16, 11):
        views = np.concatenate([images for images, _ in evaluation_pipeline(rich, rows, 30, size)])
        stored = tf.constant(rich.images(rows))
        np.testing.assert_array_equal(
            augment(stored, AUGMENTATIONS["none"], size, rich.crop_size, tf.constant([0, 0])), views
        )


def test_refused_evaluation(gray):
    with pytest.raises(FERError, match="the split is empty"):
        evaluation_pipeline(gray, gray.indices("validation"), 8, 16)
    with pytest.raises(FERError, match="`batch_size` must be at least 1"):
        evaluation_pipeline(gray, gray.indices("test"), 0, 16)
