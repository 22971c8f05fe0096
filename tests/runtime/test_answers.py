from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.runtime.answers import frame_answers, photo_answer
from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.runtime.sources import Source
from keras_fer.runtime.video import video_file


def picture(*lefts):
    image = np.full((48, 128, 3), 60, np.uint8)
    for left in lefts:
        image[10:40, left : left + 30] = 255
    return image


@pytest.fixture
def recognizer(model_file, white_patches):
    return FaceExpressionRecognizer(ExpressionRecognizer(model_file()), white_patches)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.avi"
    with video_file(path, 10) as video:
        for number in range(6):
            video.write(picture(10 + number), number / 10)
    return Source("video", str(path), Path("film.avi"))


def test_photo(recognizer, tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(picture(80, 10)).save(path)
    source = Source("photo", str(path), Path("photo.png"))
    answer = photo_answer(source, recognizer)
    assert answer.source == source
    assert (answer.frame, answer.time_s, answer.frame_rate) == (None, 0, 0)
    np.testing.assert_array_equal(answer.image, picture(80, 10))
    assert [(face, prediction) for face, prediction, _ in answer.faces] == recognizer.recognize_file(path)
    assert [person.track for person in answer.faces] == [1, 2]


def test_photo_that_cannot_be_read(recognizer):
    with pytest.raises(FERError, match=r"missing\.png"):
        photo_answer(Source("photo", "missing.png", Path("missing.png")), recognizer)


def test_frames(recognizer, film):
    answers = list(frame_answers(film, recognizer))
    assert [answer.frame for answer in answers] == list(range(6))
    np.testing.assert_allclose([answer.time_s for answer in answers], np.arange(6) / 10)
    assert {answer.frame_rate for answer in answers} == {10}
    assert [[person.track for person in answer.faces] for answer in answers] == [[1]] * 6
    assert [round(answer.faces[0].face.box.left) for answer in answers] == pytest.approx(range(10, 16), abs=2)


def test_options_reach_the_video(recognizer, film):
    answers = list(frame_answers(film, recognizer, detect_every=4, smoothing_s=0, num_frames=5))
    boxes = [answer.faces[0].face.box for answer in answers]
    assert len(set(boxes[:4])) == 1
    assert boxes[4] != boxes[3]
    last = answers[-1]
    row = recognizer.probabilities(last.image, [last.faces[0].face])[0]
    assert last.faces[0].prediction == recognizer.recognizer.prediction(row, film.name)


def test_only_one_frame_is_in_memory(recognizer, film, monkeypatch):
    read = []
    monkeypatch.setattr(recognizer, "detect", lambda image: read.append(image) or [])
    next(frame_answers(film, recognizer))
    assert len(read) == 1


def test_missing_camera(recognizer):
    with pytest.raises(FERError, match="There is no camera number 99"):
        next(frame_answers(Source("camera", "camera:99", Path("camera99")), recognizer))
