"""Image files to pixels; every file is treated as untrusted."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from keras_fer.errors import FERError

# Pillow's other formats are left out on purpose: some start a foreign program (EPS), and none is a photo.
FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
IMAGE_SUFFIXES = frozenset(
    (".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
)

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MODES_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


def load_image(path: str | os.PathLike, max_pixels: int = 64_000_000) -> np.ndarray:
    """Reads an image file as it is meant to be seen.

    The EXIF orientation is applied; gray pictures repeat their channel; 16-bit values are scaled to
    8 bits; transparent pixels lie over black; palettes and CMYK become RGB; of an animation the first
    frame is read. Colour profiles are not applied.

    Args:
        path: a BMP, GIF, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP file; the content decides, not the suffix.
        max_pixels: largest width × height that is decoded, in pixels; it is compared with the size that
            the file states *before* memory is taken.

    Returns:
        uint8 array `(height, width, 3)`, RGB.

    Raises:
        FERError: if the file is missing, no image, truncated, damaged, or too large; the message names it.
    """
    path = Path(path)
    _require_file(path)
    try:
        # The limit also holds where a program has switched off Pillow's own (`Image.MAX_IMAGE_PIXELS`).
        with _opened(path) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise FERError(
                    f"The image {str(path)!r} states {width} × {height} pixels, more than the limit of "
                    f"{max_pixels}; make it smaller first."
                )
            image.load()
            return np.array(_upright(_rgb(image), _orientation(image)))
    except FERError:
        raise
    except UnidentifiedImageError:
        raise FERError(
            f"The file {str(path)!r} is not an image that can be read; there can be {', '.join(FORMATS)}."
        ) from None
    except Image.DecompressionBombError as error:
        # Pillow does not tell the size; a program may have made its limit smaller than ours.
        limit = min(max_pixels, Image.MAX_IMAGE_PIXELS or max_pixels)
        raise FERError(
            f"The image {str(path)!r} states more pixels than the limit of {limit}; make it smaller first."
        ) from error
    except Exception as error:
        # On damaged files decoders raise nearly anything: OSError, SyntaxError, struct.error, KeyError...
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise FERError(f"The image {str(path)!r} is damaged or cannot be decoded: {reason}.") from error


def image_files(folder: str | os.PathLike) -> Iterator[Path]:
    """Yields the files under a folder that have the suffix of an image, recursively, sorted by path.

    Hidden files and folders are left out, and links to folders are not followed.

    Raises:
        FERError: if the folder cannot be listed.
    """

    def refuse(error: OSError) -> None:
        raise FERError(f"The folder {str(error.filename)!r} cannot be listed: {error.strerror}.") from error

    for root, folders, names in os.walk(Path(folder), onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(root) / name


def _opened(path: Path) -> Image.Image:
    """Opens an image file; Pillow's warning of a large one is left to the limit of `load_image`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=FORMATS)


def _require_file(path: Path) -> None:
    """Raises FERError unless `path` is a regular file with content; a pipe, say, would wait forever."""
    if os.path.isdir(path):
        raise FERError(f"The image {str(path)!r} is a folder; name a file.")
    if not os.path.exists(path):
        raise FERError(f"There is no image {str(path)!r}.")
    if not path.is_file():
        raise FERError(f"The image {str(path)!r} is not a regular file.")
    if path.stat().st_size == 0:
        raise FERError(f"The image {str(path)!r} is an empty file.")


def _orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8; 1 also where the metadata is damaged but the pixels are not."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """Applies an EXIF orientation."""
    transposition = _TRANSPOSITIONS.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _rgb(image: Image.Image) -> Image.Image:
    """Converts a decoded image of any mode to RGB with 8 bits."""
    if image.mode.startswith("I"):
        # Pillow would clip these at 255.
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"pixels have 8 or 16 bits, not values from {values.min()} to {values.max()}")
        image = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("pixels are whole numbers of 8 or 16 bits, not floating point")
    if image.mode in _MODES_WITH_ALPHA or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("RGB")
