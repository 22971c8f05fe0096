from pathlib import Path

import pytest

from keras_fer.errors import FERError
from keras_fer.runtime.images import load_image
from keras_fer.runtime.sources import Source, require_any, sources


@pytest.mark.parametrize("text", ["http://a.example/b.jpg", "RTSP://camera/1", "file:///b.jpg"])
def test_addresses_are_refused(text):
    with pytest.raises(FERError, match="is an address, and only files are read; download it first"):
        next(sources(text))


@pytest.mark.parametrize(
    ("text", "kind", "copy_name"),
    [
        ("a/photo.jpg", "photo", "photo.jpg"),
        ("a/no_suffix", "photo", "no_suffix"),
        ("a/film.mp4", "video", "film.mp4"),
        ("FILM.MOV", "video", "FILM.MOV"),
        ("camera:0", "camera", "camera0"),
        ("camera:12", "camera", "camera12"),
        ("camera:", "photo", "camera:"),
        ("camera:-1", "photo", "camera:-1"),
    ],
)
def test_kind_is_seen_by_the_name(text, kind, copy_name):
    assert list(sources(text)) == [Source(kind, text, Path(copy_name))]


def test_number_of_a_camera():
    assert next(sources("camera:12")).camera == 12


def test_file_that_is_called_like_a_camera(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("camera:0").write_bytes(b"")
    assert next(sources("camera:0")).kind == "photo"


def test_folder_is_searched_for_photos(tmp_path):
    for name in ("b.png", "more/a.jpg", "film.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(sources(str(tmp_path))) == [
        Source("photo", str(tmp_path / "b.png"), Path("b.png")),
        Source("photo", str(tmp_path / "more" / "a.jpg"), Path("more/a.jpg")),
    ]


def test_folder_without_images(tmp_path):
    with pytest.raises(FERError, match="holds no images"):
        list(sources(str(tmp_path)))


def test_folder_is_read_step_by_step(tmp_path, monkeypatch):
    (tmp_path / "a.png").touch()

    def endless(folder):
        yield tmp_path / "a.png"
        raise RuntimeError("asked for more than needed")

    monkeypatch.setattr("keras_fer.runtime.sources.image_files", endless)
    assert next(sources(str(tmp_path))).kind == "photo"


def test_one_input_must_be_there(tmp_path):
    (tmp_path / "a.png").touch()
    require_any([str(tmp_path / "a.png"), "gone.png"])
    require_any(["camera:0"])
    require_any(["https://a/b.png"])  # Its own sentence comes when it is opened.
    with pytest.raises(FERError, match=r"There is no image 'gone\.png', 'too\.mp4'"):
        require_any(["gone.png", "too.mp4"])


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000, "a\0b", "\udcff"])
def test_a_name_that_no_file_can_have_is_that_of_a_photo(name):
    # What follows says that there is none; a name that is too long made `Path.is_dir` raise.
    (source,) = sources(name)
    assert source.kind == "photo"
    with pytest.raises(FERError, match="There is no image"):
        load_image(name)
