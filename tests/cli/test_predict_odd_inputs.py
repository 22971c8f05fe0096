"""`keras-fer predict` on pictures as they come: each is answered rightly or refused in one sentence."""

import csv
import io
import json
import struct
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli.main import main
from keras_fer.runtime import detectors

WIDTH, HEIGHT = 96, 64
FACE = [20, 10, 60, 50]


def photo():
    """A dark picture with one white patch that stands for a face."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    pixels[FACE[1] : FACE[3], FACE[0] : FACE[2]] = 255
    return Image.fromarray(pixels)


def exif_rotated(path):
    tags = Image.Exif()
    tags[0x0112] = 6
    photo().transpose(Image.Transpose.ROTATE_90).save(path, exif=tags)


def deep(path):
    gray = np.asarray(photo().convert("L")).astype(np.uint16) * 257
    Image.fromarray(gray).save(path)


def alpha(path):
    """The photo with a second white patch that cannot be seen."""
    picture = photo().convert("RGBA")
    picture.paste((255, 255, 255, 0), (70, 10, 90, 50))
    picture.save(path)


def animated(path):
    photo().save(path, save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT))])


ANSWERED = {
    "plain.png": lambda path: photo().save(path),
    "phone.png": exif_rotated,
    "deep.png": deep,
    "gray.png": lambda path: photo().convert("L").save(path),
    "cmyk.tif": lambda path: photo().convert("CMYK").save(path),
    "cmyk.jpg": lambda path: photo().convert("CMYK").save(path, quality=100, subsampling=0),
    "alpha.png": alpha,
    "animated.gif": animated,
    "palette.png": lambda path: photo().quantize(8).save(path),
    "wrong_suffix.jpg": lambda path: photo().save(path, "PNG"),
}


def huge(path, side=20_000):
    """A PNG file that states 20,000 × 20,000 pixels."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b""))


def truncated(path):
    file = io.BytesIO()
    photo().save(file, "JPEG")
    path.write_bytes(file.getvalue()[:-200])


REFUSED = {
    "huge.png": (huge, "states more pixels than the limit of 64000000; make it smaller first"),
    # So large that Pillow would only warn.
    "large.png": (
        lambda path: huge(path, 10_000),
        "states 10000 × 10000 pixels, more than the limit of 64000000; make it smaller first",
    ),
    "truncated.jpg": (truncated, "is damaged or cannot be decoded"),
    "text.jpg": (lambda path: path.write_text("hello"), "is not an image that can be read"),
    "empty.png": (lambda path: path.write_bytes(b""), "is an empty file"),
}


NOT_ABOUT_PICTURES = ("Faces are found by", "INFO: Created TensorFlow Lite")


@pytest.fixture
def predict(model_file, monkeypatch, white_patches):
    monkeypatch.setattr(detectors, "face_detector", lambda *arguments: white_patches)
    model = str(model_file())
    return lambda *arguments: CliRunner().invoke(main, ["predict", model, *map(str, arguments)])


@pytest.mark.parametrize("name", ANSWERED)
def test_answered(predict, tmp_path, name):
    ANSWERED["plain.png"](tmp_path / "reference.png")
    ANSWERED[name](tmp_path / name)
    result = predict(tmp_path / "reference.png", tmp_path / name, "--format", "json")
    assert result.exit_code == 0
    expected, answer = map(json.loads, result.stdout.splitlines())
    assert answer["box"] == FACE
    difference = [
        answer["probabilities"][label] - value for label, value in expected["probabilities"].items()
    ]
    assert np.abs(difference).max() < 0.02


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_sentence(predict, tmp_path, name):
    write, message = REFUSED[name]
    write(tmp_path / name)
    result = predict(tmp_path / name)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert message in line
    assert name in line
    said = [line for line in result.stderr.splitlines() if not line.startswith(NOT_ABOUT_PICTURES)]
    assert said == [line, "1 could not be read."]


def test_files_that_are_not_there_are_said_before_a_detector_is_asked_for(predict, tmp_path, monkeypatch):
    monkeypatch.setattr("keras_fer.cli.predict._with_detectors", None)
    result = predict(tmp_path / "a.png", tmp_path / "b.png")
    assert result.exit_code == 1
    assert result.stderr.endswith(f"Error: There is no image '{tmp_path}/a.png', '{tmp_path}/b.png'.\n")


def test_one_file_that_is_not_there_does_not_keep_the_others_from_an_answer(predict, tmp_path):
    ANSWERED["plain.png"](tmp_path / "there.png")
    result = predict(tmp_path / "gone.png", tmp_path / "there.png", "--format", "csv")
    assert result.exit_code == 1
    assert "There is no image" in result.stderr
    assert len(result.stdout.splitlines()) == 2


