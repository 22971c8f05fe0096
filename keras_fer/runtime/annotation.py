"""Pictures with the faces framed and named."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_fer.runtime.faces import Face
from keras_fer.runtime.recognizer import Prediction

_CERTAIN, _UNCERTAIN, _INK = (46, 204, 113), (200, 200, 200), (0, 0, 0)
_SMALLEST_TEXT, _LARGEST_TEXT = 10, 64
# Of a picture's longer side.
_LINE_WIDTH = 1 / 300
# Of a face's width.
_TEXT_SIZE = 1 / 7


def annotated(image: np.ndarray, faces: Sequence[tuple[Face, Prediction]], top: int = 1) -> np.ndarray:
    """Draws the box of each face and, beside it, its most probable expressions.

    Uncertain answers are gray and end in a question mark.

    Args:
        image: uint8 RGB `(height, width, 3)`; it is not changed.
        faces: in any order.
        top: how many expressions are written per face, at least 1.

    Returns:
        uint8, the shape of `image`.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    line_width = max(round(max(picture.size) * _LINE_WIDTH), 1)
    for face, prediction in faces:
        color = _UNCERTAIN if prediction.uncertain else _CERTAIN
        box = _inside(face, picture.size)
        draw.rectangle(box, outline=color, width=line_width)
        mark = "?" if prediction.uncertain else ""
        lines = [f"{name} {value:.0%}{mark}" for name, value in prediction.top(top).items()]
        _write(draw, lines, box, picture.size, color)
    return np.asarray(picture)


def _inside(face: Face, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Returns the part of a face box that lies in a picture, as first and last pixels."""
    limits = (size[0] - 1, size[1] - 1) * 2
    left, top, right, bottom = (
        min(max(round(side), 0), limit) for side, limit in zip(face.box, limits, strict=True)
    )
    return left, top, max(right, left), max(bottom, top)


def _write(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    box: tuple[int, int, int, int],
    size: tuple[int, int],
    color: tuple[int, int, int],
) -> None:
    """Writes on a ground of colour above a box or below it, as many of the lines as there is room for.

    Where there is none for the first, it stands at the foot of the picture: a face is known by its eyes.
    """
    text_size = min(max((box[2] - box[0]) * _TEXT_SIZE, _SMALLEST_TEXT), _LARGEST_TEXT)
    font = ImageFont.load_default(text_size)
    margin = round(text_size / 4)
    for count in range(len(lines), 0, -1):
        text = "\n".join(lines[:count])
        _, _, width, height = (round(side) for side in draw.multiline_textbbox((0, 0), text, font))
        width, height = width + 2 * margin, height + 2 * margin
        above, below = box[1] - height, box[3] + 1
        if above >= 0 or below + height <= size[1]:
            break
    left = max(min(box[0], size[0] - width), 0)
    top = above if above >= 0 else min(below, max(size[1] - height, 0))
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    draw.multiline_text((left + margin, top + margin), text, _INK, font)
