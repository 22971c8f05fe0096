"""Faces in a picture: what every detector returns, whichever method finds them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from keras_fer.runtime.preprocessing import Box


@dataclass(frozen=True)
class Face:
    """One face in a picture.

    All detectors of this package mean the same by a face box, that of BlazeFace: nearly square, from the
    middle of the forehead to the chin. Otherwise the crop, and with it the answer, would depend on
    the detector.

    Args:
        box: left, top, right, bottom in pixels of the picture; it may reach outside.
        score: how sure the detector is, 0 to 1; 1 where it does not say.
        keypoints: x and y in pixels by name, `right_eye` and `left_eye` (as the person says it: the right eye
            lies left in the picture), `mouth` (its centre), and what else the detector tells; may be empty.
    """

    box: Box
    score: float = 1.0
    keypoints: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def roll(self) -> float:
        """How far the head is turned clockwise in the picture, degrees in (-180, 180]; 0 without eyes."""
        if not {"right_eye", "left_eye"} <= set(self.keypoints):
            return 0.0
        (right_x, right_y), (left_x, left_y) = self.keypoints["right_eye"], self.keypoints["left_eye"]
        return math.degrees(math.atan2(left_y - right_y, left_x - right_x))


class FaceDetector(Protocol):
    """Finds faces in pictures; one detector serves one thread at a time."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """Returns the faces in a picture, uint8 RGB `(height, width, 3)`, in any order."""


def left_to_right(faces: Iterable[Face]) -> list[Face]:
    """Sorts faces by the centre of their box, from left to right."""
    return sorted(faces, key=lambda face: face.box.left + face.box.right)
