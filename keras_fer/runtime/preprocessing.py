"""Crop and resize: the one definition that training, export and every runtime share.

A different filter or a different crop is not a detail: a public model changes 6–8 % of its answers
with the resize filter and 12–28 % with a crop that is 15 % off.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_fer.errors import FERError

# A box that is much larger than its image is a mistake of units, and would cost memory without bound.
_LARGEST_BOX = 4


class Box(NamedTuple):
    """A face box in pixels of the whole image; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float


def resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resizes with the triangle filter: bilinear, with antialiasing where it shrinks.

    First along the width, then along the height, in whole numbers, so that every machine and every
    language gives the same bytes. Along an axis from `n` to `m` pixels (nothing is done if `n == m`),
    output pixel `i` is, with `scale = n / m`, `support = max(scale, 1)`, `center = (i + 0.5) * scale`:

        first   = max(floor(center - support + 0.5), 0)
        last    = min(floor(center + support + 0.5), n)                      (exclusive)
        weight  = max(0, 1 - abs(j + 0.5 - center) / support)  for first <= j < last,
                  divided by their sum, in double precision
        output  = (2**21 + sum_j floor(weight * 2**22 + 0.5) * input[j]) >> 22,  limited to 0..255

    Pillow computes this (`Image.Resampling.BILINEAR`), here one axis at a time, because which axis it
    takes first depends on its version.
    `tf.image.resize(method="bilinear", antialias=True)`, rounded, differs by at most 1 of 255, since it
    does not round between the axes.

    Args:
        image: uint8, shape `(rows, columns)` or `(rows, columns, channels)` with 1 or 3 channels.
        height: rows of the result, at least 1.
        width: columns of the result, at least 1.

    Returns:
        uint8, `image` with its first two dimensions replaced by `(height, width)`.

    Raises:
        ValueError: if `image` or the size is none of these.
    """
    _require_pixels(image)
    if height < 1 or width < 1:
        raise ValueError(f"The size must be at least 1 × 1. Received: height={height}, width={width}")
    if image.shape[:2] == (height, width):
        return image.copy()
    shape = (height, width, *image.shape[2:])
    plane = image[:, :, 0] if shape[2:] == (1,) else image
    narrowed = Image.fromarray(plane).resize((width, image.shape[0]), Image.Resampling.BILINEAR)
    return np.array(narrowed.resize((width, height), Image.Resampling.BILINEAR)).reshape(shape)


def square_box(box: tuple[float, float, float, float], margin: float = 0.0, shift: float = 0.0) -> Box:
    """Makes a box square around its centre, enlarges and moves it.

    Args:
        box: left, top, right, bottom in pixels, right and bottom exclusive.
        margin: share of the longer side that is added on *each* side; 0.1 makes the side 1.2 times as long.
        shift: share of the longer side by which the square is moved down; negative moves it up.

    Returns:
        A box of equal width and height; it may reach outside the image.

    Raises:
        FERError: if the box is not finite or has no area.
    """
    left, top, right, bottom = (float(value) for value in box)
    longer = max(right - left, bottom - top)
    if not (math.isfinite(longer) and right > left and bottom > top):
        raise FERError(f"A face box has left < right and top < bottom, in pixels. Received: {tuple(box)}")
    half = longer * (0.5 + margin)
    center_x, center_y = (left + right) / 2, (top + bottom) / 2 + longer * shift
    return Box(center_x - half, center_y - half, center_x + half, center_y + half)


def face_crop(
    image: np.ndarray,
    box: tuple[float, float, float, float] | None,
    size: int,
    margin: float = 0.0,
    shift: float = 0.0,
    roll: float = 0.0,
) -> np.ndarray:
    """Cuts the square around a face, turned if asked for, and resizes it.

    The square of `square_box` is moved to whole pixels: `side = max(floor(width + 0.5), 1)`,
    `left = floor(left + 0.5)`, `top = floor(top + 0.5)`. Where it reaches outside the image, the pixels
    of the border are repeated.

    With a roll the square is turned around the centre of the box, so that `shift` moves along the face:
    pixel (column, row) of the square, before it is resized, is interpolated bilinearly, in double precision
    and rounded half up, at the point (x, y) where, with `(u, v)` from the centre of the box to the
    pixel's centre as if nothing were turned,

        x = center_x + u * cos(roll) - v * sin(roll)
        y = center_y + u * sin(roll) + v * cos(roll)

    Args:
        image: uint8, shape `(height, width)` or `(height, width, channels)` with 1 or 3 channels.
        box: left, top, right, bottom of the face in pixels, right and bottom exclusive; or None if the
            image is a face crop already: then the centre square of the shorter side is taken, and what
            follows is not used.
        size: height and width of the result, pixels.
        margin: as in `square_box`.
        shift: as in `square_box`.
        roll: how far the face is turned clockwise in the image, degrees; the crop shows it upright.

    Returns:
        uint8, shape `(size, size)` or `(size, size, channels)`.

    Raises:
        FERError: if the box has no area, lies outside the image, or is far larger than it.
        ValueError: if `image` or `size` is none of these.
    """
    _require_pixels(image)
    height, width = image.shape[:2]
    if box is None:
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        return resize(image[top : top + side, left : left + side], size, size)
    square = square_box(box, margin, shift)
    longest = max(box[2] - box[0], box[3] - box[1])
    if box[0] >= width or box[1] >= height or box[2] <= 0 or box[3] <= 0:
        raise FERError(f"The face box {tuple(box)} lies outside the image of {width} × {height} pixels.")
    if longest > _LARGEST_BOX * max(height, width):
        raise FERError(
            f"The face box {tuple(box)} is far larger than the image of {width} × {height} pixels."
        )
    side = max(math.floor(square.right - square.left + 0.5), 1)
    left, top = math.floor(square.left + 0.5), math.floor(square.top + 0.5)
    if roll == 0:
        return resize(_cut(image, left, top, side), size, size)
    center = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return resize(_cut_turned(image, left, top, side, center, math.radians(roll)), size, size)


def _cut(image: np.ndarray, left: int, top: int, side: int) -> np.ndarray:
    """Returns the square at whole pixels; outside the image the border is repeated."""
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and left + side <= width and top + side <= height:
        return image[top : top + side, left : left + side]
    rows = np.clip(np.arange(top, top + side), 0, height - 1)
    columns = np.clip(np.arange(left, left + side), 0, width - 1)
    return image[rows[:, None], columns]


def _cut_turned(
    image: np.ndarray, left: int, top: int, side: int, center: tuple[float, float], roll: float
) -> np.ndarray:
    """Returns the square at whole pixels after it was turned clockwise by `roll` radians around a point."""
    height, width = image.shape[:2]
    across = left + np.arange(side)[None, :] + 0.5 - center[0]
    down = top + np.arange(side)[:, None] + 0.5 - center[1]
    cosine, sine = math.cos(roll), math.sin(roll)
    # Where the centres of the pixels lie, counted in centres of pixels of the image.
    columns = np.clip(center[0] + across * cosine - down * sine - 0.5, 0, width - 1)
    rows = np.clip(center[1] + across * sine + down * cosine - 0.5, 0, height - 1)
    first_columns, first_rows = np.floor(columns).astype(np.intp), np.floor(rows).astype(np.intp)
    next_columns, next_rows = (
        np.minimum(first_columns + 1, width - 1),
        np.minimum(first_rows + 1, height - 1),
    )
    extra = (1,) * (image.ndim - 2)
    to_right = (columns - first_columns).reshape(side, side, *extra)
    to_below = (rows - first_rows).reshape(side, side, *extra)
    upper = image[first_rows, first_columns] * (1 - to_right) + image[first_rows, next_columns] * to_right
    lower = image[next_rows, first_columns] * (1 - to_right) + image[next_rows, next_columns] * to_right
    return np.floor(upper * (1 - to_below) + lower * to_below + 0.5).astype(np.uint8)


def _require_pixels(image: np.ndarray) -> None:
    """Raises ValueError unless `image` is an array of pixels that this module works on."""
    shaped = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))
    if image.dtype != np.uint8 or not shaped or 0 in image.shape:
        raise ValueError(
            "An image is uint8, (height, width) or (height, width, channels) with 1 or 3 channels. "
            f"Received: {image.dtype}, shape {image.shape}"
        )
