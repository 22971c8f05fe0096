"""Lights the frontal picture by its height and bends it to a pose.

The face is a height field over the picture plane. A point (u, v) of height z appears at
`A (u, v) + b z`, where A and b are the upper part of the rotation; the inverse, which resampling
needs, is the fixed point of `(u, v) = A⁻¹ (x − b z(u, v))`, found in three damped steps.
"""

import cv2
import numpy as np

from keras_fer.data.synthetic.canvas import EXTENT, ORIGIN
from keras_fer.data.synthetic.nuisance import Nuisance

_STEPS = 3
_DAMPING = 0.65


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """The rotation `Rz Rx Ry`, float64 `(3, 3)`, axes right, down, towards the viewer."""
    cy, sy, cp, sp, cr, sr = (
        np.cos(yaw),
        np.sin(yaw),
        np.cos(pitch),
        np.sin(pitch),
        np.cos(roll),
        np.sin(roll),
    )
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return tilt @ nod @ turn


def light_table(nuisance: Nuisance) -> np.ndarray:
    """Light by cosine to its direction: uint8 `(256, 1, 4)`, 128 leaves a colour as it is."""
    cosine = np.arange(256) / 127.5 - 1
    wrapped = ((cosine + 0.25) / 1.25).clip(0, 1)
    directed = nuisance.contrast * 1.75
    ambient = 1.0 - 0.62 * nuisance.contrast
    tint = np.array([1 + 0.1 * nuisance.warmth, 1.0, 1 - 0.12 * nuisance.warmth])
    # Light that enters skin leaves it red: the edge of a shadow is warm.
    edge = 0.06 * np.exp(-(((wrapped - 0.18) / 0.16) ** 2))
    light = ambient * np.array([0.99, 0.97, 1.02]) + directed * wrapped[:, None] * tint * 0.66
    light += edge[:, None] * np.array([1.0, 0.1, 0.0])
    light += (0.22 * nuisance.contrast * (cosine.clip(0, 1) ** 24))[:, None]
    table = np.concatenate([light, np.ones((256, 1))], axis=1) * 128
    return table.clip(0, 255).astype(np.uint8)[:, None, :]


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
    for _ in range(_STEPS):
        z = cv2.remap(relief, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        u = cv2.addWeighted(u, 1 - _DAMPING, cv2.addWeighted(flat_u, 1, z, -drift_u, 0), _DAMPING, 0)
        v = cv2.addWeighted(v, 1 - _DAMPING, cv2.addWeighted(flat_v, 1, z, -drift_v, 0), _DAMPING, 0)
    ratio = canvas_size / relief.shape[0]
    shape = (image_size, image_size)
    columns = cv2.resize(u, shape, interpolation=cv2.INTER_LINEAR) * np.float32(ratio) + np.float32(
        0.5 * ratio - 0.5
    )
    rows = cv2.resize(v, shape, interpolation=cv2.INTER_LINEAR) * np.float32(ratio) + np.float32(
        0.5 * ratio - 0.5
    )
    return columns, rows
