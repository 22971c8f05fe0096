"""How close pictures are: peak signal-to-noise ratio and structural similarity."""

import numpy as np

# Pictures lie in [−1, 1].
_RANGE = 2.0
# Of two equal pictures the ratio is infinite, which no mean survives.
LARGEST_PSNR_DB = 100.0
# SSIM compares windows of 11 pixels; smaller pictures take smaller windows.
_LARGEST_WINDOW = 11


def psnr_db(pictures: np.ndarray, targets: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
    """Returns 10 · log10(4 / mean squared error) of each picture, decibels, at most 100.

    Args:
        pictures: float `(n, height, width, channels)` in [−1, 1].
        targets: as `pictures`.
        where: bool `(n, height, width)`, pixels that count; None for all.

    Returns:
        float64 `(n,)`; NaN where no pixel counts.
    """
    errors = np.square(np.asarray(pictures, np.float64) - np.asarray(targets, np.float64)).mean(axis=3)
    counts = np.ones_like(errors) if where is None else np.asarray(where, np.float64)
    totals = counts.sum(axis=(1, 2))
    means = (errors * counts).sum(axis=(1, 2)) / np.where(totals > 0, totals, 1)
    smallest = _RANGE**2 / 10 ** (LARGEST_PSNR_DB / 10)
    return np.where(totals > 0, 10 * np.log10(_RANGE**2 / np.maximum(means, smallest)), np.nan)


def ssim(pictures: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the structural similarity of each picture with its target, float64 `(n,)`, 1 for equal ones.

    Args:
        pictures: float `(n, height, width, channels)` in [−1, 1].
        targets: as `pictures`.

    Reference:
        Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
        structural similarity", IEEE Transactions on Image Processing 13 (4), 2004.
    """
    import tensorflow as tf

    window = min(_LARGEST_WINDOW, *pictures.shape[1:3])
    # The measure compares brightness, so its values must start at 0: about 0 their signs would count.
    levels = [tf.cast(values, tf.float32) + 1.0 for values in (pictures, targets)]
    values = tf.image.ssim(*levels, _RANGE, filter_size=window)
    return np.asarray(values, np.float64)
