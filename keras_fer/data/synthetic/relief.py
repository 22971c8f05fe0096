"""Lights the frontal picture by its height and bends it to a pose.

The face is a height field over the picture plane. A point (u, v) of height z appears at
`A (u, v) + b z`, where A and b are the upper part of the rotation; the inverse, which resampling
needs, is the fixed point of `(u, v) = A⁻¹ (x − b z(u, v))`, found in three damped steps.
"""

import math

import cv2
import numpy as np

from keras_fer.data.synthetic.canvas import EXTENT, ORIGIN
from keras_fer.data.synthetic.nuisance import Nuisance

_STEPS = 3
_DAMPING = 0.65


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation `Rz Rx Ry`, float64 `(3, 3)`, axes right, down, towards the viewer."""
    cy, sy = math.cos(yaw), math.sin(yaw)
    cp, sp = math.cos(pitch), math.sin(pitch)
    cr, sr = math.cos(roll), math.sin(roll)
    # Written out: products of small arrays would cost more than the rest of the pose.
    return np.array(
        [
            [cr * cy + sr * sp * sy, -sr * cp, cr * sy - sr * sp * cy],
            [sr * cy - cr * sp * sy, cr * cp, sr * sy + cr * sp * cy],
            [-cp * sy, -sp, cp * cy],
        ]
    )


def _light_basis() -> np.ndarray:
    """What light is made of, by cosine: ambient, directed, warm edge, gloss; float64 `(256, 4)`."""
    cosine = np.arange(256) / 127.5 - 1
    directed = ((cosine + 0.25) / 1.25).clip(0, 1)
    edge = np.exp(-(((directed - 0.18) / 0.16) ** 2))
    return np.stack([np.ones(256), directed, edge, cosine.clip(0, 1) ** 24], axis=1) * 128


_LIGHT_BASIS = _light_basis()


def light_table(nuisance: Nuisance) -> np.ndarray:
    """Light by cosine to its direction: uint8 `(256, 1, 4)`, 128 leaves a colour as it is."""
    contrast, warmth = nuisance.contrast, nuisance.warmth
    ambient, directed, gloss = 1.0 - 0.62 * contrast, 0.98 * contrast, 0.22 * contrast
    # Rows as in the basis, columns red, green, blue, coverage. Light that enters skin leaves it red,
    # so the edge of a shadow is warm.
    mixture = np.array(
        [
            [0.99 * ambient, 0.97 * ambient, 1.02 * ambient, 1.0],
            [(1 + 0.1 * warmth) * directed, directed, (1 - 0.12 * warmth) * directed, 0.0],
            [0.06, 0.006, 0.0, 0.0],
            [gloss, gloss, gloss, 0.0],
        ]
    )
    return (_LIGHT_BASIS @ mixture).clip(0, 255).astype(np.uint8)[:, None, :]


def shade(
    rgba: np.ndarray, height: np.ndarray, creases: np.ndarray, scale: float, nuisance: Nuisance
) -> np.ndarray:
    """Lights the frontal picture.

    Args:
        rgba: albedo and coverage, uint8 `(size, size, 4)`.
        height: float32 `(size, size)` in face units.
        creases: uint8 `(size, size)`, light swallowed.
        scale: canvas pixels per face unit.
        nuisance: pose and light.

    Returns:
        uint8 `(size, size, 4)`.
    """
    turned = rotation(nuisance.yaw, nuisance.pitch, nuisance.roll).T @ np.array(nuisance.light)
    right, down, front = turned.tolist()
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=scale / 8)
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=scale / 8)
    length = cv2.magnitude(slope_x, slope_y)
    length *= length
    length += np.float32(1)
    cosine = cv2.addWeighted(slope_x, -127.5 * right, slope_y, -127.5 * down, 127.5 * front)
    cosine /= cv2.sqrt(length)
    cosine += np.float32(127.5)
    cosine -= creases * np.float32(0.34)
    level = cv2.convertScaleAbs(cv2.max(cosine, 0))
    light = cv2.LUT(cv2.merge((level, level, level, level)), light_table(nuisance))
    return cv2.multiply(rgba, light, scale=1 / 128)


def pose_maps(
    relief: np.ndarray, nuisance: Nuisance, image_size: int, canvas_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel of the image the place on the canvas that it shows.

    Args:
        relief: smooth height, float32 `(n, n)` over the canvas.
        nuisance: pose, scale and shift.
        image_size: pixels per side of the image.
        canvas_size: pixels per side of the canvas.

    Returns:
        Columns and rows of the canvas, float32 `(image_size, image_size)` each.
    """
    turn = rotation(nuisance.yaw, nuisance.pitch, nuisance.roll)
    inverse = np.linalg.inv(turn[:2, :2]).astype(np.float32)
    drift = (inverse @ turn[:2, 2]).astype(np.float32)
    grid = image_size // 2
    steps = (np.arange(grid, dtype=np.float32) + np.float32(0.5)) / grid - np.float32(0.5)
    x = (steps[None, :] - np.float32(nuisance.shift_x)) / np.float32(nuisance.scale)
    y = (steps[:, None] - np.float32(nuisance.shift_y)) / np.float32(nuisance.scale)
    # In pixels of the relief from here on.
    per_unit = relief.shape[0] / EXTENT
    flat_u = (inverse[0, 0] * x + inverse[0, 1] * y - np.float32(ORIGIN[0])) * np.float32(
        per_unit
    ) - np.float32(0.5)
    flat_v = (inverse[1, 0] * x + inverse[1, 1] * y - np.float32(ORIGIN[1])) * np.float32(
        per_unit
    ) - np.float32(0.5)
    drift_u, drift_v = (drift * per_unit).tolist()
    u, v = flat_u, flat_v
    towards_u, towards_v = flat_u * np.float32(_DAMPING), flat_v * np.float32(_DAMPING)
    for _ in range(_STEPS):
        z = cv2.remap(relief, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        u = cv2.scaleAdd(z, -_DAMPING * drift_u, cv2.scaleAdd(u, 1 - _DAMPING, towards_u))
        v = cv2.scaleAdd(z, -_DAMPING * drift_v, cv2.scaleAdd(v, 1 - _DAMPING, towards_v))
    ratio = canvas_size / relief.shape[0]
    shape = (image_size, image_size)
    columns = cv2.resize(u, shape, interpolation=cv2.INTER_LINEAR) * np.float32(ratio) + np.float32(
        0.5 * ratio - 0.5
    )
    rows = cv2.resize(v, shape, interpolation=cv2.INTER_LINEAR) * np.float32(ratio) + np.float32(
        0.5 * ratio - 0.5
    )
    return columns, rows
