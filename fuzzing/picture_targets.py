"""Targets of what a user names to be recognised."""

import struct
from pathlib import Path

import numpy as np
from dataset_targets import write_picture
from fuzz_target import require
from PIL import Image

from keras_fer.runtime.images import load_image
from keras_fer.runtime.letterbox import letterboxed
from keras_fer.runtime.sources import sources


def images(data: bytes, folder: Path) -> None:
    """Pictures of every format that is read."""
    path = folder / "picture"
    path.write_bytes(data)
    pixels = load_image(path, max_pixels=1_000_000)
    require(pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape)
    require(0 < pixels.shape[0] * pixels.shape[1] <= 1_000_000, pixels.shape)


def set_up_sources(folder: Path) -> None:
    """Writes photos and a file that is called like a film."""
    write_picture(folder / "photos" / "a.jpg")
    write_picture(folder / "photos" / "more" / "é.png")
    (folder / "film.mp4").write_bytes(b"")


def source_names(data: bytes, folder: Path) -> None:
    """What a user names as input, looked up below the folder; and parts of pictures in a square."""
    if data and data[0] % 2:
        return _letterbox(data[1:])
    # As the system gives arguments that are not UTF-8.
    text = data[1:].decode("utf-8", "surrogateescape")
    if ".." in text:
        return None
    text = text if text.startswith("camera") else f"{folder}/{text}"
    for source in sources(text):
        require(not source.copy_name.is_absolute() and ".." not in source.copy_name.parts, source)
        if source.kind == "photo":
            load_image(source.name)
    return None


def _letterbox(data: bytes) -> None:
    if len(data) < 14:
        return
    width, height, size, *edges = struct.unpack("<HHHhhhh", data[:14])
    width, height, size = width % 600 + 1, height % 600 + 1, size % 300 + 1
    region = tuple(edge / 8 for edge in edges)
    square, place = letterboxed(Image.new("RGB", (width, height)), region, size)
    require(square.shape == (size, size, 3) and square.dtype == np.uint8, square.shape)
    require(bool(np.isfinite(place.undo(np.array([[0.0, size]]))).all()), place)
