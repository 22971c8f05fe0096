from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.runtime.annotated_copies import AnnotatedCopies, file_kind
from keras_fer.runtime.annotation import annotated
from keras_fer.runtime.answers import Answer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.images import load_image
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.recognizer import Prediction
from keras_fer.runtime.sources import Source
from keras_fer.runtime.video import VideoSource
from keras_fer.runtime.video_recognizer import TrackedFace

PERSON = TrackedFace(
    Face(Box(20, 30, 60, 70)), Prediction("", "fear", 0.6, {"fear": 0.6, "anger": 0.4}, False), 1
)


def image(value=50):
    return np.full((96, 128, 3), value, np.uint8)


def photo(name, value=50):
    return Answer(Source("photo", f"in/{name}", Path(name)), image(value), [PERSON])


def frames(name, count=3):
    source = Source("video", name, Path(name))
    return [
        Answer(source, image(60 * number), [PERSON], number, number / 10, 10.0) for number in range(count)
    ]


def write(copies, *answers):
    with copies.copy_of(answers[0].source) as copy:
        for answer in answers:
            copy(answer)


def test_photos_keep_their_place_below_the_folder(tmp_path):
    copies = AnnotatedCopies(tmp_path / "out", top=2)
    for name in ("a.png", "more/b.jpg", "c.tif"):
        write(copies, photo(name))
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert found == ["out/a.png", "out/c.png", "out/more/b.jpg"]
    expected = annotated(image(), [PERSON[:2]], 2)
    np.testing.assert_array_equal(load_image(tmp_path / "out" / "a.png"), expected)
    difference = load_image(tmp_path / "out" / "more" / "b.jpg").astype(int) - expected
    assert np.abs(difference).mean() < 6


def test_inputs_of_the_same_name_do_not_overwrite_each_other(tmp_path):
    copies = AnnotatedCopies(tmp_path / "out")
    for value in (0, 100, 200):
        write(copies, photo("a.png", value))
    corners = [load_image(tmp_path / "out" / name)[0, 0, 0] for name in ("a.png", "a-2.png", "a-3.png")]
    assert corners == [0, 100, 200]


def test_video_in_a_folder(tmp_path):
    copies = AnnotatedCopies(tmp_path / "out")
    write(copies, *frames("film.avi"))
    write(copies, *frames("phone.MOV", 2))
    for name, count in (("film.avi", 3), ("phone.mp4", 2)):
        with VideoSource(tmp_path / "out" / name) as video:
            assert len(list(video)) == count


def test_one_video(tmp_path):
    path = tmp_path / "out.mp4"
    write(AnnotatedCopies(path), *frames("film.avi"))
    with VideoSource(path) as video:
        first, *_ = video
    green = first.image[30, 25:55].astype(int) - (46, 204, 113)
    assert np.abs(green).mean() < 60
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_copy_appears_whole_or_not_at_all(tmp_path):
    copies = AnnotatedCopies(tmp_path / "out")
    first, *_ = frames("film.avi")
    with pytest.raises(RuntimeError, match="stopped"), copies.copy_of(first.source) as copy:
        copy(first)
        raise RuntimeError("stopped")
    assert list((tmp_path / "out").iterdir()) == []


def test_source_without_frames_leaves_nothing(tmp_path):
    with AnnotatedCopies(tmp_path / "out").copy_of(frames("film.avi")[0].source):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_output_in_use(tmp_path):
    (tmp_path / "old.png").touch()
    with pytest.raises(FERError, match=r"exists already\. Name a new folder"):
        AnnotatedCopies(tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.mp4", "video"),
        ("a.AVI", "video"),
        ("a.JPG", "photo"),
        ("a.png", "photo"),
        ("a", None),
        ("a.2", None),
        ("a.out", None),
        ("photos.copies", None),
    ],
)
def test_file_kind(name, kind, tmp_path):
    assert file_kind(tmp_path / name) == kind
    (tmp_path / name).mkdir()
    assert file_kind(tmp_path / name) is None


@pytest.mark.parametrize("name", ["a.gif", "a.TIFF", "a.webm", "a.pgn", "a.JEPG", "a.mpv"])
def test_formats_that_are_not_written(name, tmp_path):
    with pytest.raises(
        FERError, match=r"are not written as \.\w+; make the folder first, or name a file in \.avi"
    ):
        AnnotatedCopies(tmp_path / name)


def test_one_photo(tmp_path):
    write(AnnotatedCopies(tmp_path / "out.png", top=2), photo("a.jpg"))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    np.testing.assert_array_equal(load_image(tmp_path / "out.png"), annotated(image(), [PERSON[:2]], 2))


def test_a_file_is_not_overwritten(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"the photo itself")
    with pytest.raises(FERError, match=r"a\.jpg' is there already; name another file"):
        AnnotatedCopies(tmp_path / "a.jpg")
    with pytest.raises(FERError, match=r"There is no folder .* for the copy; make it first"):
        AnnotatedCopies(tmp_path / "none" / "b.jpg")


@pytest.mark.parametrize(("suffix", "side"), [(".webp", 16_384), (".jpg", 65_501), (".JPEG", 65_501)])
def test_a_photo_that_its_format_cannot_hold(tmp_path, suffix, side):
    huge = Answer(Source("photo", "in/a.png", Path("a.png")), np.zeros((8, side, 3), np.uint8), [])
    with pytest.raises(FERError, match=rf"at most .* has {side:,} × 8; name a \.png file for it\."):
        write(AnnotatedCopies(tmp_path / f"out{suffix}"), huge)
    assert list(tmp_path.iterdir()) == []
    for name in ("out.png", f"most{suffix}"):
        most = Answer(huge.source, huge.image[:, : side - (name != "out.png")], [])
        write(AnnotatedCopies(tmp_path / name), most)
        assert (tmp_path / name).is_file()


def test_metadata_of_the_original_does_not_turn_the_copy(tmp_path):
    write(AnnotatedCopies(tmp_path / "out"), photo("a.jpg"))
    with Image.open(tmp_path / "out" / "a.jpg") as copy:
        assert not copy.getexif()
        assert copy.size == (128, 96)
