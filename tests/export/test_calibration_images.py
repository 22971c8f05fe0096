import numpy as np
import pytest

from keras_fer.export.calibration_images import require_calibration_images


@pytest.mark.parametrize(
    "images",
    [None, np.zeros((0, 16, 16, 3), np.uint8), np.zeros((2, 16, 16, 3)), np.zeros((2, 8, 8, 3), np.uint8)],
)
def test_int8_needs_calibration_images(images):
    with pytest.raises(ValueError, match=r"needs calibration images, uint8 \(n, 16, 16, 3\)"):
        require_calibration_images(images, 16)
