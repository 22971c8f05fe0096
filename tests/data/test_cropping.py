import numpy as np
import pytest
from PIL import Image

from keras_fer.data.cropping import (
    SMALL_FACE,
    UNDECODABLE,
    CropPlan,
    decoded,
    plan_crop,
    stored_image,
)
from keras_fer.data.readers.reasons import MISSING_FILE
from keras_fer.data.records import Box, Record
from keras_fer.errors import FERError
from keras_fer.runtime.preprocessing import face_crop

RGB = CropPlan(image_size=40, crop_size=40, box_margin=0.0, color="rgb")
GRAY = CropPlan(image_size=40, crop_size=40, box_margin=0.0, color="gray", gray_is_checked=True)


def picture(height=40, width=40, gray=False, seed=0):
    channels = 1 if gray else 3
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return np.broadcast_to(image, (height, width, 3))


def record(image, **fields):
    return Record("a.png", "train", image=image, label=0, **fields)


def plan(records, image_size=None, crop_size=None, crop_margin=0.0, color="auto"):
    return plan_crop(records, image_size, crop_size, crop_margin, color)


def test_small_square_crops_keep_their_size():
    assert plan([record(picture(48, 48, gray=True))]) == CropPlan(48, 48, 0.0, "gray", True)
    assert plan([record(picture(48, 48)[:, :, 0])]).color == "gray"
    assert plan([record(picture(100, 100))]) == CropPlan(100, 100, 0.0, "rgb", True)


@pytest.mark.parametrize("size", [(224, 224), (48, 60), (20, 20)])
def test_other_crops_become_112(size):
    assert plan([record(picture(*size))]).image_shape == (112, 112, 3)
    assert plan([record(picture(48, 48)), record(picture(*size))]).image_size == 112


def test_face_boxes_leave_room_around_what_a_model_sees():
    found = plan([record(picture(200, 300), box=Box(10, 10, 90, 90))], crop_margin=0.1)
    assert (found.image_size, found.crop_size) == (128, 112)
    # 1.2 times the box is seen, 128 / 112 of that is stored.
    assert 1 + 2 * found.box_margin == pytest.approx(1.2 * 128 / 112)


def test_sizes_can_be_chosen():
    assert plan([record(picture())], image_size=64, crop_size=56).image_shape == (64, 64, 3)
    boxed = [record(picture(), box=Box(0, 0, 40, 40))]
    assert plan(boxed, image_size=64).crop_size == 56
    with pytest.raises(FERError, match="crop of 65 pixels does not fit into images of 64"):
        plan([record(picture())], image_size=64, crop_size=65)


def test_a_margin_without_boxes_is_refused():
    with pytest.raises(FERError, match="leave out --crop-margin"):
        plan([record(picture())], crop_margin=0.1)


def test_one_image_with_color_in_the_sample_decides():
    grays = [record(picture(gray=True, seed=seed)) for seed in range(5)]
    assert plan(grays).color == "gray"
    assert plan([*grays, record(picture())]).color == "rgb"
    assert plan(grays, color="rgb").color == "rgb"
    assert plan([record(picture())], color="gray").color == "gray"


def test_nothing_to_look_at_still_gives_a_plan(tmp_path):
    assert plan([]).image_shape == (112, 112, 3)
    assert plan([record(tmp_path / "absent.png"), Record("b", "train", dropped="bad")]).image_size == 112


def test_images_are_cropped_by_the_one_definition():
    image, box = picture(120, 160), Box(30, 20, 100, 90)
    crop_plan = CropPlan(image_size=64, crop_size=56, box_margin=0.2, color="rgb")
    np.testing.assert_array_equal(
        stored_image(record(image, box=box), crop_plan), face_crop(image, box, 64, 0.2)
    )
    np.testing.assert_array_equal(stored_image(record(image), crop_plan), face_crop(image, None, 64))


def test_boxes_are_clipped_to_the_image():
    image = picture(120, 160)
    np.testing.assert_array_equal(
        stored_image(record(image, box=Box(-30, -10, 70, 90)), RGB), face_crop(image, Box(0, 0, 70, 90), 40)
    )
    for box in (Box(-40, 0, 31, 100), Box(500, 0, 600, 100), Box(0, 100, 100, 200), Box(60, 60, 91, 120)):
        assert stored_image(record(image, box=box), RGB) == SMALL_FACE
    assert isinstance(stored_image(record(image, box=Box(60, 60, 92, 120)), RGB), np.ndarray)


def test_reasons(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpg").write_bytes(b"")
    Image.fromarray(np.asarray(picture())).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    for name in ("text.png", "empty.jpg", "cut.png"):
        assert stored_image(record(tmp_path / name), RGB) == UNDECODABLE
    assert stored_image(record(tmp_path / "absent.png"), RGB) == MISSING_FILE
    assert stored_image(record(tmp_path), RGB) == MISSING_FILE
    assert stored_image(record(None), RGB) == UNDECODABLE
    assert stored_image(Record("a", "train", dropped="a reason"), RGB) == "a reason"
    np.testing.assert_array_equal(stored_image(record(tmp_path / "whole.png"), RGB), picture())


def test_gray_images_store_one_channel():
    np.testing.assert_array_equal(
        stored_image(record(picture(gray=True)), GRAY), picture(gray=True)[:, :, :1]
    )
    two_dimensional = np.ascontiguousarray(picture()[:, :, 0])
    assert stored_image(record(two_dimensional), GRAY).shape == (40, 40, 1)
    np.testing.assert_array_equal(stored_image(record(two_dimensional), RGB)[..., 2], two_dimensional)


def test_color_is_refused_where_gray_was_found_and_converted_where_it_was_asked_for():
    with pytest.raises(FERError, match=r"'a.png' has colour: say --color rgb or --color gray"):
        stored_image(record(picture()), GRAY)
    asked = CropPlan(image_size=40, crop_size=40, box_margin=0.0, color="gray")
    expected = np.asarray(Image.fromarray(np.asarray(picture())).convert("L"), np.int64)
    found = stored_image(record(picture()), asked)
    assert np.abs(found[:, :, 0] - expected).max() <= 1


@pytest.mark.parametrize("num_workers", [1, 2])
def test_records_come_back_in_order(num_workers):
    records = [record(np.full((40, 40), value, np.uint8)) for value in [*range(250)] * 4]
    records[70] = Record("gone", "train", dropped="bad")
    chunks = list(decoded(records, RGB, num_workers))
    found = [record for chunk in chunks for record, _ in chunk]
    assert list(map(id, found)) == list(map(id, records))
    values = [image if isinstance(image, str) else image[0, 0, 0] for chunk in chunks for _, image in chunk]
    assert values == [*range(70), "bad", *range(71, 250), *[*range(250)] * 3]


def test_an_error_in_a_thread_reaches_the_caller():
    records = [record(picture(gray=True))] * 100 + [record(picture())] * 400
    with pytest.raises(FERError, match="has colour"):
        list(decoded(records, GRAY, 2))
