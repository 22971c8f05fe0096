"""Undoes a known pose: what a picture shows, as if the face looked straight into the camera."""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from keras_fer.data.synthetic.canvas import EXTENT, ORIGIN
from keras_fer.data.synthetic.identity import sample_identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.portrait import portrait
from keras_fer.data.synthetic.relief import rotation

# The part of the canvas from above the brows to the chin, in face coordinates.
_LEFT, _RIGHT, _TOP, _BOTTOM = -0.72, 0.72, -0.5, 1.12
ROWS, COLUMNS = 48, 44
_MEAN_OF = 12
_CANVAS_SIZE = 96


def frontal_views(pictures: np.ndarray, nuisances: Sequence[Nuisance]) -> np.ndarray:
    """Shows every face from the front, at one place and size.

    A point (u, v) of the face of height z appears at `scale · (A (u, v) + b z) + shift` in the picture,
    see `relief`; this reads the picture there. The height is that of the mean of a few people, so that
    nothing is assumed of who is shown.

    Args:
        pictures: float or uint8 `(n, size, size)`.
        nuisances: how each picture was taken, `(n,)`.

    Returns:
        float32 `(n, ROWS, COLUMNS)` in the levels of the pictures.
    """
    u, v, height = _face_points()
    views = np.empty((len(pictures), ROWS, COLUMNS), np.float32)
    size = pictures.shape[1]
    for view, picture, nuisance in zip(views, pictures, nuisances, strict=True):
        turn = rotation(nuisance.yaw, nuisance.pitch, nuisance.roll)
        x = turn[0, 0] * u + turn[0, 1] * v + turn[0, 2] * height
        y = turn[1, 0] * u + turn[1, 1] * v + turn[1, 2] * height
        columns = (nuisance.scale * x + 0.5 + nuisance.shift_x) * size - 0.5
        rows = (nuisance.scale * y + 0.5 + nuisance.shift_y) * size - 0.5
        view[:] = cv2.remap(
            np.asarray(picture, np.float32),
            columns.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return views


@lru_cache(maxsize=1)
def _face_points() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face coordinates of the points that are shown, and their height, `(ROWS, COLUMNS)` each."""
    u, v = np.meshgrid(np.linspace(_LEFT, _RIGHT, COLUMNS), np.linspace(_TOP, _BOTTOM, ROWS))
    reliefs = [portrait(sample_identity(0, number), _CANVAS_SIZE).relief for number in range(_MEAN_OF)]
    relief = np.mean(reliefs, axis=0)
    per_unit = len(relief) / EXTENT
    columns = ((u - ORIGIN[0]) * per_unit - 0.5).astype(np.float32)
    rows = ((v - ORIGIN[1]) * per_unit - 0.5).astype(np.float32)
    return u, v, cv2.remap(relief.astype(np.float32), columns, rows, cv2.INTER_LINEAR)
