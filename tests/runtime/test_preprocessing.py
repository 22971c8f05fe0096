import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.runtime.preprocessing import Box, face_crop, resize, square_box

SIZES = [
    ((48, 48), (64, 64)),
    ((64, 64), (48, 48)),
    ((128, 128), (112, 112)),
    ((37, 91), (16, 24)),
    ((500, 300), (48, 48)),
    ((3, 5), (40, 7)),
    ((1, 1), (4, 4)),
    ((9, 1), (2, 3)),
]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def largest_difference(first, second):
    return np.abs(first.astype(np.float64) - second.astype(np.float64)).max()


def resize_as_described(image, height, width):
    """The docstring of `resize`, word by word, one number at a time."""

    def along(line, m):
        n = len(line)
        if n == m:
            return line
        scale = n / m
        support = max(scale, 1)
        output = []
        for i in range(m):
            center = (i + 0.5) * scale
            first = max(math.floor(center - support + 0.5), 0)
            last = min(math.floor(center + support + 0.5), n)
            weights = [max(0, 1 - abs(j + 0.5 - center) / support) for j in range(first, last)]
            total = sum(weights)
            total = sum(
                math.floor(weight / total * 2**22 + 0.5) * line[j]
                for j, weight in enumerate(weights, start=first)
            )
            output.append(min(max((2**21 + total) >> 22, 0), 255))
        return output

    rows = [along(row, width) for row in image.tolist()]
    columns = [along(list(column), height) for column in zip(*rows, strict=True)]
    return np.array(columns, np.uint8).T


def test_shrinking_by_hand():
    # scale 2, so each output weighs its three pixels 3 : 3 : 1 (0.75, 0.75, 0.25).
    image = np.array([[0, 70, 140, 210]], np.uint8)
    np.testing.assert_array_equal(resize(image, 1, 2), [[(3 * 70 + 140) / 7, (70 + 3 * 140 + 3 * 210) / 7]])


def test_enlarging_by_hand():
    image = np.array([[0], [100]], np.uint8)
    np.testing.assert_array_equal(resize(image, 4, 1), [[0], [25], [75], [100]])


def test_width_comes_first_and_is_rounded():
    # Along the width the rows become 0, 0.25, 0.75, 1 and 0, 0.5, 1.5, 2, rounded 0, 0, 1, 1 and 0, 1, 2, 2.
    # Their means along the height are 0, 0.5, 1.5, 1.5; exact arithmetic has 0.375 in the second column.
    image = np.array([[0, 1], [0, 2]], np.uint8)
    np.testing.assert_array_equal(resize(image, 2, 4), [[0, 0, 1, 1], [0, 1, 2, 2]])
    np.testing.assert_array_equal(resize(image, 1, 4), [[0, 1, 2, 2]])


@settings(max_examples=60, deadline=None)
@given(
    before=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    after=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    seed=st.integers(0, 2**32 - 1),
)
def test_description_gives_the_same_bytes(before, after, seed):
    image = noise(*before, seed=seed)
    np.testing.assert_array_equal(resize(image, *after), resize_as_described(image, *after))


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_agrees_with_pillow(before, after):
    image = noise(*before, 3)
    expected = np.asarray(Image.fromarray(image).resize(after[::-1], Image.Resampling.BILINEAR))
    assert largest_difference(resize(image, *after), expected) <= 1


@pytest.mark.parametrize(("before", "after"), SIZES)
def test_agrees_with_tensorflow(before, after):
    import tensorflow as tf

    def tensorflow_resize(images):
        return tf.image.resize(images, after, method="bilinear", antialias=True)

    image = noise(*before, 3)
    eager = tensorflow_resize(image).numpy()
    dataset = tf.data.Dataset.from_tensors(image).map(tensorflow_resize)
    (in_pipeline,) = dataset.as_numpy_iterator()
    for expected in (eager, in_pipeline):
        assert largest_difference(resize(image, *after), np.rint(expected)) <= 1


def test_channels_are_independent():
    image = noise(20, 30, 3)
    expected = np.stack([resize(image[:, :, channel], 11, 13) for channel in range(3)], axis=-1)
    np.testing.assert_array_equal(resize(image, 11, 13), expected)
    np.testing.assert_array_equal(resize(image[:, :, :1], 11, 13), expected[:, :, :1])


