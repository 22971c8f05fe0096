"""The images whose activations give int8 its ranges."""

import numpy as np


def require_calibration_images(images: np.ndarray | None, size: int) -> np.ndarray:
    """Returns the images if int8 can be calibrated on them.

    Args:
        images: uint8 `(n, size, size, 3)`, n > 0.
        size: pixels.

    Raises:
        ValueError: if they are anything else.
    """
    if images is None or images.dtype != np.uint8 or images.shape[1:] != (size, size, 3) or not len(images):
        received = "none" if images is None else f"{images.dtype} {images.shape}"
        raise ValueError(
            f"int8 needs calibration images, uint8 (n, {size}, {size}, 3) with n > 0. Received: {received}"
        )
    return images
