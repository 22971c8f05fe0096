"""Each image operation against values by hand and a plain NumPy warp, eagerly and inside `tf.data`."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.augmentation import (
    AUGMENTATIONS,
    AugmentationConfig,
    augment,
    change_colour,
    rectangles,
    warp,
)
from keras_fer.data.view import centre_view
from keras_fer.errors import FERError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 24, 24, 3), np.uint8)


def in_tf_data(function):
    def run(*batches):
        batches = [np.asarray(batch) for batch in batches]
        return next(
            iter(
                tf.data.Dataset.from_tensors(tuple(batches)).map(
                    tf.autograph.experimental.do_not_convert(function)
                )
            )
        )

    return run


RUNS = {"eager": lambda function: function, "tf.data": in_tf_data}
runs = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


def motion(flip=False, rotation=0.0, zoom=1.0, translation=(0.0, 0.0), shear=0.0, batch=6):
    """The same motion for each image, as the arguments of `warp`."""
    return {
        "flip": np.full(batch, flip),
        "rotation": np.full(batch, rotation, np.float32),
        "zoom": np.full(batch, zoom, np.float32),
        "translation": np.tile(np.float32(translation), (batch, 1)),
        "shear": np.full(batch, shear, np.float32),
    }


def moved(run, images=IMAGES, image_size=16, crop_size=16, **options):
    options = motion(**options)
    return (
        run(lambda batch, *values: warp(batch, image_size, crop_size, *values))(images, *options.values())
    ).numpy()


def smooth_images(side=48):
    rows, columns = np.mgrid[:side, :side] / side
    planes = [np.sin(5 * rows + 3 * columns), np.cos(4 * columns - rows), rows * columns]
    return np.uint8(127.5 + 120 * np.stack(planes, axis=-1))[None]


def reference_warp(image, image_size, crop_size, flip, rotation, zoom, translation, shear):
    """The forward motions as matrices, inverted, and bilinear sampling with reflection: no shortcuts."""
    height, width = image.shape[:2]
    cosine, sine = np.cos(rotation), np.sin(rotation)
    forward = (
        np.diag([image_size / crop_size] * 2)
        @ np.diag([zoom, zoom])
        @ np.array([[cosine, sine], [-sine, cosine]])
        @ np.array([[1, shear], [0, 1]])
        @ np.diag([-1 if flip else 1, 1])
    )
    backward = np.linalg.inv(forward)
    centre = np.array([(width - crop_size) // 2, (height - crop_size) // 2]) + crop_size / 2
    result = np.zeros((image_size, image_size, 3))
    for row in range(image_size):
        for column in range(image_size):
            offset = np.array([column + 0.5, row + 0.5]) - image_size / 2 - np.array(translation) * image_size
            x, y = backward @ offset + centre
            x, y = reflect(x, width) - 0.5, reflect(y, height) - 0.5
            x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
            left, top = min(int(x), width - 2), min(int(y), height - 2)
            right_share, bottom_share = x - left, y - top
            upper = image[top, left] * (1 - right_share) + image[top, left + 1] * right_share
            lower = image[top + 1, left] * (1 - right_share) + image[top + 1, left + 1] * right_share
            result[row, column] = upper * (1 - bottom_share) + lower * bottom_share
    return result


def reflect(position, length):
    position %= 2 * length
    return min(position, 2 * length - position)


@runs
def test_no_motion_is_the_centre_crop_exactly(run):
    np.testing.assert_array_equal(moved(run), IMAGES[:, 4:20, 4:20])
    odd = IMAGES[:, :, :23]
    np.testing.assert_array_equal(moved(run, odd), odd[:, 4:20, 3:19])


@runs
def test_flip_mirrors_left_and_right(run):
    np.testing.assert_array_equal(moved(run, flip=True), IMAGES[:, 4:20, 4:20][:, :, ::-1])


@runs
def test_translation_by_whole_pixels_shows_the_stored_margin(run):
    right_and_up = moved(run, translation=(3 / 16, -2 / 16))
    np.testing.assert_array_equal(right_and_up, IMAGES[:, 6:22, 1:17])


@runs
def test_translation_beyond_the_stored_image_reflects(run):
    right = moved(run, image_size=24, crop_size=24, translation=(2 / 24, 0))
    np.testing.assert_array_equal(right[:, :, 2:], IMAGES[:, :, :-2])
    np.testing.assert_array_equal(right[:, :, :2], IMAGES[:, :, 1::-1])


@runs
def test_rotation_by_a_quarter_is_counter_clockwise(run):
    expected = np.rot90(IMAGES[:, 4:20, 4:20], axes=(1, 2))
    np.testing.assert_allclose(moved(run, rotation=np.pi / 2), expected, atol=0.01)


@runs
def test_zoom_by_two_shows_the_middle(run):
    images = smooth_images()
    views = moved(run, images, image_size=48, crop_size=48, zoom=2.0, batch=1)
    expected = centre_view(images, 24, 48).numpy()
    np.testing.assert_allclose(views[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=0.51)


@runs
def test_shear_moves_lower_rows_to_the_right(run):
    # Rows at offset y from the middle move by y / 2; the rows next to the middle by a quarter pixel.
    views = moved(run, shear=0.5)
    square = np.float32(IMAGES)[:, 4:20]
    np.testing.assert_allclose(views[:, 15], shifted(square[:, 15], 3.75), atol=0.01)
    np.testing.assert_allclose(views[:, 8], shifted(square[:, 8], 0.25), atol=0.01)


def shifted(row, pixels):
    """The centre 16 of 24 pixels after a shift to the right, by linear interpolation."""
    positions = np.arange(4, 20) - pixels
    left = np.floor(positions).astype(int)
    share = (positions - left)[:, None]
    return row[:, left] * (1 - share) + row[:, left + 1] * share


@settings(max_examples=25, deadline=None)
@given(
    flip=st.booleans(),
    rotation=st.floats(-3.2, 3.2),
    zoom=st.floats(0.5, 2),
    translation=st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    shear=st.floats(-0.5, 0.5),
    sizes=st.sampled_from([(16, 16), (9, 9), (20, 15)]),
)
def test_any_motion_equals_the_plain_warp(flip, rotation, zoom, translation, shear, sizes):
    image_size, crop_size = sizes
    options = {"flip": flip, "rotation": rotation, "zoom": zoom, "translation": translation, "shear": shear}
    image = smooth_images(24)
    expected = reference_warp(np.float64(image[0]), image_size, crop_size, **options)
    views = moved(RUNS["eager"], image, image_size, crop_size, batch=1, **options)
    np.testing.assert_allclose(views[0], expected, atol=0.02)


@runs
@pytest.mark.parametrize(("side", "crop", "size"), [(48, 48, 24), (48, 42, 24), (45, 40, 30), (47, 40, 39)])
def test_a_reduction_is_antialiased_as_in_evaluation(run, side, crop, size):
    images = RNG.integers(0, 256, (2, side, side, 3), np.uint8)
    views = moved(run, images, size, crop, batch=2)
    expected = centre_view(images, crop, size).numpy()
    # At the border the warp has the stored margin to average over; the crop alone ends there.
    np.testing.assert_allclose(views[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], atol=0.502)
    if side == crop:
        np.testing.assert_allclose(views, expected, atol=0.502)


def recoloured(run, brightness=0.0, contrast=1.0, saturation=1.0):
    values = [np.full(len(IMAGES), value, np.float32) for value in (brightness, contrast, saturation)]
    return run(change_colour)(np.float32(IMAGES), *values).numpy()


@runs
def test_neutral_colour_change_is_none(run):
    np.testing.assert_allclose(recoloured(run), IMAGES, atol=1e-3)


@runs
def test_brightness_shifts_and_clips(run):
    expected = np.clip(IMAGES + 51.0, 0, 255)
    np.testing.assert_allclose(recoloured(run, brightness=0.2), expected, atol=1e-3)


@runs
def test_contrast_turns_about_mid_gray(run):
    expected = (np.float32(IMAGES) - 127.5) / 2 + 127.5
    np.testing.assert_allclose(recoloured(run, contrast=0.5), expected, atol=1e-3)


@runs
def test_saturation_zero_is_luma(run):
    luma = np.float32(IMAGES) @ np.float32([0.299, 0.587, 0.114])
    expected = np.repeat(luma[..., None], 3, axis=-1)
    np.testing.assert_allclose(recoloured(run, saturation=0.0), expected, atol=1e-3)


@runs
def test_colour_without_saturation(run):
    ones = np.ones(len(IMAGES), np.float32)
    changed = run(lambda images, shift, factor: change_colour(images, shift, factor))(
        np.float32(IMAGES), ones * -0.1, ones
    )
    np.testing.assert_allclose(changed, np.clip(IMAGES - 25.5, 0, 255), atol=1e-3)


@runs
def test_rectangle_by_hand(run):
    mask = run(lambda *values: rectangles(10, *values))(
        np.float32([0.12, 0.08, 0.0]),
        np.float32([3 / 4, 2.0, 1.0]),
        np.float32([0.0, 0.999, 0.5]),
        np.float32([0.999, 0.0, 0.5]),
    ).numpy()[..., 0]
    expected = np.zeros((3, 10, 10), bool)
    expected[0, 0:3, 6:10] = True  # 3 × 4 pixels in the upper right corner
    expected[1, 6:10, 0:2] = True  # 4 × 2 in the lower left one
    np.testing.assert_array_equal(mask, expected)


@runs
def test_none_equals_the_evaluation_view(run):
    for size, crop in ((16, 16), (10, 20), (20, 16)):
        views = run(
            lambda images, seed, size=size, crop=crop: augment(
                images, AUGMENTATIONS["none"], size, crop, seed
            )
        )(IMAGES, np.int32([1, 2]))
        np.testing.assert_array_equal(views, centre_view(IMAGES, crop, size))


def augmented(config, images=IMAGES, seed=(1, 2), pairs=None, run=RUNS["eager"], size=16):
    if pairs is None:
        return run(lambda images, seed: augment(images, config, size, size, seed))(
            images, np.int32(seed)
        ).numpy()
    return run(lambda images, seed, pairs: augment(images, config, size, size, seed, pairs))(
        images, np.int32(seed), np.int32(pairs)
    ).numpy()


@runs
def test_flip_draws_whole_mirrors(run):
    square = IMAGES[:, 4:20, 4:20]
    np.testing.assert_array_equal(augmented(AugmentationConfig(flip=1.0), run=run), square[:, :, ::-1])
    images = np.tile(IMAGES[:1], (400, 1, 1, 1))
    views = augmented(AugmentationConfig(flip=0.25), images, run=run)
    mirrored = (views == square[0, :, ::-1]).all(axis=(1, 2, 3))
    assert np.all(mirrored | (views == square[0]).all(axis=(1, 2, 3)))
    assert 60 < mirrored.sum() < 140


@runs
@pytest.mark.parametrize("fill", ["mean", "noise"])
def test_erasing_hits_the_share_it_says(run, fill):
    images = np.zeros((300, 16, 16, 3), np.uint8)
    images[:, 0, 0] = 200
    images[:, 8:] = 40
    config = AugmentationConfig(erasing=0.5, erasing_area=0.4, erasing_fill=fill)
    views = augmented(config, images, run=run)
    changed = (views != images).any(axis=-1)
    shares = changed.mean(axis=(1, 2))
    assert 110 < np.sum(shares > 0) < 190
    assert shares.max() < 0.48
    assert 0.04 * 0.5 < shares[shares > 0].min() < 0.1
    boxes = [
        (np.ptp(np.nonzero(mask.any(1))) + 1) * (np.ptp(np.nonzero(mask.any(0))) + 1)
        for mask in changed
        if mask.any()
    ]
    assert np.array_equal(boxes, changed.sum(axis=(1, 2))[shares > 0])
    if fill == "mean":
        np.testing.assert_allclose(views[changed], images[0].mean(), atol=1e-3)
    else:
        assert views[changed].std() > 60


@runs
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_levels_keep_range_and_shape_and_repeat_with_the_seed(run, name):
    config = AUGMENTATIONS[name]
    views = augmented(config, run=run)
    assert views.shape == (6, 16, 16, 3)
    assert views.dtype == np.float32
    assert views.min() >= 0
    assert views.max() <= 255
    np.testing.assert_array_equal(views, augmented(config, run=run))
    if name != "none":
        for seed in ((1, 3), (2, 2)):
            assert np.all(np.abs(views - augmented(config, seed=seed)).max(axis=(1, 2, 3)) > 1)


def test_eager_and_tf_data_make_the_same_draws():
    for config in AUGMENTATIONS.values():
        np.testing.assert_allclose(augmented(config), augmented(config, run=in_tf_data), atol=0.01)


def test_images_of_a_batch_get_different_draws():
    images = np.tile(IMAGES[:1], (8, 1, 1, 1))
    views = augmented(AUGMENTATIONS["strong"], images)
    assert len(np.unique(views.reshape(8, -1), axis=0)) == 8


@runs
@pytest.mark.parametrize("fill", ["mean", "noise"])
def test_pairs_share_every_draw_and_nobody_else_does(run, fill):
    images = np.tile(IMAGES[:1], (10, 1, 1, 1))
    config = dataclasses.replace(AUGMENTATIONS["strong"], erasing=1.0, erasing_fill=fill)
    # Two pairs; two single rows; two neighbours of different pairs; equal ids across a border.
    pairs = [7, 7, 8, 8, -1, -1, 1, 2, 2, 5]
    views = augmented(config, images, pairs=pairs, run=run)
    same = {(i, j) for i in range(10) for j in range(i) if np.array_equal(views[i], views[j])}
    assert same == {(1, 0), (3, 2)}
    # Whoever has no partner is changed as without pairs.
    alone = augmented(config, images, run=run)
    np.testing.assert_array_equal(views[[0, 2, 4, 5, 6, 7, 8, 9]], alone[[0, 2, 4, 5, 6, 7, 8, 9]])


def test_shapes_stay_static_with_an_unknown_batch():
    spec = [tf.TensorSpec((None, 24, 24, 3), tf.uint8), tf.TensorSpec(2, tf.int32)]
    for config in AUGMENTATIONS.values():
        traced = tf.function(lambda images, seed, config=config: augment(images, config, 12, 16, seed), spec)
        assert traced.get_concrete_function().output_shapes[1:] == (12, 12, 3)


@settings(max_examples=30, deadline=None)
@given(
    config=st.builds(
        AugmentationConfig,
        **{
            name: st.floats(0, 1)
            for name in (
                "flip",
                "zoom",
                "translation",
                "shear",
                "brightness",
                "contrast",
                "saturation",
                "erasing",
            )
        },
        rotation_degrees=st.floats(0, 180),
        erasing_area=st.floats(0, 0.5),
        erasing_fill=st.sampled_from(["mean", "noise"]),
    ),
    sizes=st.sampled_from([(16, 16), (24, 20), (7, 24), (1, 3)]),
    seed=st.tuples(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**31 - 1)),
)
def test_any_config_gives_pixels_in_range(config, sizes, seed):
    image_size, crop_size = sizes
    views = augment(IMAGES, config, image_size, crop_size, tf.constant(seed, tf.int32)).numpy()
    assert views.shape == (6, image_size, image_size, 3)
    assert np.isfinite(views).all()
    assert views.min() >= -0.01
    assert views.max() <= 255.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flip": 1.5}, r"`flip` must lie in \[0, 1\]"),
        ({"rotation_degrees": -3}, r"`rotation_degrees` must lie in \[0, 180\]"),
        ({"erasing_area": 0.6}, r"`erasing_area` must lie in \[0, 0.5\]"),
        ({"zoom": float("nan")}, r"`zoom` must lie in"),
        ({"erasing_fill": "black"}, "`erasing_fill` is one of mean, noise"),
    ],
)
def test_refused_configs(options, message):
    with pytest.raises(FERError, match=message):
        AugmentationConfig(**options)
