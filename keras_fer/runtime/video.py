"""Videos and cameras, one frame at a time, through OpenCV."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_fer.atomic import atomic_file, require_parent
from keras_fer.errors import FERError
from keras_fer.runtime.opencv import opencv

VIDEO_SUFFIXES = frozenset(
    (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv")
)
# What can be written, with the codec that every OpenCV has for it.
WRITTEN_SUFFIXES = {".avi": "MJPG", ".mkv": "mp4v", ".mp4": "mp4v"}
# Where a file or camera does not state a credible one.
_USUAL_FRAME_RATE = 25.0
_LARGEST_FRAME_RATE = 1000.0


class Frame(NamedTuple):
    """A frame of a video: its number from 0, when it is shown or was taken, and uint8 RGB pixels."""

    number: int
    time_s: float
    image: np.ndarray


class VideoSource:
    """The frames of a video file or a camera, read one by one; to be used in a `with` statement.

    Args:
        source: a file, or the number of a camera, 0 for the first.

    Attributes:
        name: of the file, or `camera:0`.
        frame_rate: frames per second that the source states.

    Raises:
        FERError: if OpenCV is missing, or there is no such video or camera.
    """

    def __init__(self, source: str | Path | int) -> None:
        self._is_camera = isinstance(source, int)
        self.name = f"camera:{source}" if self._is_camera else str(source)
        self._cv2 = opencv(f"Reading {self.name!r}")
        if not self._is_camera and not Path(str(source)).is_file():
            raise FERError(f"There is no video {self.name!r}.")
        self._capture = self._cv2.VideoCapture(source if self._is_camera else str(source))
        if not self._capture.isOpened():
            self._capture.release()
            raise FERError(
                f"There is no camera number {source}, or another program uses it; the first one is camera:0."
                if self._is_camera
                else f"The file {self.name!r} is not a video that OpenCV can read."
            )
        if self._is_camera:
            # A slow model shall see the newest frame, not the oldest one in the queue.
            self._capture.set(self._cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(self._cv2.CAP_PROP_FPS)
        self.frame_rate = rate if 0 < rate <= _LARGEST_FRAME_RATE else _USUAL_FRAME_RATE

    def __enter__(self) -> "VideoSource":
        return self

    def __exit__(self, *error: object) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames that are left; time runs by the frame rate, that of a camera by the clock.

        Raises:
            FERError: if not a single frame can be read.
        """
        start, number = time.monotonic(), 0
        while True:
            whole, pixels = self._capture.read()
            if not whole:
                break
            time_s = time.monotonic() - start if self._is_camera else number / self.frame_rate
            yield Frame(number, time_s, self._cv2.cvtColor(pixels, self._cv2.COLOR_BGR2RGB))
            number += 1
        if number == 0:
            raise FERError(f"{self.name!r} gives no frame that can be read.")


class VideoFile:
    """A video being written; `video_file` makes one."""

    def __init__(self, cv2: Any, path: Path, name: str, frame_rate: float) -> None:
        self._cv2, self._path, self._name, self._frame_rate = cv2, path, name, frame_rate
        self._writer: Any = None
        self._size = (0, 0)
        self._num_frames = 0

    def write(self, image: np.ndarray, time_s: float) -> None:
        """Adds a frame, repeated or left out so that the video runs at the speed of `time_s`.

        Args:
            image: uint8 RGB `(height, width, 3)`, of one size for the whole video.
            time_s: when it is shown, seconds from the beginning.

        Raises:
            FERError: if OpenCV cannot write such a video.
            ValueError: if the size changed.
        """
        size = (image.shape[1], image.shape[0])
        if self._writer is None:
            self._size = size
            codec = self._cv2.VideoWriter_fourcc(*WRITTEN_SUFFIXES[self._path.suffix.lower()])
            self._writer = self._cv2.VideoWriter(str(self._path), codec, self._frame_rate, size)
            if not self._writer.isOpened():
                raise FERError(f"This OpenCV cannot write the video {self._name!r}; try the suffix .avi.")
        if size != self._size:
            raise ValueError(f"The frames of a video have one size, {self._size}. Received: {size}")
        pixels = self._cv2.cvtColor(image, self._cv2.COLOR_RGB2BGR)
        for _ in range(math.floor(time_s * self._frame_rate + 0.5) + 1 - self._num_frames):
            self._writer.write(pixels)
            self._num_frames += 1

    def close(self) -> None:
        """Finishes the file."""
        if self._writer is not None:
            self._writer.release()


@contextmanager
def video_file(path: str | Path, frame_rate: float) -> Iterator[VideoFile]:
    """Yields a video to write frames to; the file appears when the `with` block ends without an error.

    Args:
        path: with one of the suffixes in `WRITTEN_SUFFIXES`.
        frame_rate: frames per second.

    Raises:
        FERError: if OpenCV is missing, the suffix is another one, or the folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITTEN_SUFFIXES:
        raise FERError(f"A video is written to {', '.join(WRITTEN_SUFFIXES)}; the name is {str(path)!r}.")
    require_parent(path, "the video")
    cv2 = opencv(f"Writing {str(path)!r}")
    with atomic_file(path) as temporary:
        video = VideoFile(cv2, temporary, str(path), frame_rate)
        try:
            yield video
        finally:
            video.close()
