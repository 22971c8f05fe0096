"""Which face of a frame is which of the frame before, and expressions that do not flicker."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_fer.runtime.faces import Face
from keras_fer.runtime.suppression import intersection_over_union

# A track and a face whose boxes have a smaller intersection over union are two persons.
MIN_OVERLAP = 0.25
# A track ends when more successive detections than these did not find it.
MOST_MISSED = 5


@dataclass
class Track:
    """One person over the frames of a video.

    Args:
        number: 1 for the first person seen, never given twice.
        face: where the person was seen last.
        missed: detections since then that did not find the person.
        probabilities: smoothed, shape `(num_expressions,)`; None before the first answer.
        time_s: of the last answer, seconds.
    """

    number: int
    face: Face
    missed: int = 0
    probabilities: np.ndarray | None = None
    time_s: float = 0.0

    def smooth(self, probabilities: np.ndarray, time_s: float, time_constant_s: float) -> np.ndarray:
        """Takes in the answer for a frame and returns the smoothed probabilities.

        With the seconds `dt` since the last answer and the time constant `tau`

            smoothed <- smoothed + (1 - exp(-dt / tau)) * (probabilities - smoothed)

        so a sudden change is seen by 63 % after `tau` seconds, whatever the frame rate.

        Args:
            probabilities: of this frame, shape `(num_expressions,)`.
            time_s: of this frame, seconds.
            time_constant_s: `tau`; 0 for no smoothing.
        """
        if self.probabilities is None or time_constant_s == 0:
            self.probabilities = probabilities
        else:
            share = -math.expm1(-max(time_s - self.time_s, 0.0) / time_constant_s)
            self.probabilities = self.probabilities + share * (probabilities - self.probabilities)
        self.time_s = time_s
        return self.probabilities


class FaceTracker:
    """Gives the faces of successive detections to tracks by the overlap of their boxes.

    Pairs of a track and a face are made greedily, those that overlap most first.

    Attributes:
        tracks: those that have not ended, oldest first.
    """

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._num_started = 0

    def update(self, faces: Sequence[Face]) -> list[Track]:
        """Takes in the faces of a frame.

        Args:
            faces: what the detector found.

        Returns:
            The track of each face, in the order of `faces`.
        """
        track_of = self._pairs(faces)
        for track in self.tracks:
            track.missed += 1
        found = []
        for position, face in enumerate(faces):
            track = track_of.get(position) or self._start(face)
            track.face, track.missed = face, 0
            found.append(track)
        self.tracks = [track for track in self.tracks if track.missed <= MOST_MISSED]
        return found

    def _start(self, face: Face) -> Track:
        """Begins a track."""
        self._num_started += 1
        track = Track(self._num_started, face)
        self.tracks.append(track)
        return track

    def _pairs(self, faces: Sequence[Face]) -> dict[int, Track]:
        """Returns the known track by position of a face."""
        if not faces or not self.tracks:
            return {}
        boxes = np.array([face.box for face in faces])
        overlaps = np.stack(
            [intersection_over_union(np.array(track.face.box), boxes) for track in self.tracks]
        )
        pairs: dict[int, Track] = {}
        taken = set()
        for flat in np.argsort(-overlaps, axis=None, kind="stable"):
            row, column = divmod(int(flat), len(faces))
            if overlaps[row, column] < MIN_OVERLAP:
                break
            if row not in taken and column not in pairs:
                taken.add(row)
                pairs[column] = self.tracks[row]
        return pairs
