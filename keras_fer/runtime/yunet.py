"""Face detection by YuNet, run by OpenCV, from a model file that the user names."""

import math
import os
from pathlib import Path

import numpy as np

from keras_fer.errors import FERError
from keras_fer.runtime.faces import Face
from keras_fer.runtime.opencv import opencv
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.shrinking import shrunk

_SAME_FACE = 0.3
_MOST_FACES = 1000
# Where BlazeFace puts the box of a face whose eyes and mouth are known, medians over 390 faces of FER2013:
# its side is the root of the sum of the squares of (eye to eye, eyes to mouth) over the first number, its
# centre lies the second one's share of the way from between the eyes to the mouth.
_DIAGONAL = 0.626
_TO_MOUTH = 0.47


class YuNet:
    """A `FaceDetector` for faces from ten pixels, also turned ones.

    YuNet's own boxes reach from the hair to the chin and are higher than wide. So that the crop does
    not depend on the detector, the face box is made from its eye and mouth points instead.
    Pictures of more than 1280 pixels are shrunk before.
    Reference: Wu et al. 2023, "YuNet: A Tiny Millisecond-level Face Detector", doi 10.1007/s11633-023-1423-y.

    Args:
        path: the file `face_detection_yunet_*.onnx` of OpenCV's model zoo.
        min_score: faces with a lower score, 0 to 1, are not reported.

    Raises:
        FERError: if OpenCV is missing or older than 4.5.4, or the file is not this model.
    """

    def __init__(self, path: str | os.PathLike, min_score: float = 0.7) -> None:
        self._cv2 = opencv("The YuNet detector")
        if not hasattr(self._cv2, "FaceDetectorYN"):
            raise FERError(
                "The YuNet detector needs OpenCV 4.5.4 or newer, "
                f"and this is {self._cv2.__version__}. Update it."
            )
        if not Path(path).is_file():
            raise FERError(f"There is no YuNet model {str(path)!r}.")
        try:
            self._detector = self._cv2.FaceDetectorYN.create(
                str(path), "", (320, 320), min_score, _SAME_FACE, _MOST_FACES
            )
            # Another net is opened without complaint and fails at its first picture.
            self._rows(np.zeros((320, 320, 3), np.uint8))
        except (self._cv2.error, SystemError) as error:
            reason = " ".join(str(error).split())
            raise FERError(f"The file {str(path)!r} is not a YuNet model: {reason}") from error

    def detect(self, image: np.ndarray) -> list[Face]:
        """Returns the faces in a picture, uint8 RGB `(height, width, 3)`, in any order."""
        picture, scale = shrunk(image)
        return [_face(row, scale) for row in self._rows(picture)]

    def _rows(self, picture: np.ndarray) -> np.ndarray:
        """Returns what YuNet says: box, five points and score per row, shape `(n, 15)`."""
        self._detector.setInputSize((picture.shape[1], picture.shape[0]))
        _, rows = self._detector.detect(self._cv2.cvtColor(picture, self._cv2.COLOR_RGB2BGR))
        return np.empty((0, 15), np.float32) if rows is None else rows


def _face(row: np.ndarray, scale: float) -> Face:
    """Returns a row of YuNet as a `Face`; only boxes and points depend on `scale`."""
    numbers = [float(number) / scale for number in row[4:14]]
    right_eye, left_eye, nose, right_corner, left_corner = zip(numbers[::2], numbers[1::2], strict=True)
    mouth = _middle(right_corner, left_corner)
    points = {"right_eye": right_eye, "left_eye": left_eye, "nose": nose, "mouth": mouth}
    return Face(_box_of_points(right_eye, left_eye, mouth), float(row[14]), points)


def _box_of_points(
    right_eye: tuple[float, float], left_eye: tuple[float, float], mouth: tuple[float, float]
) -> Box:
    """Returns the face box that belongs to the points of a face."""
    eyes = _middle(right_eye, left_eye)
    half = max(math.hypot(math.dist(right_eye, left_eye), math.dist(eyes, mouth)) / _DIAGONAL / 2, 0.5)
    center_x, center_y = (eye + _TO_MOUTH * (lip - eye) for eye, lip in zip(eyes, mouth, strict=True))
    return Box(center_x - half, center_y - half, center_x + half, center_y + half)


def _middle(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    """Returns the point half way between two."""
    return (first[0] + second[0]) / 2, (first[1] + second[1]) / 2
