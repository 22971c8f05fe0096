import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.runtime.images import FORMATS, IMAGE_SUFFIXES, image_files, load_image

COLORS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
GRAY = COLORS[:, :, 0]


def saved(tmp_path, image, name="image.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def repeated(gray):
    return np.repeat(gray[:, :, None], 3, axis=2)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# What the camera stored -> what is meant to be seen, written down from the EXIF standard.
UPRIGHT = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, 1),
}


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_orientation_is_applied_once(tmp_path, orientation, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path, Image.fromarray(COLORS), f"image.{suffix}", exif=exif(orientation), **options)
    np.testing.assert_array_equal(load_image(path), UPRIGHT[orientation](COLORS))


def test_orientation_out_of_range_is_ignored(tmp_path):
    path = saved(tmp_path, Image.fromarray(COLORS), exif=exif(9))
    np.testing.assert_array_equal(load_image(path), COLORS)


def test_damaged_exif_does_not_cost_the_pixels(tmp_path):
    path = saved(tmp_path, Image.fromarray(COLORS), exif=b"Exif\0\0not a TIFF header")
    np.testing.assert_array_equal(load_image(path), COLORS)


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.ppm", "a.tif", "a.tiff", "no_suffix_at_all.txt"])
def test_lossless_formats_keep_their_pixels(tmp_path, name):
    options = {"format": "PNG"} if name.endswith("txt") else {}
    pixels = load_image(saved(tmp_path, Image.fromarray(COLORS), name, **options))
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    np.testing.assert_array_equal(pixels, COLORS)


def test_jpeg_keeps_the_order_of_colors(tmp_path):
    red = np.full((16, 16, 3), (200, 30, 10), np.uint8)
    pixels = load_image(saved(tmp_path, Image.fromarray(red), "red.jpg"))
    assert np.abs(pixels.astype(int) - red).max() <= 3


def test_gray_repeats_its_channel(tmp_path):
    np.testing.assert_array_equal(load_image(saved(tmp_path, Image.fromarray(GRAY))), repeated(GRAY))


def test_black_and_white(tmp_path):
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    np.testing.assert_array_equal(load_image(saved(tmp_path, bits))[:, :, 1], [[0, 255], [255, 0]])


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bits_are_scaled_not_clipped(tmp_path, name):
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    pixels = load_image(saved(tmp_path, Image.fromarray(values), name))
    np.testing.assert_array_equal(pixels, repeated(np.array([[0, 1, 128, 255]], np.uint8)))


def test_16_bit_images_are_turned_as_well(tmp_path):
    values = GRAY.astype(np.uint16) * 257
    path = saved(tmp_path, Image.fromarray(values), exif=exif(6))
    np.testing.assert_array_equal(load_image(path), repeated(np.rot90(GRAY, -1)))


def test_deep_pnm_is_scaled(tmp_path):
    path = tmp_path / "deep.pgm"
    path.write_bytes(b"P5 3 1 65535\n" + np.array([0, 32768, 65535], ">u2").tobytes())
    np.testing.assert_array_equal(load_image(path)[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("RGBA", (200, 100, 50, 255), (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), (0, 0, 0)),
        ("RGBA", (200, 100, 50, 51), (40, 20, 10)),
        ("LA", (200, 51), (40, 40, 40)),
    ],
)
def test_transparency_lies_over_black(tmp_path, mode, pixel, expected):
    path = saved(tmp_path, Image.new(mode, (3, 2), pixel))
    np.testing.assert_array_equal(load_image(path), np.full((2, 3, 3), expected, np.uint8))


def test_palette(tmp_path):
    indexed = Image.fromarray(COLORS).quantize(256)
    np.testing.assert_array_equal(load_image(saved(tmp_path, indexed)), np.array(indexed.convert("RGB")))


def test_palette_with_transparency(tmp_path):
    indexed = Image.fromarray(np.array([[0, 1]], np.uint8), mode="L").convert("P")
    indexed.putpalette([250, 0, 0, 0, 250, 0])
    path = saved(tmp_path, indexed, transparency=0)
    np.testing.assert_array_equal(load_image(path), [[[0, 0, 0], [0, 250, 0]]])


def test_color_key_of_rgb_png(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (2, 2), (255, 255, 255)), transparency=(255, 255, 255))
    assert load_image(path).max() == 0


def test_cmyk(tmp_path):
    ink = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixels = load_image(saved(tmp_path, ink, "ink.jpg"))
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("name", ["film.gif", "film.png", "film.webp", "film.tif"])
def test_animations_give_their_first_frame(tmp_path, name):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    options = {"lossless": True} if name.endswith("webp") else {}
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(load_image(path), np.full((8, 8, 3), (255, 0, 0), np.uint8))


