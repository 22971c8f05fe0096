"""The images whose activations give int8 its ranges."""

import numpy as np

_JUDGE_EVERY = 4
_FEWEST_IMAGES = 16


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


def ranging_and_judging(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images that give ranges, and every fourth, which gives none and judges what comes of them.

    Of a single image there is nothing to keep back: it does both.
    """
    judging = images[::_JUDGE_EVERY]
    return (np.delete(images, np.s_[::_JUDGE_EVERY], axis=0) if len(images) > 1 else images), judging


def calibration_choices(images: np.ndarray) -> list[np.ndarray]:
    """Returns the sets of images that ranges may come from: all, and each third where that leaves enough.

    More images are not always better: a range that goes from the smallest value to the largest keeps every
    outlier, which makes all steps coarser.
    """
    thirds = np.array_split(images, 3) if len(images) >= 3 * _FEWEST_IMAGES else []
    return [images, *thirds]
