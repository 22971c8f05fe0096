"""Expressions over the frames of a video: who is who, without flicker, the detector not on every frame."""

from typing import NamedTuple

import numpy as np

from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.recognizer import Prediction
from keras_fer.runtime.tracking import FaceTracker, Track


class TrackedFace(NamedTuple):
    """A face in a frame, its smoothed expression, and the number of the person, from 1."""

    face: Face
    prediction: Prediction
    track: int


class VideoExpressionRecognizer:
    """A `FaceExpressionRecognizer` for the frames of one video, in order; memory does not grow with them.

    A face that the last detection did not find is not reported, but keeps its number and its smoothed
    probabilities for a few detections. Between detections every known face is recognised anew in its box.

    Args:
        recognizer: finds and recognises faces.
        detect_every: the detector runs on the first of each so many frames, at least 1.
        smoothing_s: time constant of the smoothing, seconds, see `Track.smooth`; 0 for none.
    """

    def __init__(
        self, recognizer: FaceExpressionRecognizer, detect_every: int = 1, smoothing_s: float = 0.5
    ) -> None:
        if detect_every < 1 or smoothing_s < 0:
            raise ValueError(
                "`detect_every` is at least 1 and `smoothing_s` at least 0. "
                f"Received: detect_every={detect_every}, smoothing_s={smoothing_s}"
            )
        self._recognizer = recognizer
        self._detect_every = detect_every
        self._smoothing_s = smoothing_s
        self._tracker = FaceTracker()
        self._present: list[Track] = []
        self._num_frames = 0

    def recognize(self, image: np.ndarray, time_s: float, path: str = "") -> list[TrackedFace]:
        """Returns the faces of the next frame with their expressions, from left to right.

        Args:
            image: uint8 RGB `(height, width, 3)`.
            time_s: when it was taken, seconds from any origin, not before the frame before.
            path: what the predictions name as their file.
        """
        if self._num_frames % self._detect_every == 0:
            self._present = self._tracker.update(self._recognizer.detect(image))
        self._num_frames += 1
        faces = [track.face for track in self._present]
        answers = []
        for track, row in zip(self._present, self._recognizer.probabilities(image, faces), strict=True):
            smoothed = track.smooth(row, time_s, self._smoothing_s)
            prediction = self._recognizer.recognizer.prediction(smoothed, path)
            answers.append(TrackedFace(track.face, prediction, track.number))
        return answers
