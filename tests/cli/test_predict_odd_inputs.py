"""`keras-fer predict` on pictures as they come: each is answered rightly or refused in one sentence."""

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
    picture = photo().convert("RGBA")
    picture.putpixel((0, 0), (255, 255, 255, 0))
    picture.save(path)


def animated(path):
    photo().save(path, save_all=True, append_images=[Image.new("RGB", (WIDTH, HEIGHT))])


ANSWERED = {
    "plain.png": lambda path: photo().save(path),
    "phone.png": exif_rotated,
    "deep.png": deep,
    "gray.png": lambda path: photo().convert("L").save(path),
    "cmyk.tif": lambda path: photo().convert("CMYK").save(path),
    "alpha.png": alpha,
    "animated.gif": animated,
    "palette.png": lambda path: photo().quantize(8).save(path),
    "wrong_suffix.jpg": lambda path: photo().save(path, "PNG"),
}


def huge(path):
    """A PNG file that states 20,000 × 20,000 pixels."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b""))


def truncated(path):
    file = io.BytesIO()
    photo().save(file, "JPEG")
    path.write_bytes(file.getvalue()[:-200])


REFUSED = {
    "huge.png": (huge, "states more pixels than Pillow allows; make it smaller first"),
    "truncated.jpg": (truncated, "is damaged or cannot be decoded"),
    "text.jpg": (lambda path: path.write_text("hello"), "is not an image that can be read"),
    "empty.png": (lambda path: path.write_bytes(b""), "is an empty file"),
    "missing.png": (lambda path: None, "There is no image"),
}


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
