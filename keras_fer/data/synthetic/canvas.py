"""The frontal canvas on which faces are painted: coordinates, masks and soft noise."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

ORIGIN = (-1.5, -1.62)
EXTENT = 3.0


@dataclass(frozen=True)
class Canvas:
    """A square canvas over the face coordinates `[-1.5, 1.5] x [-1.62, 1.38]`.

    Args:
        size: pixels per side.
        x: float32 `(size, size)`, face coordinate of every pixel centre, right.
        y: float32 `(size, size)`, down.
    """

    size: int
    x: np.ndarray
    y: np.ndarray

    @property
    def scale(self) -> float:
        """Pixels per unit of face coordinates."""
        return self.size / EXTENT

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Face coordinates to sixteenths of a pixel, int32, as OpenCV draws them with `shift=4`."""
        return np.rint((points - ORIGIN) * (16 * self.scale) - 8).astype(np.int32)

    def polygon(self, points: np.ndarray, blur: float = 0.0) -> np.ndarray:
        """Coverage of a polygon in face coordinates, float32 `(size, size)` in [0, 1].

        Args:
            points: `(n, 2)`.
            blur: standard deviation of a softening, in face units.
        """
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [self.to_pixels(points)], 255, cv2.LINE_AA, 4)
        soft = mask.astype(np.float32) * np.float32(1 / 255)
        return self.blur(soft, blur) if blur else soft

    def blur(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """Gaussian blur with a standard deviation in face units."""
        return cv2.GaussianBlur(image, (0, 0), max(0.3, sigma * self.scale), borderType=cv2.BORDER_REPLICATE)

    def bump(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """A Gaussian hill, float32 `(size, size)`, 1 at the top."""
        across = np.exp(-(((self.x[:1] - x) / width) ** 2))
        return across * np.exp(-(((self.y[:, :1] - y) / height) ** 2))

    def pair_of_bumps(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """Two Gaussian hills at x and −x."""
        across = np.exp(-(((self.x[:1] - x) / width) ** 2)) + np.exp(-(((self.x[:1] + x) / width) ** 2))
        return across * np.exp(-(((self.y[:, :1] - y) / height) ** 2))

    def noise(self, rng: np.random.Generator, cells_x: int, cells_y: int) -> np.ndarray:
        """Smooth noise with about that many cells per side, float32 `(size, size)` in [0, 1]."""
        cells = rng.random((cells_y + 2, cells_x + 2)).astype(np.float32)
        return cv2.resize(cells, (self.size, self.size), interpolation=cv2.INTER_CUBIC).clip(0, 1)


@lru_cache(maxsize=4)
def canvas(size: int) -> Canvas:
    """The canvas of a size, with its coordinates worked out once."""
    steps = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(EXTENT / size)
    x, y = np.meshgrid(steps + np.float32(ORIGIN[0]), steps + np.float32(ORIGIN[1]))
    return Canvas(size, x, y)


def closed_curve(points: np.ndarray, samples: int = 5) -> np.ndarray:
    """A Catmull-Rom curve through closed control points.

    Args:
        points: `(n, 2)`.
        samples: points per segment.
    """
    before, after, beyond = np.roll(points, 1, 0), np.roll(points, -1, 0), np.roll(points, -2, 0)
    t = (np.arange(samples) / samples)[:, None, None]
    curve = 0.5 * (
        2 * points
        + (after - before) * t
        + (2 * before - 5 * points + 4 * after - beyond) * t**2
        + (3 * points - before - 3 * after + beyond) * t**3
    )
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def mirrored(right: np.ndarray) -> np.ndarray:
    """Completes the right half of an outline, from top to bottom, with its mirror image."""
    left = right[::-1].copy()
    left[:, 0] *= -1
    inner = left[(left[:, 0] != 0)]
    return np.concatenate([right, inner])


def blend(base: np.ndarray, colour: np.ndarray, mask: np.ndarray) -> None:
    """Paints a colour, or an image of colours, over `base` in place where `mask` is set."""
    base += (np.asarray(colour, np.float32) - base) * mask[..., None]
