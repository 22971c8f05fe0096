import sys
from types import SimpleNamespace

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import haar
from keras_fer.runtime.haar import HaarFace, cascade_file

CASCADE = "haarcascade_frontalface_default.xml"


class FakeCascade:
    """Says the same squares for every picture, and keeps the pictures."""

    squares = np.array([[20, 30, 40, 40]])

    def __init__(self, path):
        self.path = path

    def detectMultiScale(self, gray, scale_step, min_neighbors, minSize):
        FakeCascade.seen = gray
        return self.squares


@pytest.fixture
def opencv_4(monkeypatch, tmp_path):
    (tmp_path / CASCADE).write_text("<xml/>")
    cv2 = SimpleNamespace(
        __version__="4.12.0",
        CascadeClassifier=FakeCascade,
        COLOR_RGB2GRAY=7,
        cvtColor=lambda image, code: image.mean(axis=2).astype(np.uint8) if code == 7 else None,
        data=SimpleNamespace(haarcascades=f"{tmp_path}/"),
    )
    monkeypatch.setattr(haar, "opencv", lambda purpose, package: cv2)
    return cv2


def test_square_becomes_the_face_box_of_all_detectors(opencv_4):
    (face,) = HaarFace().detect(np.zeros((200, 300, 3), np.uint8))
    # Side 40 / 1.13, centre lower by 9 % of 40.
    half = 40 / 1.13 / 2
    np.testing.assert_allclose(face.box, (40 - half, 53.6 - half, 40 + half, 53.6 + half))
    assert face.score == 1
    assert face.roll == 0


def test_large_pictures_are_shrunk(opencv_4):
    (face,) = HaarFace().detect(np.zeros((1280, 2560, 3), np.uint8))
    assert FakeCascade.seen.shape == (640, 1280)
    assert face.box.left + face.box.right == pytest.approx(160)


def test_nobody(opencv_4, monkeypatch):
    monkeypatch.setattr(FakeCascade, "squares", ())
    assert HaarFace().detect(np.zeros((20, 30, 3), np.uint8)) == []


def test_opencv_5_has_no_cascades(opencv_4):
    del opencv_4.CascadeClassifier
    opencv_4.__version__ = "5.0.0"
    assert cascade_file(opencv_4) is None
    with pytest.raises(FERError, match=r"is a part of OpenCV 4, and this is OpenCV 5\.0\.0.*headless<5"):
        HaarFace()


def test_without_opencv_version_4_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        FERError, match=r'needs OpenCV, .* Get it by `pip install "opencv-python-headless<5"`'
    ):
        HaarFace()


def test_cascade_of_the_system(opencv_4, monkeypatch, tmp_path):
    del opencv_4.data
    monkeypatch.setattr(haar, "_SYSTEM_FOLDERS", (tmp_path / "missing",))
    assert cascade_file(opencv_4) is None
    monkeypatch.setattr(haar, "_SYSTEM_FOLDERS", (tmp_path / "missing", tmp_path))
    assert cascade_file(opencv_4) == tmp_path / CASCADE