def two_faces():
    """The photo with a smaller face to the left of the other."""
    picture = photo()
    picture.paste((255, 255, 255), (2, 30, 16, 44))
    return picture


def test_no_face_is_no_error(predict, tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT), (40, 40, 40)).save(tmp_path / "nobody.png")
    result = predict(tmp_path / "nobody.png", "--format", "json")
    assert result.exit_code == 0
    (answer,) = map(json.loads, result.stdout.splitlines())
    assert (answer["num_faces"], answer["box"], answer["expression"]) == (0, None, None)
    assert result.stderr.endswith(f"No face was found in {str(tmp_path / 'nobody.png')!r}.\n")


def test_two_faces_are_two_answers(predict, tmp_path):
    two_faces().save(tmp_path / "two.png")
    result = predict(tmp_path / "two.png", "--format", "json")
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["box"] for answer in answers] == [[2, 30, 16, 44], FACE]
    assert [(answer["face"], answer["num_faces"]) for answer in answers] == [(1, 2), (2, 2)]


def test_missing_camera(predict):
    result = predict("camera:99")
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "There is no camera number 99" in line


@pytest.fixture
def album(tmp_path):
    """A folder with everything that is answered, refused, without a face, or with two."""
    folder = tmp_path / "album"
    folder.mkdir()
    for name, write in ANSWERED.items():
        write(folder / name)
    for name, (write, _) in REFUSED.items():
        write(folder / name)
    two_faces().save(folder / "two.webp", lossless=True)
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    return folder


NUM_ROWS = len(ANSWERED) + 2


@pytest.mark.parametrize("output_format", ["table", "json", "csv"])
def test_album_of_all(predict, album, tmp_path, output_format):
    output, copies = tmp_path / "answers", tmp_path / "copies"
    result = predict(album, "--format", output_format, "--output", output, "--annotate", copies)
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    # A file that is not there is not found in a folder either.
    refused = sorted(REFUSED.keys() - {"missing.png"})
    assert len(errors) == len(refused)
    assert all(name in line for name, line in zip(refused, errors, strict=True))
    assert result.stderr.endswith(f"{len(refused)} could not be read.\n")
    lines = output.read_text().splitlines()
    if output_format == "table":
        assert len(lines) == NUM_ROWS
        assert sum(
            f"{FACE[2] - FACE[0]} × {FACE[3] - FACE[1]} pixels at 20, 10" in line for line in lines
        ) == (NUM_ROWS - 1)
    elif output_format == "json":
        found = [answer["num_faces"] for answer in map(json.loads, lines)]
        assert sorted(found) == [0, *[1] * len(ANSWERED), 2, 2]
    else:
        found = [row["num_faces"] for row in csv.DictReader(lines)]
        assert sorted(found) == ["0", *["1"] * len(ANSWERED), "2", "2"]
    # What is no JPEG, PNG or WebP is copied as PNG, all of them upright.
    pictures = list(copies.iterdir())
    assert len(pictures) == len(ANSWERED) + 2
    assert {path.suffix for path in pictures} == {".jpg", ".png", ".webp"}
    for path in pictures:
        with Image.open(path) as copy:
            assert copy.mode == "RGB"
            assert copy.size == ((1, 1) if path.name == "dot.png" else (WIDTH, HEIGHT))
            if path.name != "dot.png":
                red, green, _ = copy.getpixel((40, FACE[3]))
                assert green > red + 40, f"{path.name} has no green frame"


def test_single_pixel_shows_nobody(predict, tmp_path):
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    result = predict(tmp_path / "dot.png")
    assert result.exit_code == 0
    assert "No face was found" in result.stderr


def test_single_pixel_as_a_crop_is_answered(model_file, tmp_path):
    Image.new("RGB", (1, 1), (200, 10, 90)).save(tmp_path / "dot.png")
    arguments = ["predict", str(model_file()), str(tmp_path / "dot.png"), "--detector", "none"]
    assert CliRunner().invoke(main, arguments).exit_code == 0


def test_model_that_is_not_ours(tmp_path, tiny_tflite):
    ANSWERED["plain.png"](tmp_path / "plain.png")
    (tmp_path / "foreign.tflite").write_bytes(tiny_tflite())
    arguments = ["predict", str(tmp_path / "foreign.tflite"), str(tmp_path / "plain.png")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "foreign.tflite' holds no contract" in line
