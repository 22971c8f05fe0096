import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import yunet
from keras_fer.runtime.yunet import YuNet

# Box, right eye, left eye, nose, corners of the mouth, score.
ROW = [10, 5, 60, 90, 30, 40, 60, 40, 45, 55, 35, 70, 55, 70, 0.8]


class FakeError(Exception):
    pass


class FakeNet:
    rows = np.array([ROW], np.float32)

    @classmethod
    def create(cls, model, config, input_size, score_threshold, nms_threshold, top_k):
        if Path(model).read_bytes() != b"yunet":
            raise FakeError("(-2)\n cannot parse")
        return cls()

    def setInputSize(self, size):
        self.size = size

    def detect(self, image):
        assert image.shape[:2] == self.size[::-1]
        FakeNet.seen = image
        return 1, None if not image.any() else self.rows


@pytest.fixture
def model(monkeypatch, tmp_path):
    cv2 = SimpleNamespace(
        __version__="4.5.3",
        error=FakeError,
        FaceDetectorYN=FakeNet,
        COLOR_RGB2BGR=4,
        cvtColor=lambda image, code: image[:, :, ::-1] if code == 4 else None,
    )
    monkeypatch.setattr(yunet, "opencv", lambda purpose: cv2)
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"yunet")
    return path


def test_box_is_made_from_eyes_and_mouth(model):
    image = np.zeros((100, 120, 3), np.uint8)
    image[:] = (255, 0, 9)
    (face,) = YuNet(model).detect(image)
    np.testing.assert_array_equal(FakeNet.seen[0, 0], (9, 0, 255))
    assert face.keypoints == {
        "right_eye": (30, 40),
        "left_eye": (60, 40),
        "nose": (45, 55),
        "mouth": (45, 70),
    }
    # 30 from eye to eye and from the eyes to the mouth.
    half = math.hypot(30, 30) / 0.626 / 2
    center = (45, 40 + 0.47 * 30)
    np.testing.assert_allclose(
        face.box, (center[0] - half, center[1] - half, center[0] + half, center[1] + half)
    )
    assert face.score == pytest.approx(0.8)


def test_large_pictures_are_shrunk(model):
    (face,) = YuNet(model).detect(np.ones((1280, 2560, 3), np.uint8))
    assert FakeNet.seen.shape == (640, 1280, 3)
    assert face.keypoints["left_eye"] == (120, 80)
    assert face.score == pytest.approx(0.8)
    assert face.box.left + face.box.right == pytest.approx(180)


def test_nobody(model):
    assert YuNet(model).detect(np.zeros((20, 30, 3), np.uint8)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"text", r"is not a YuNet model: \(-2\) cannot parse"), (None, "There is no YuNet model")],
)
def test_file_that_is_no_model(model, content, message):
    model.unlink()
    if content:
        model.write_bytes(content)
    with pytest.raises(FERError, match=message):
        YuNet(model)


def test_another_net_fails_at_once(model, monkeypatch):
    def fail(self, image):
        raise FakeError("shape mismatch")

    monkeypatch.setattr(FakeNet, "detect", fail)
    with pytest.raises(FERError, match="is not a YuNet model: shape mismatch"):
        YuNet(model)


def test_old_opencv(model):
    del yunet.opencv("").FaceDetectorYN
    with pytest.raises(FERError, match=r"needs OpenCV 4\.5\.4 or newer, and this is 4\.5\.3"):
        YuNet(model)


def test_installed_opencv_refuses_what_is_no_model(tmp_path):
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"text")
    with pytest.raises(FERError, match="is not a YuNet model"):
        YuNet(path)