def test_result_is_a_copy():
    image = noise(8, 8, 3)
    for result in (resize(image, 8, 8), face_crop(image, None, 8), face_crop(image, (0, 0, 8, 8), 8)):
        result[:] = 0
    np.testing.assert_array_equal(image, noise(8, 8, 3))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match="An image is uint8"):
        resize(image, 2, 2)
    with pytest.raises(ValueError, match="An image is uint8"):
        face_crop(image, None, 2)


def test_empty_size_is_refused():
    with pytest.raises(ValueError, match="height=0, width=2"):
        resize(noise(4, 4), 0, 2)


def test_square_box_by_hand():
    assert square_box((10, 20, 30, 60), 0.0) == Box(0, 20, 40, 60)
    assert square_box((10, 20, 30, 60), 0.25) == Box(-10, 10, 50, 70)
    assert square_box((0, 0, 30, 10), 0.1) == Box(-3, -13, 33, 23)


def test_shift_is_a_share_of_the_longer_side():
    assert square_box((10, 20, 30, 60), 0.0, shift=0.25) == Box(0, 30, 40, 70)
    assert square_box((0, 0, 30, 10), 0.1, shift=-0.1) == Box(-3, -16, 33, 20)


def test_shifted_crop():
    image = noise(40, 50, 3)
    np.testing.assert_array_equal(face_crop(image, (10, 5, 30, 25), 20, 0, 0.2), image[9:29, 10:30])
    np.testing.assert_array_equal(face_crop(image, (10, 15, 30, 35), 20, 0, -0.5), image[5:25, 10:30])


def turned_as_described(image, box, margin, shift, roll):
    """The docstring of `face_crop`, word by word, one pixel at a time; the size is that of the square."""
    square = square_box(box, margin, shift)
    side = max(math.floor(square.right - square.left + 0.5), 1)
    left, top = math.floor(square.left + 0.5), math.floor(square.top + 0.5)
    center_x, center_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    cosine, sine = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    height, width = image.shape
    output = np.zeros((side, side), np.uint8)
    for row in range(side):
        for column in range(side):
            u, v = left + column + 0.5 - center_x, top + row + 0.5 - center_y
            x = min(max(center_x + u * cosine - v * sine - 0.5, 0), width - 1)
            y = min(max(center_y + u * sine + v * cosine - 0.5, 0), height - 1)
            total = sum(
                image[min(math.floor(y) + below, height - 1), min(math.floor(x) + right, width - 1)]
                * (y % 1 if below else 1 - y % 1)
                * (x % 1 if right else 1 - x % 1)
                for below in (0, 1)
                for right in (0, 1)
            )
            output[row, column] = math.floor(total + 0.5)
    return output


@settings(max_examples=30, deadline=None)
@given(
    left=st.floats(-5, 15),
    top=st.floats(-5, 15),
    side=st.floats(2, 12),
    margin=st.floats(0, 0.5),
    shift=st.floats(-0.3, 0.3),
    roll=st.floats(-180, 180).filter(lambda roll: roll != 0),
)
def test_turned_crop_is_as_described(left, top, side, margin, shift, roll):
    image, box = noise(20, 24), (left, top, left + side, top + side)
    if box[2] <= 0 or box[3] <= 0:
        return
    expected = turned_as_described(image, box, margin, shift, roll)
    # Sums of products may differ in the last bit, which tips a half to the other side.
    assert largest_difference(face_crop(image, box, len(expected), margin, shift, roll), expected) <= 1


@pytest.mark.parametrize(("roll", "turns"), [(90, 1), (180, 2), (-90, -1)])
def test_quarter_turns_by_hand(roll, turns):
    # A face turned clockwise by 90 degrees stands upright after a quarter turn counterclockwise.
    image = noise(40, 40, 3)
    np.testing.assert_array_equal(
        face_crop(image, (10, 10, 30, 30), 20, roll=roll), np.rot90(image[10:30, 10:30], turns)
    )


