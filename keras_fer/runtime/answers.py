"""Photos, videos and cameras to answers, one picture at a time."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.images import load_image
from keras_fer.runtime.sources import Source
from keras_fer.runtime.video import VideoSource
from keras_fer.runtime.video_recognizer import TrackedFace, VideoExpressionRecognizer


class Answer(NamedTuple):
    """What was recognised in one picture.

    Args:
        source: where the picture comes from.
        image: uint8 RGB `(height, width, 3)`, upright.
        faces: from left to right; in a photo the track is the position from 1.
        frame: number of the frame from 0; None for a photo.
        time_s: of the frame, seconds; 0 for a photo.
        frame_rate: frames per second that the video or camera states; 0 for a photo.
    """

    source: Source
    image: np.ndarray
    faces: list[TrackedFace]
    frame: int | None = None
    time_s: float = 0.0
    frame_rate: float = 0.0


def photo_answer(source: Source, recognizer: FaceExpressionRecognizer) -> Answer:
    """Recognises the faces of a photo.

    Raises:
        FERError: if the file is no image that can be read.
    """
    image = load_image(source.name)
    faces = recognizer.detect(image)
    rows = recognizer.probabilities(image, faces)
    return Answer(
        source,
        image,
        [
            TrackedFace(face, recognizer.recognizer.prediction(row, source.name), position)
            for position, (face, row) in enumerate(zip(faces, rows, strict=True), start=1)
        ],
    )


def frame_answers(
    source: Source,
    recognizer: FaceExpressionRecognizer,
    detect_every: int = 1,
    smoothing_s: float = 0.5,
    num_frames: int | None = None,
) -> Iterator[Answer]:
    """Yields an answer for each frame of a video or camera; only one frame is in memory.

    Args:
        source: a video or camera.
        recognizer: finds and recognises faces.
        detect_every: as in `VideoExpressionRecognizer`.
        smoothing_s: as in `VideoExpressionRecognizer`.
        num_frames: stop after so many; None for all, of a camera for ever.

    Raises:
        FERError: if there is no such video or camera, or OpenCV is missing.
    """
    persons = VideoExpressionRecognizer(recognizer, detect_every, smoothing_s)
    with VideoSource(source.camera if source.kind == "camera" else source.name) as video:
        for number, time_s, image in islice(video, num_frames):
            faces = persons.recognize(image, time_s, source.name)
            yield Answer(source, image, faces, number, time_s, video.frame_rate)
