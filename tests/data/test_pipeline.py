"""Batches against the rows of a data set that is written and opened for real."""

import numpy as np
import pytest
import tensorflow as tf

from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.mixture import Mixture, MixturePart
from keras_fer.data.mixup import mixup
from keras_fer.data.pipeline import evaluation_pipeline, mixture_pipeline, train_pipeline
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError
from keras_fer.runtime.preprocessing import resize

RNG = np.random.default_rng(0)
LABEL_NAMES = ("neutral", "happiness", "anger")
SIZE = 90


def prepared(folder, channels=1, rich=False, crop_size=16, side=20):
    """Writes 90 images in shards of 16 rows; every image has its row number in its first pixel."""
    images = RNG.integers(0, 256, (SIZE, side, side, channels), np.uint8)
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
        image_shape=(side, side, channels),
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


@pytest.mark.parametrize("level", [None, "standard", "strong"])
@pytest.mark.parametrize("mode", ["natural", "pairs"])
def test_own_rows_are_those_of_the_whole_batch(gray, level, mode):
    """Processes that share a batch see together, pixel by pixel, what one would see."""

    def augmented(images, seed, pairs, rows=None):
        return augment(images, AUGMENTATIONS[level], 16, 16, seed, pairs, rows)

    options = {"num_steps": 2, "augmentation": level and augmented, "augmentation_seed": 3}
    sampler = train_sampler(gray, mode)
    whole = train_pipeline(gray, sampler, **options).as_numpy_iterator()
    parts = [train_pipeline(gray, sampler, rows=rows, **options) for rows in ((0, 12), (12, 32))]
    assert parts[0].element_spec[0].shape[0] == 12
    for expected, *shares in zip(whole, *(part.as_numpy_iterator() for part in parts), strict=True):
        np.testing.assert_allclose(np.concatenate([images for images, _ in shares]), expected[0], atol=1e-3)
        for name, values in expected[1].items():
            np.testing.assert_array_equal(np.concatenate([y[name] for _, y in shares]), values)


def test_parts_of_evaluation_batches(gray):
    """The last batch has one row: two of the three parts get none."""
    rows = gray.indices("test")[:9]
    whole = list(evaluation_pipeline(gray, rows, 8, 16).as_numpy_iterator())
    first = list(evaluation_pipeline(gray, rows, 8, 16, parts=(0, 1), num_parts=3).as_numpy_iterator())
    last = list(evaluation_pipeline(gray, rows, 8, 16, parts=(2,), num_parts=3).as_numpy_iterator())
    assert [len(images) for images, _ in first] == [3, 3, 1, 0]
    assert [len(images) for images, _ in last] == [2, 0]
    for step, (images, y) in enumerate(whole):
        shares = [first[2 * step], first[2 * step + 1], last[step]]
        np.testing.assert_array_equal(np.concatenate([share for share, _ in shares]), images)
        np.testing.assert_array_equal(np.concatenate([y["expression"] for _, y in shares]), y["expression"])


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


def test_mixup_is_a_function_of_seed_and_step(rich):
    plain = list(train_pipeline(rich, train_sampler(rich), num_steps=4).as_numpy_iterator())

    def blended(seed=9, **settings):
        pipeline = train_pipeline(
            rich, train_sampler(rich), mixup_alpha=0.5, augmentation_seed=seed, **settings
        )
        assert pipeline.element_spec[1]["expression"] == tf.TensorSpec((32, 3), tf.float32)
        return list(pipeline.as_numpy_iterator())

    whole, rest = blended(num_steps=4), blended(start_step=2, num_steps=2)
    for (images, y), (resumed, targets) in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(images, resumed)
        np.testing.assert_array_equal(y["expression"], targets["expression"])
    assert (blended(seed=8, num_steps=1)[0][0] != whole[0][0]).any()
    images, y = tf.nest.map_structure(tf.constant, plain[1])
    expected, targets = mixup(images, y, 0.5, 3, tf.constant([9, 1]))
    np.testing.assert_array_equal(whole[1][0], expected)
    np.testing.assert_array_equal(whole[1][1]["expression"], targets["expression"])


