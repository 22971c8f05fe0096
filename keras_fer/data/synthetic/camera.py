"""From a figure before a background to a photograph: object before the face, blur, tone, noise."""

from functools import lru_cache

import cv2
import numpy as np

from keras_fer.data.luma import LUMA
from keras_fer.data.synthetic.canvas import closed_curve
from keras_fer.data.synthetic.nuisance import Nuisance

_NOISE_SIZE = 512
# Grey level above which bright pictures are rolled off.
_KNEE = 150
_GREY = np.array([LUMA] * 3, np.float32)


@lru_cache(maxsize=256)
def background(number: int, size: int) -> np.ndarray:
    """One of the backgrounds, uint8 `(size, size, 3)`: soft rooms, skies, walls and stripes."""
    rng = np.random.default_rng([2, number])
    tones = rng.uniform(30, 225, (2, 3)) * 0.4 + rng.uniform(30, 225, (2, 1)) * 0.6
    down = np.linspace(0, 1, size)[:, None, None]
    picture = np.broadcast_to(tones[0] + (tones[1] - tones[0]) * down, (size, size, 3)).astype(np.float32)
    across, along = np.meshgrid(np.arange(size) / size, np.arange(size) / size)
    kind = number % 4
    if kind == 1:
        angle, frequency = rng.uniform(0, np.pi), rng.uniform(2, 7)
        wave = np.sin(2 * np.pi * frequency * (across * np.cos(angle) + along * np.sin(angle)))
        picture += (22 * np.tanh(2 * wave))[..., None].astype(np.float32)
    elif kind == 2:
        for _ in range(9):
            x, y, radius = rng.uniform((0, 0, 0.05), (1, 1, 0.2)).tolist()
            disc = 1 / (1 + np.exp((np.hypot(across - x, along - y) - radius) * 60))
            picture += (disc[..., None] * rng.uniform(-40, 40, 3)).astype(np.float32)
    elif kind == 3:
        cells = rng.uniform(-40, 40, (int(rng.integers(3, 9)), int(rng.integers(3, 9)), 3)).astype(np.float32)
        picture += cv2.resize(cells, (size, size), interpolation=cv2.INTER_LINEAR)
    picture = cv2.GaussianBlur(picture, (0, 0), max(0.5, 0.012 * size))
    return picture.clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _noise_bank() -> np.ndarray:
    """Standard normal noise in 32nds, int16 `(512, 512, 3)`."""
    values = np.random.default_rng(3).standard_normal((_NOISE_SIZE, _NOISE_SIZE, 3))
    return np.rint(values * 32).astype(np.int16)


def composite(figure: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Lays a figure, uint8 `(size, size, 4)`, over a background, uint8 `(size, size, 3)`."""
    share = figure[..., 3:].astype(np.uint16)
    return ((figure[..., :3] * share + behind * (255 - share) + 127) // 255).astype(np.uint8)


def occlude(image: np.ndarray, nuisance: Nuisance) -> np.ndarray:
    """Puts an object before the face, in place; returns its coverage, bool `(size, size)`."""
    size = image.shape[0]
    rng = np.random.default_rng([4, nuisance.seed])
    angles = np.linspace(0, 2 * np.pi, 7, endpoint=False) + rng.uniform(0, 2 * np.pi)
    radii = 0.5 * nuisance.occlusion * size * rng.uniform(0.75, 1.2, 7)
    stretch = np.array([rng.uniform(0.7, 1.0), rng.uniform(0.9, 1.4)])
    centre = size * (0.5 + rng.uniform(-0.28, 0.28, 2))
    points = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None] * stretch
    shape = [np.rint(closed_curve(points) * 16 - 8).astype(np.int32)]
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, shape, 255, cv2.LINE_AA, 4)
    tones = rng.uniform(20, 235, (2, 3))
    thing = tones[0] + (tones[1] - tones[0]) * np.linspace(0, 1, size)[:, None, None]
    share = mask[..., None] / 255.0
    image[:] = np.rint(image * (1 - share) + thing * share).astype(np.uint8)
    return mask > 127


def tone_curve(exposure: float, gamma: float) -> np.ndarray:
    """Grey levels after exposure and gamma, uint8 `(256,)`; what is too bright is rolled off, not cut."""
    tones = (np.arange(256) / 255) ** gamma * (255 * exposure)
    brightest, room = 255 * exposure - _KNEE, 255 - _KNEE
    if brightest > room:
        share = ((tones - _KNEE) / brightest).clip(0, 1)
        tones = np.minimum(tones, _KNEE) + room * (1 - (1 - share) ** (brightest / room))
    return np.rint(tones).astype(np.uint8)


def photograph(image: np.ndarray, nuisance: Nuisance) -> np.ndarray:
    """Blur, colour, tone curve and noise of the camera.

    Args:
        image: uint8 `(size, size, 3)`.
        nuisance: what the camera does.

    Returns:
        uint8 `(size, size, 3)`.
    """
    size = image.shape[0]
    sigma = nuisance.blur * size / 1000
    if sigma > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    if nuisance.grey:
        image = cv2.transform(image, _GREY)
    image = cv2.LUT(image, tone_curve(nuisance.exposure, nuisance.gamma))
    if nuisance.noise > 0.3:
        room = _NOISE_SIZE - size
        row, column = nuisance.seed % max(room, 1), nuisance.seed // 1009 % max(room, 1)
        noise = _noise_bank()[row : row + size, column : column + size]
        if nuisance.grey:
            noise = cv2.merge((noise[..., 0],) * 3)
        image = cv2.addWeighted(image, 1, noise, nuisance.noise / 32, 0, dtype=cv2.CV_8U)
    return image
