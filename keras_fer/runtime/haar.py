"""Face detection by the Haar cascade that OpenCV 4 brings along: no file to get, but few turned faces."""

from pathlib import Path
from types import ModuleType

import numpy as np

from keras_fer.errors import FERError
from keras_fer.runtime.faces import Face
from keras_fer.runtime.opencv import opencv
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.shrinking import shrunk

_PACKAGE = '"opencv-python-headless<5"'
_FILE = "haarcascade_frontalface_default.xml"
# Where OpenCV of a Linux distribution keeps its cascades.
_SYSTEM_FOLDERS = (Path("/usr/share/opencv4/haarcascades"), Path("/usr/local/share/opencv4/haarcascades"))
_SCALE_STEP, _MIN_NEIGHBORS, _MIN_SIZE = 1.1, 5, 24
# The cascade's squares against the boxes of BlazeFace, medians over 310 faces of FER2013 that both find.
_LARGER = 1.13
_HIGHER = 0.09


class HaarFace:
    """A `FaceDetector` for upright faces that look at the camera; it tells neither eyes nor scores.

    Pictures of more than 1280 pixels are shrunk before.

    Raises:
        FERError: if OpenCV is missing, or has no cascades, as OpenCV 5.
    """

    def __init__(self) -> None:
        self._cv2 = opencv("The Haar detector", _PACKAGE)
        file = cascade_file(self._cv2)
        if file is None:
            raise FERError(
                f"The Haar detector is a part of OpenCV 4, and this is OpenCV {self._cv2.__version__}. "
                f"Get it by `pip install {_PACKAGE}`."
            )
        self._cascade = self._cv2.CascadeClassifier(str(file))

    def detect(self, image: np.ndarray) -> list[Face]:
        """Returns the faces in a picture, uint8 RGB `(height, width, 3)`, in any order."""
        picture, scale = shrunk(image)
        gray = self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2GRAY)
        squares = self._cascade.detectMultiScale(
            gray, _SCALE_STEP, _MIN_NEIGHBORS, minSize=(_MIN_SIZE, _MIN_SIZE)
        )
        return [Face(_face_box(left, top, side, scale)) for left, top, side, _ in squares]


def cascade_file(cv2: ModuleType) -> Path | None:
    """Returns the file of the cascade; None where this OpenCV has none, or nothing to run it."""
    if not hasattr(cv2, "CascadeClassifier"):
        return None
    shipped = [Path(cv2.data.haarcascades)] if hasattr(cv2, "data") else []
    files = [folder / _FILE for folder in (*shipped, *_SYSTEM_FOLDERS)]
    return next((file for file in files if file.is_file()), None)


def _face_box(left: float, top: float, side: float, scale: float) -> Box:
    """Returns the face box that belongs to a square of the cascade in a picture shrunk by `scale`."""
    center_x, center_y, half = left + side / 2, top + side * (0.5 + _HIGHER), side / _LARGER / 2
    edges = (center_x - half, center_y - half, center_x + half, center_y + half)
    return Box(*(float(edge) / scale for edge in edges))