def test_blocks_are_read_ahead_and_delivered_as_drawn(gray, monkeypatch):
    asked = []
    monkeypatch.setattr(type(gray), "read_ahead", lambda self, rows: asked.append(rows) or 0)
    rows = gray.indices("train")
    sampler = IndexSampler(gray.labels[rows], rows, 20, seed=5, block_rows=1)  # windows of 32 rows
    batches = list(train_pipeline(gray, TwoViews(sampler), num_steps=6).as_numpy_iterator())
    for step, (images, _) in enumerate(batches):
        np.testing.assert_array_equal(images[0::2, 0, 0, 0], sampler.batch(step))
    expected = [sampler.upcoming(step, first=step == 0) for step in range(6)]
    assert sorted(map(len, asked)) == sorted(map(len, expected))
    assert set(np.concatenate(asked)) == set(np.concatenate(expected))
    assert len(np.concatenate(expected)) >= 60


def test_positions_in_the_place_of_images(gray):
    sampler = train_sampler(gray, "pairs")
    positions = np.arange(SIZE, dtype=np.int32)[::-1].copy()
    plain = train_pipeline(gray, sampler, start_step=1, num_steps=3)
    light = train_pipeline(gray, sampler, start_step=1, num_steps=3, positions=positions)
    assert light.element_spec == (tf.TensorSpec(32, tf.int32), plain.element_spec[1])
    for (images, y), (places, targets) in zip(plain, light, strict=True):
        np.testing.assert_array_equal(images[:, 0, 0, 0], positions[places])
        for name, values in y.items():
            np.testing.assert_array_equal(values, targets[name])


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


def test_two_views_are_the_same_stored_image_and_augmented_apart(gray):
    rows = gray.indices("train")
    views = TwoViews(IndexSampler(gray.labels[rows], rows, 16, "balanced", seed=5))

    def augmented(images, seed, pairs):
        return augment(images, AUGMENTATIONS["light"], 16, gray.crop_size, seed, pairs)

    images, y = next(train_pipeline(gray, views, start_step=2).as_numpy_iterator())
    np.testing.assert_array_equal(y["view"], views.batch(2))
    assert set(y) == {"expression", "view"}
    np.testing.assert_array_equal(images[0::2], images[1::2])
    images, _ = next(train_pipeline(gray, views, augmentation=augmented).as_numpy_iterator())
    assert (np.abs(images[0::2] - images[1::2]).mean(axis=(1, 2, 3)) > 1).all()


# --- mixtures ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Colour, larger, seen whole."""
    return prepared(tmp_path_factory.mktemp("large"), channels=3, crop_size=30, side=30)


def parts_of(*datasets, modes=("natural", "pairs")):
    return [
        MixturePart(dataset, train_sampler(dataset, mode, batch_size))
        for dataset, mode, batch_size in zip(datasets, modes, (6, 4), strict=True)
    ]


def batch_of(mixture, step=0, **options):
    return next(mixture_pipeline(mixture, start_step=step, **options).as_numpy_iterator())


def test_shapes_of_a_mixture_are_static(gray, large, rich):
    images, y = mixture_pipeline(Mixture(parts_of(gray, large))).element_spec
    assert images == tf.TensorSpec((10, 20, 20, 3), tf.uint8)
    assert y == {name: tf.TensorSpec(10, tf.int32) for name in ("expression", "part", "pair")}
    images, y = mixture_pipeline(Mixture(parts_of(large, rich))).element_spec
    assert images == tf.TensorSpec((10, 30, 30, 3), tf.uint8)
    assert y["expression"] == tf.TensorSpec((10, 3), tf.float32)
    assert y["valence_arousal"] == tf.TensorSpec((10, 2), tf.float32)


@pytest.mark.parametrize("step", [0, 7])
def test_the_first_part_is_delivered_as_without_a_mixture(gray, rich, large, step):
    for first in (gray, rich):
        images, y = batch_of(Mixture(parts_of(first, large)), step)
        plain, targets = next(
            train_pipeline(first, train_sampler(first, batch_size=6), start_step=step).as_numpy_iterator()
        )
        np.testing.assert_array_equal(images[:6], plain)
        np.testing.assert_array_equal(y["expression"][:6], targets["expression"])


