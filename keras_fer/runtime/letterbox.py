"""A part of a picture in a square of one size, without squeezing it, and the way back."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

# Blocks of pixels are averaged first, which is several times faster for large pictures, as long as the filter
# still shrinks by this much.
_REDUCING_GAP = 1.5


class Letterbox(NamedTuple):
    """Where a part of a picture lies in a square.

    A point (x, y) of the picture lies at `(x * scale_x + shift_x, y * scale_y + shift_y)`.
    """

    scale_x: float
    scale_y: float
    shift_x: float
    shift_y: float

    def undo(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the square, shape `(..., 2)` in its pixels, lie in the picture."""
        shift = np.array([self.shift_x, self.shift_y])
        return (points - shift) / np.array([self.scale_x, self.scale_y])


def letterboxed(
    picture: Image.Image, region: tuple[float, float, float, float] | None, size: int
) -> tuple[np.ndarray, Letterbox]:
    """Shrinks or enlarges a part of a picture so that it just fits into a square, with black around it.

    Both axes have the same scale up to the rounding to whole pixels, at least one; the part lies in the
    middle.

    Args:
        picture: RGB.
        region: left, top, right, bottom in pixels; what lies outside the picture is left out, and of a
            region beside it the nearest row or column of pixels is seen. None for all.
        size: side of the square, pixels.

    Returns:
        uint8 array `(size, size, 3)`, and where the picture lies in it.
    """
    left, top, right, bottom = region or (0, 0, *picture.size)
    left, right = _inside(left, right, picture.width)
    top, bottom = _inside(top, bottom, picture.height)
    scale = size / max(right - left, bottom - top)
    width, height = (max(math.floor(side * scale + 0.5), 1) for side in (right - left, bottom - top))
    part = picture if region is None else picture.crop((left, top, right, bottom))
    part = _resized(part, width, height)
    column, row = (size - width) // 2, (size - height) // 2
    square = np.zeros((size, size, 3), np.uint8)
    square[row : row + height, column : column + width] = np.asarray(part)
    scale_x, scale_y = width / (right - left), height / (bottom - top)
    return square, Letterbox(scale_x, scale_y, column - left * scale_x, row - top * scale_y)


def _inside(first: float, end: float, length: int) -> tuple[int, int]:
    """Returns whole pixels, at least one, of an interval that may lie beside the picture."""
    start = min(max(math.floor(first), 0), length - 1)
    return start, max(min(math.ceil(end), length), start + 1)


def _resized(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Resizes with the triangle filter after blocks of pixels were averaged.

    First along the width, then along the height, since Pillow's own order depends on its version and on the
    sizes: so the browser gives the same bytes.
    """
    across = max(math.floor(picture.width / width / _REDUCING_GAP), 1)
    down = max(math.floor(picture.height / height / _REDUCING_GAP), 1)
    # The last block of a row or column may be smaller than the others: the picture ends within it.
    right, bottom = picture.width / across, picture.height / down
    reduced = picture.reduce((across, down))
    narrowed = reduced.resize(
        (width, reduced.height), Image.Resampling.BILINEAR, (0, 0, right, reduced.height)
    )
    return narrowed.resize((width, height), Image.Resampling.BILINEAR, (0, 0, width, bottom))
