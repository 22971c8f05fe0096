"""A window for pictures, where there is a display."""

import os
import sys

import numpy as np

from keras_fer.errors import FERError
from keras_fer.runtime.opencv import opencv

_KEYS_TO_STOP = (27, ord("q"))
_TITLE = "keras-fer"


class Window:
    """Shows pictures; to be used in a `with` statement.

    Raises:
        FERError: if there is no display, or OpenCV is missing or was built without windows.
    """

    def __init__(self) -> None:
        # Without a display some builds of OpenCV end the whole process.
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise FERError("There is no display to show a window on; write pictures by --annotate instead.")
        self._cv2 = opencv("A window")
        try:
            self._cv2.namedWindow(_TITLE, self._cv2.WINDOW_NORMAL)
        except self._cv2.error:
            raise FERError(
                "This OpenCV was built without windows: install opencv-python in the place of "
                "opencv-python-headless, or write pictures by --annotate."
            ) from None

    def __enter__(self) -> "Window":
        return self

    def __exit__(self, *error: object) -> None:
        self._cv2.destroyWindow(_TITLE)

    def show(self, image: np.ndarray, wait: bool = False) -> bool:
        """Shows a picture, uint8 RGB; returns False once the user has pressed q or escape.

        Args:
            image: uint8 RGB `(height, width, 3)`.
            wait: whether to wait for a key.
        """
        self._cv2.imshow(_TITLE, self._cv2.cvtColor(image, self._cv2.COLOR_RGB2BGR))
        return self._cv2.waitKey(0 if wait else 1) & 0xFF not in _KEYS_TO_STOP
