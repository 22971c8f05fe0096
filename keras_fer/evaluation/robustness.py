"""How much a model's answers depend on how the face was cropped, turned and resized."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import EvaluatedPredictions, model_views
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.evaluation.plain_json import plain
from keras_fer.evaluation.recognizers import Recognizer
from keras_fer.evaluation.restriction import kept_shares
from keras_fer.runtime.preprocessing import Box, face_crop


@dataclass(frozen=True)
class Condition:
    """One way to look at the same face otherwise than the model's contract says.

    Args:
        name: `crop +15 %`, say.
        scale: side of the square that is cut, as a multiple of the right one.
        roll: degrees by which the square is turned clockwise around its centre.
        resize_filter: name of a filter in the place of the right one; empty for that.
    """

    name: str
    scale: float = 1.0
    roll: float = 0.0
    resize_filter: str = ""


CONDITIONS = (
    Condition("crop -15 %", scale=0.85),
    Condition("crop +15 %", scale=1.15),
    Condition("tilt -10°", roll=-10.0),
    Condition("tilt +10°", roll=10.0),
    Condition("filter bilinear", resize_filter="bilinear"),
    Condition("filter nearest", resize_filter="nearest"),
    Condition("filter box", resize_filter="box"),
    Condition("filter bicubic", resize_filter="bicubic"),
    Condition("filter lanczos", resize_filter="lanczos"),
)
# All of these average when they shrink. What most programs call bilinear does not: `_bilinear`.
_AVERAGING_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class ConditionScores:
    """How a model fares under one condition, on the images on which it was evaluated. Intervals are 95 %.

    Args:
        name: of the condition.
        accuracy: share of right predictions, with its Wilson interval.
        accuracy_change: minus the accuracy on the right crops.
        changed: share of images whose prediction differs from that on the right crop, with its Wilson
            interval.
    """

    name: str
    accuracy: float
    accuracy_interval: Interval
    accuracy_change: float
    changed: float
    changed_interval: Interval


@dataclass(frozen=True)
class Robustness:
    """Scores under every condition that the data set allows.

    Args:
        num_images: images judged.
        accuracy: on the right crops.
        conditions: one entry per condition, in the order of `CONDITIONS`.
        notes: what a reader must know beside the numbers.
    """

    num_images: int
    accuracy: float
    conditions: tuple[ConditionScores, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain JSON types."""
        return plain({**vars(self), "conditions": [vars(row) for row in self.conditions]})


def changed_views(images: np.ndarray, crop_size: int, image_size: int, condition: Condition) -> np.ndarray:
    """Returns what a model sees of stored images under a condition.

    With no change (`Condition("")`) these are the `model_views`. What a larger or turned square brings in is
    taken from the stored margin; beyond the stored image its border is repeated.

    Args:
        images: uint8 `(n, height, width, channels)`, 1 or 3 channels.
        crop_size: side of the right centre square, stored pixels.
        image_size: side of the result, pixels.
        condition: what is changed.

    Returns:
        uint8 `(n, image_size, image_size, 3)`.
    """
    if condition.resize_filter:
        squares = model_views(images, crop_size, crop_size)
        return np.stack([_filtered(square, image_size, condition.resize_filter) for square in squares])
    # As `model_views` cuts: the odd pixel of a margin goes to the bottom and right.
    top, left = (images.shape[1] - crop_size) // 2, (images.shape[2] - crop_size) // 2
    box = Box(left, top, left + crop_size, top + crop_size)
    margin = (condition.scale - 1) / 2
    views = np.stack([face_crop(image, box, image_size, margin, 0.0, condition.roll) for image in images])
    return np.repeat(views, 3, axis=3) if views.shape[3] == 1 else views


def _filtered(square: np.ndarray, size: int, name: str) -> np.ndarray:
    """Resizes uint8 `(side, side, 3)` with a filter that the contract does not name."""
    picture = Image.fromarray(square)
    if name == "bilinear":
        return np.array(_bilinear(picture, size))
    return np.array(picture.resize((size, size), _AVERAGING_FILTERS[name]))


def _bilinear(picture: Image.Image, size: int) -> Image.Image:
    """Interpolates between the four nearest pixels, as OpenCV and Android do, also where it shrinks."""
    scale = picture.width / size
    return picture.transform(
        (size, size),
        Image.Transform.AFFINE,
        (scale, 0, 0, 0, scale, 0),
        Image.Resampling.BILINEAR,
    )


def robustness(
    recognizer: Recognizer,
    dataset: PreparedDataset,
    evaluated: EvaluatedPredictions,
    conditions: Sequence[Condition] = CONDITIONS,
    batch_size: int = 512,
    progress: Callable[[int, int], None] | None = None,
) -> Robustness:
    """Measures how a model's answers change with the crop, the tilt and the resize filter.

    Other programs crop a little larger, do not turn the face, or resize otherwise than the model was
    trained for. The number to look at is the share of changed predictions: an accuracy can stay the same
    while many answers change.

    Args:
        recognizer: the model.
        dataset: the data set on which it was evaluated.
        evaluated: what `evaluate` returned for the two; the same images are judged on the same classes.
        conditions: what to change.
        batch_size: images that are held in memory at a time.
        progress: called with the number of images done and to do, over all conditions.

    Raises:
        FERError: if the model gives values that are not finite.
    """
    image_size, notes = recognizer.contract.image_size, []
    if dataset.crop_size == image_size:
        conditions = [condition for condition in conditions if not condition.resize_filter]
        notes.append(
            f"No other resize filters: the stored crops have the {image_size} pixels of the model's input."
        )
    if min(dataset.image_shape[:2]) < max((c.scale for c in conditions), default=1.0) * dataset.crop_size:
        notes.append("Larger and turned crops repeat the border: the stored images have little or no margin.")
    predictions = evaluated.probabilities.argmax(axis=1)
    right = predictions == evaluated.labels
    accuracy = float(right.mean())
    count, rows = len(right), []
    for number, condition in enumerate(conditions):
        answers: list[np.ndarray] = []
        for probabilities in _answers(recognizer, dataset, evaluated, condition, batch_size):
            answers.append(probabilities.argmax(axis=1))
            if progress is not None:
                progress(number * count + sum(map(len, answers)), len(conditions) * count)
        answer = np.concatenate(answers)
        num_right, num_changed = int((answer == evaluated.labels).sum()), int((answer != predictions).sum())
        rows.append(
            ConditionScores(
                name=condition.name,
                accuracy=num_right / count,
                accuracy_interval=wilson_interval(num_right, count),
                accuracy_change=num_right / count - accuracy,
                changed=num_changed / count,
                changed_interval=wilson_interval(num_changed, count),
            )
        )
    return Robustness(count, accuracy, tuple(rows), tuple(notes))


def _answers(
    recognizer: Recognizer,
    dataset: PreparedDataset,
    evaluated: EvaluatedPredictions,
    condition: Condition,
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yields probabilities over the judged classes, a batch at a time."""
    names, kept = recognizer.contract.label_names, evaluated.evaluation.label_names
    for start in range(0, len(evaluated.indices), batch_size):
        images = dataset.images(evaluated.indices[start : start + batch_size])
        views = changed_views(images, dataset.crop_size, recognizer.contract.image_size, condition)
        probabilities = np.asarray(recognizer.recognize(views), np.float64)
        if not np.isfinite(probabilities).all():
            raise FERError("The model gives values that are not finite: it is damaged or was trained to NaN.")
        yield kept_shares(probabilities, names, kept)
