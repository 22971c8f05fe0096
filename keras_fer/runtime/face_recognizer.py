"""From a picture to the expression of each face in it: detect, crop as the model wants it, recognise."""

import os
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from keras_fer.runtime.faces import Face, FaceDetector, left_to_right
from keras_fer.runtime.images import load_image
from keras_fer.runtime.preprocessing import Box, face_crop
from keras_fer.runtime.recognizer import ExpressionRecognizer, Prediction


class FaceExpressionRecognizer:
    """An `ExpressionRecognizer` behind a face detector.

    Args:
        recognizer: the model; its contract says how a face is cropped.
        detector: any `FaceDetector`, as `face_detector` builds one; None if every image is the crop of one
            face.

    Example:
        >>> recognizer = FaceExpressionRecognizer(ExpressionRecognizer("model.tflite"), face_detector())
        >>> for face, prediction in recognizer.recognize(load_image("photo.jpg")):
        ...     print(face.box, prediction.expression)
    """

    def __init__(self, recognizer: ExpressionRecognizer, detector: FaceDetector | None) -> None:
        self.recognizer = recognizer
        self.detector = detector

    def recognize(self, image: np.ndarray) -> list[tuple[Face, Prediction]]:
        """Returns the faces of a picture with their expressions, from left to right.

        Args:
            image: uint8 RGB `(height, width, 3)`.

        Returns:
            An empty list where no face was found.

        Raises:
            FERError: if the model's answers are no probabilities.
            ValueError: if `image` is no such array.
        """
        return self._predictions(image, "")

    def recognize_file(self, path: str | os.PathLike) -> list[tuple[Face, Prediction]]:
        """Recognises the expressions in one image file, as `recognize` does.

        Raises:
            FERError: if the file is no image that can be read; the message names it.
        """
        return self._predictions(load_image(path), path)

    def recognize_files(self, paths: Iterable[str | os.PathLike]) -> Iterator[list[tuple[Face, Prediction]]]:
        """Yields one list per file, in order; raises `FERError` at the first that is no image."""
        for path in paths:
            yield self.recognize_file(path)

    def detect(self, image: np.ndarray) -> list[Face]:
        """Returns the faces of a picture, from left to right; without a detector one that fills it."""
        height, width = image.shape[:2]
        if self.detector is None:
            return [Face(Box(0, 0, width, height))]
        faces = left_to_right(self.detector.detect(image))
        return [face for face in faces if _overlaps(face.box, width, height)]

    def probabilities(self, image: np.ndarray, faces: Sequence[Face]) -> np.ndarray:
        """Returns the probabilities of the expressions of known faces.

        Args:
            image: uint8 RGB `(height, width, 3)`.
            faces: faces in it; without a detector the whole image is the crop of each.

        Returns:
            float32 array `(len(faces), num_expressions)`.
        """
        return self.recognizer.recognize([self._crop(image, face) for face in faces])

    def _predictions(self, image: np.ndarray, path: str | os.PathLike) -> list[tuple[Face, Prediction]]:
        """Recognises every face of a picture that was read from `path`."""
        faces = self.detect(image)
        rows = self.probabilities(image, faces)
        return [(face, self.recognizer.prediction(row, path)) for face, row in zip(faces, rows, strict=True)]

    def _crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Cuts out a face as the contract says."""
        contract = self.recognizer.contract
        if self.detector is None:
            return face_crop(image, None, contract.image_size)
        roll = face.roll if contract.align_roll else 0.0
        return face_crop(
            image, face.box, contract.image_size, contract.crop_margin, contract.crop_shift, roll
        )


def _overlaps(box: Box, width: int, height: int) -> bool:
    """Whether a part of a box lies in a picture; detectors may place one wholly outside."""
    return box.left < width and box.top < height and box.right > 0 and box.bottom > 0