def test_another_geometry_is_seen_as_in_evaluation(rich, large):
    mixture = Mixture(parts_of(rich, large))
    images, _ = batch_of(mixture, 3)
    rows = mixture.rows(3)[1]
    (seen, _), *_ = evaluation_pipeline(large, rows, 4, rich.crop_size).as_numpy_iterator()
    np.testing.assert_array_equal(images[6:, 2:18, 2:18], seen)
    # The rim of two pixels repeats what lies beside it, as a warp beyond the image does.
    mirrored = np.pad(seen, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(images[6:], mirrored)


def test_no_picture_is_distorted(tmp_path, large):
    """A disc in the middle of a wide image stays a disc, of the size that evaluation shows."""
    down, right = np.indices((24, 40)) - np.array([11.5, 19.5])[:, None, None]
    disc = (255 * (np.hypot(down, right) < 8)).astype(np.uint8)[None, :, :, None]
    with PreparedWriter(
        tmp_path / "wide", source="x", label_names=LABEL_NAMES, image_shape=(24, 40, 1), crop_size=24
    ) as writer:
        many = np.repeat(disc, 8, axis=0)
        sources = [str(row) for row in range(8)]
        writer.append(many, labels=np.arange(8) % 3, splits=np.zeros(8, int), sources=sources)
        wide = writer.finish()
    images, _ = batch_of(Mixture(parts_of(large, wide, modes=("natural", "natural"))))
    bright = images[6, :, :, 0] > 127
    assert bright.any(axis=0).sum() == bright.any(axis=1).sum() == 20
    np.testing.assert_array_equal(bright, bright.T)


def test_images_of_one_geometry_keep_their_rim(gray, rich):
    mixture = Mixture(parts_of(rich, gray))
    images, _ = batch_of(mixture)
    np.testing.assert_array_equal(images[6:], np.repeat(gray.images(mixture.rows(0)[1]), 3, axis=-1))


def test_all_are_gray_where_the_first_part_is(gray, rich):
    mixture = Mixture(parts_of(gray, rich))
    images, _ = batch_of(mixture)
    np.testing.assert_array_equal(images, np.repeat(images[..., :1], 3, axis=-1))
    luma = rich.images(mixture.rows(0)[1]) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(images[6:, :, :, 0] - luma).max() <= 1


def test_a_mixture_is_a_function_of_the_step(gray, large):
    whole = list(mixture_pipeline(Mixture(parts_of(gray, large)), num_steps=5).as_numpy_iterator())
    rest = mixture_pipeline(Mixture(parts_of(gray, large)), start_step=3, num_steps=2).as_numpy_iterator()
    for (images, y), (again, targets) in zip(whole[3:], rest, strict=True):
        np.testing.assert_array_equal(images, again)
        assert set(y) == set(targets)
        for name in y:
            np.testing.assert_array_equal(y[name], targets[name])


def test_members_of_a_pair_are_augmented_alike_and_others_are_not(gray, large):
    """Equal slopes in place of the images show nothing but the draws."""

    def augmented(images, seed, pairs):
        slope = tf.ones_like(images) * tf.cast(tf.range(images.shape[2])[:, None] * 8, tf.uint8)
        return augment(slope, AUGMENTATIONS["light"], 16, gray.crop_size, seed, pairs)

    images, y = batch_of(Mixture(parts_of(gray, large)), augmentation=augmented, augmentation_seed=3)
    apart = np.abs(images[0::2] - images[1::2]).mean(axis=(1, 2, 3))
    assert (apart[:3] > 1).all()
    np.testing.assert_array_equal(apart[3:], 0)
    np.testing.assert_array_equal(y["pair"][6::2], y["pair"][7::2])


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


def test_further_targets_are_delivered(rich):
    numbers = np.arange(len(rich), dtype=np.int32)
    rows = rich.indices("test")
    batches = list(evaluation_pipeline(rich, rows, 30, 16, {"number": numbers}).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([y["number"] for _, y in batches]), rows)
    sampler = IndexSampler(rich.labels[rows], rows, 4)
    _, y = next(train_pipeline(rich, sampler, targets={"number": numbers}).as_numpy_iterator())
    np.testing.assert_array_equal(y["number"], sampler.batch(0))