def test_shift_of_a_turned_face_goes_along_the_face():
    # Its chin points left, so further down in the crop is further left in the image.
    image = noise(40, 40)
    np.testing.assert_array_equal(
        face_crop(image, (15, 10, 35, 30), 20, shift=0.25, roll=90), np.rot90(image[10:30, 10:30])
    )


def test_turned_face_comes_out_upright():
    picture = Image.fromarray(np.full((100, 100), 60, np.uint8))
    picture.paste(220, (30, 40, 70, 50))
    turned = np.asarray(picture.rotate(-25, Image.Resampling.BILINEAR, fillcolor=60))  # clockwise
    crop = face_crop(turned, (20, 20, 80, 80), 60, roll=25)
    assert crop[23:27, 12:48].min() > 200
    assert max(crop[:17].max(), crop[33:].max()) < 70


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (5, 5, 2, 9), (0, 9, 4, 1), (math.nan, 0, 4, 4), (0, 0, math.inf, 4), (0, 0, 4, math.nan)],
)
def test_box_without_area_is_refused(box):
    with pytest.raises(FERError, match="A face box has left < right"):
        square_box(box, 0.0)
    with pytest.raises(FERError, match="A face box has left < right"):
        face_crop(noise(8, 8), box, 4)


def test_crop_inside_is_cut_and_resized():
    image = noise(40, 50, 3)
    np.testing.assert_array_equal(face_crop(image, (10, 5, 30, 25), 20), image[5:25, 10:30])
    np.testing.assert_array_equal(face_crop(image, (10, 5, 30, 25), 12), resize(image[5:25, 10:30], 12, 12))
    np.testing.assert_array_equal(face_crop(image, (10, 10, 20, 20), 20, margin=0.5), image[5:25, 5:25])


def test_oblong_box_becomes_the_square_around_its_centre():
    image = noise(40, 50)
    np.testing.assert_array_equal(face_crop(image, (20, 10, 30, 30), 20), image[10:30, 15:35])


def test_fractions_of_pixels_are_rounded_up_from_the_half():
    image = noise(20, 20)
    np.testing.assert_array_equal(face_crop(image, (2.5, 3.4, 8.5, 9.4), 6), image[3:9, 3:9])


def test_border_is_repeated_outside():
    image = noise(10, 12, 3)
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="edge")
    np.testing.assert_array_equal(face_crop(image, (-4, -4, 6, 6), 10), padded[:10, :10])
    np.testing.assert_array_equal(face_crop(image, (6, 4, 16, 14), 10), padded[8:18, 10:20])


def test_whole_image_without_a_box():
    square, wide, tall = noise(9, 9, 3), noise(8, 13), noise(13, 8)
    np.testing.assert_array_equal(face_crop(square, None, 9), square)
    np.testing.assert_array_equal(face_crop(wide, None, 8), wide[:, 2:10])
    np.testing.assert_array_equal(face_crop(tall, None, 8), tall[2:10])
    np.testing.assert_array_equal(face_crop(wide, None, 5, margin=0.3), resize(wide[:, 2:10], 5, 5))


@pytest.mark.parametrize("box", [(8, 0, 12, 4), (0, 8, 4, 12), (-4, 0, 0, 4), (0, -4, 4, 0)])
def test_box_outside_the_image_is_refused(box):
    with pytest.raises(FERError, match="lies outside the image of 8 × 8 pixels"):
        face_crop(noise(8, 8), box, 4)


def test_gigantic_box_is_refused_before_it_costs_memory():
    with pytest.raises(FERError, match="is far larger than the image"):
        face_crop(noise(8, 8), (0, 0, 1e9, 1e9), 4)


@settings(max_examples=100, deadline=None)
@given(
    box=st.tuples(*[st.floats(-20, 40)] * 4),
    shape=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    margin=st.floats(0, 2),
    shift=st.floats(-1, 1),
    roll=st.sampled_from([0.0, 30.0]),
)
def test_any_box_gives_a_crop_or_one_error(box, shape, margin, shift, roll):
    try:
        crop = face_crop(noise(*shape, 3), box, 6, margin, shift, roll)
    except FERError:
        return
    assert crop.shape == (6, 6, 3)