def png_header(width, height):
    """A PNG file that states a size and holds next to nothing."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


@pytest.mark.parametrize("pillow_limit", [None, 10**12])
def test_bomb_is_refused_whatever_the_limit_of_pillow(tmp_path, monkeypatch, pillow_limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow_limit)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    with pytest.raises(
        FERError, match=r"bomb\.png' states 60000 × 60000 pixels, more than the limit of 64000000"
    ):
        load_image(path)


@pytest.mark.parametrize(("pillow_limit", "limit"), [(10**9, 64_000_000), (10**6, 1_000_000)])
def test_bomb_that_pillow_refuses_first_is_one_sentence(tmp_path, monkeypatch, pillow_limit, limit):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillow_limit)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    with pytest.raises(FERError, match=rf"bomb\.png' states more pixels than the limit of {limit}; make it"):
        load_image(path)


def test_large_picture_is_refused_without_a_warning_of_pillow(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3 * 10**9)
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(60_000, 60_000))
    with pytest.raises(FERError, match=r"bomb\.png' states 60000 × 60000 pixels, more than the limit"):
        load_image(path)


def test_limit_counts_pixels(tmp_path):
    path = saved(tmp_path, Image.fromarray(COLORS))
    load_image(path, max_pixels=24)
    with pytest.raises(FERError, match="6 × 4 pixels, more than the limit of 23"):
        load_image(path, max_pixels=23)


def broken_files(folder):
    """Writes files that are no images; returns what is said about each."""
    whole = io.BytesIO()
    Image.fromarray(np.tile(COLORS, (8, 8, 1))).save(whole, "JPEG")
    contents = {
        "text.jpg": (b"hello", "is not an image that can be read; there can be BMP"),
        "empty.jpg": (b"", "is an empty file"),
        "truncated.jpg": (whole.getvalue()[:-400], "is damaged or cannot be decoded: .*truncated"),
        "headless.jpg": (whole.getvalue()[:2], "is not an image"),
        "missing_pixels.png": (png_header(100, 100), "is damaged or cannot be decoded"),
        "program.eps": (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            "is not an image that can be read",
        ),
    }
    for name, (content, _) in contents.items():
        (folder / name).write_bytes(content)
    floating = Image.fromarray(np.ones((2, 2), np.float32))
    floating.save(folder / "float.tif")
    wide = Image.fromarray(np.full((2, 2), 70_000, np.int32))
    wide.save(folder / "wide.tif")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    return {name: message for name, (_, message) in contents.items()} | {
        "float.tif": "not floating point",
        "wide.tif": "not values from 70000 to 70000",
        "folder.jpg": "is a folder; name a file",
        "pipe.jpg": "is not a regular file",
        "missing.jpg": "There is no image",
    }


def test_what_is_no_image_is_one_sentence_that_names_it(tmp_path):
    for name, message in broken_files(tmp_path).items():
        with pytest.raises(FERError, match=message) as caught:
            load_image(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_unreadable_file(tmp_path, monkeypatch):
    path = saved(tmp_path, Image.fromarray(COLORS))

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(FERError, match=r"image\.png' is damaged or cannot be decoded: .*Permission denied"):
        load_image(path)


def test_formats_exist_in_pillow():
    Image.init()
    assert set(FORMATS) <= set(Image.OPEN)
    assert {Image.EXTENSION[suffix] for suffix in IMAGE_SUFFIXES} == set(FORMATS)


def encoded(file_format):
    file = io.BytesIO()
    Image.fromarray(COLORS).save(file, file_format)
    return file.getvalue()


@pytest.fixture(scope="module")
def damaged_file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "image"


@settings(max_examples=200, deadline=None)
@given(
    file_format=st.sampled_from(FORMATS),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6
    ),
    kept=st.floats(0.3, 1),
)
def test_damaged_bytes_give_pixels_or_one_error(damaged_file, file_format, changes, kept):
    content = bytearray(encoded(file_format))
    for position, value in changes:
        content[int(position * len(content))] = value
    damaged_file.write_bytes(content[: int(len(content) * kept)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decoders warn about damaged metadata
        try:
            pixels = load_image(damaged_file, max_pixels=10_000)
        except FERError:
            return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def test_image_files_are_sorted_and_have_a_suffix(tmp_path):
    for name in ("b/2.PNG", "b/1.jpg", "a.tif", "c.txt", ".hidden.png", ".cache/x.png", "b/._1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in image_files(tmp_path)]
    assert found == ["a.tif", "b/1.jpg", "b/2.PNG"]


def test_image_files_do_not_follow_links(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "inside" / "a.png").touch()
    assert [path.name for path in image_files(tmp_path / "inside")] == ["a.png"]


def test_image_files_of_no_folder(tmp_path):
    with pytest.raises(FERError, match="missing' cannot be listed"):
        list(image_files(tmp_path / "missing"))
