"""Chooses predictions to look at: right ones and wrong ones from every class."""

import base64
import io
from dataclasses import dataclass

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.evaluation.evaluate import EvaluatedPredictions, model_views


@dataclass(frozen=True, eq=False)
class Sample:
    """One prediction with its image.

    Args:
        image: uint8 `(height, width)` or `(height, width, channels)` with 1 or 3 channels.
        label: name of the class that the image has.
        prediction: name of the class that the model gives it.
        probability: of the prediction, in [0, 1].
    """

    image: np.ndarray
    label: str
    prediction: str
    probability: float

    def data_uri(self) -> str:
        """Returns the image as a PNG in a `data:` address."""
        from PIL import Image

        buffer = io.BytesIO()
        image = self.image[..., 0] if self.image.shape[2:] == (1,) else self.image
        Image.fromarray(image).save(buffer, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def choose_samples(
    predictions: EvaluatedPredictions, dataset: PreparedDataset, num_each: int = 16, seed: int = 0
) -> list[Sample]:
    """Chooses right and wrong predictions, taking the classes in turn.

    Right ones are drawn at random. Wrong ones are the most confident of their class, which shows wrong
    labels in the data as well as weaknesses of the model.

    Args:
        predictions: what `evaluate` returned for `dataset`.
        dataset: where the images are.
        num_each: right ones, and wrong ones, at most.
        seed: of the draw.
    """
    guesses = predictions.probabilities.argmax(axis=1)
    confidences = predictions.probabilities.max(axis=1)
    right = guesses == predictions.labels
    shuffled = np.random.default_rng(seed).permutation(len(guesses))
    confident = np.argsort(-confidences, kind="stable")
    rows = [
        *_in_turn(shuffled[right[shuffled]], predictions.labels, num_each),
        *_in_turn(confident[~right[confident]], predictions.labels, num_each),
    ]
    names = predictions.evaluation.label_names
    stored = dataset.images(predictions.indices[rows])
    images = model_views(stored, dataset.crop_size, dataset.crop_size)
    return [
        Sample(image, names[predictions.labels[row]], names[guesses[row]], float(confidences[row]))
        for image, row in zip(images, rows, strict=True)
    ]


def _in_turn(rows: np.ndarray, labels: np.ndarray, count: int) -> list[int]:
    """Takes the first row of each class, then the second of each, up to `count` rows."""
    queues = [rows[labels[rows] == label] for label in np.unique(labels[rows])]
    longest = max((len(queue) for queue in queues), default=0)
    turns = [int(queue[turn]) for turn in range(longest) for queue in queues if turn < len(queue)]
    return turns[:count]
