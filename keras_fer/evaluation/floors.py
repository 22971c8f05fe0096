"""What representations tell without having learned anything: the floors that a leak is compared with."""

import random
from typing import Any

import numpy as np

PIXELS = "pixels"
PIXEL_GRID = 16  # rows and columns of the pixel floor


def untrained_model(model: Any, seed: int = 0) -> Any:
    """Builds a model of the same architecture with random weights, the same for the same seed.

    Args:
        model: a `keras.Model` with `get_config` and `from_config`.
        seed: of the weights. The random state of Python and NumPy is left as it was.
    """
    import keras

    python_state, numpy_state = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        # An initialiser without a seed of its own draws one from Python's generator.
        keras.utils.set_random_seed(seed)
        return type(model).from_config(model.get_config())
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002


def pixel_representation(images: np.ndarray) -> dict[str, np.ndarray]:
    """Gray pixels, averaged over areas to 16 × 16: what any picture gives away by itself.

    Args:
        images: uint8 `(n, height, width, 3)`.

    Returns:
        `{"pixels": float32 (n, 256)}` in [0, 1].
    """
    from PIL import Image

    size = (PIXEL_GRID, PIXEL_GRID)
    small = [
        np.asarray(Image.fromarray(image).convert("L").resize(size, Image.Resampling.BOX)) for image in images
    ]
    return {PIXELS: np.stack(small).reshape(len(images), -1).astype(np.float32) / 255}
