"""Pictures of bounded size for detectors whose time grows with the picture."""

import numpy as np
from PIL import Image

LONGEST_SIDE = 1280


def shrunk(image: np.ndarray, longest_side: int = LONGEST_SIDE) -> tuple[np.ndarray, float]:
    """Shrinks a picture, uint8 `(height, width, 3)`, so that no side is longer than a limit in pixels.

    Returns:
        The picture, and by what its coordinates were multiplied, at most 1.
    """
    height, width = image.shape[:2]
    scale = longest_side / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(image), 1.0
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)), scale
