"""Learning from other models' answers beside the labels (knowledge distillation, arXiv 1503.02531).

The teachers answer once for each training image, as it is and mirrored, before training starts; then they
are not needed any more. Where labels are noisy, as those of FER2013, their mean tells the student which
of the other classes an image resembles.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.recognizers import Recognizer, open_recognizer
from keras_fer.evaluation.restriction import shared_classes

# A class that a teacher rules out still has a logarithm.
_SMALLEST_PROBABILITY = 1e-8


def distilled(
    dataset: PreparedDataset,
    teachers: Sequence[str],
    share: float,
    temperature: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> PreparedDataset:
    """Returns the data set with soft labels for training: (1 − share) · label + share · teachers' mean.

    A teacher's probabilities p over the classes of the data set become p^(1/T) / Σ p^(1/T), which is its
    softmax at temperature T. Labels are matched by name; what a teacher gives to other classes is shared
    among those of the data set in proportion. Images without a label and the other splits are not taught.

    Args:
        dataset: a prepared data set.
        teachers: run folders, `.keras` or exported `.tflite` files; their mean teaches.
        share: of the teachers, from 0 to 1.
        temperature: T > 0; above 1 evens the teachers' answers out.
        progress: called with the number of images done and to do, over all teachers.

    Raises:
        FERError: if a teacher is no model of this package, or lacks a class of the data set.
    """
    rows = dataset.indices("train")
    rows = rows[dataset.labels[rows] >= 0]
    answers = np.zeros((len(rows), len(dataset.label_names)))
    for position, teacher in enumerate(teachers):
        recognizer = open_recognizer(teacher)

        def done(number: int, earlier: int = position * len(rows)) -> None:
            if progress is not None:
                progress(earlier + number, len(teachers) * len(rows))

        answers += _answers(recognizer, teacher, dataset, rows, temperature, done) / len(teachers)
    labels = _label_distributions(dataset)
    labels[rows] = (1 - share) * labels[rows] + share * answers
    return replace(dataset, soft_labels=labels.astype(np.float32))


def _label_distributions(dataset: PreparedDataset) -> np.ndarray:
    """The soft labels where there are any, else the labels one-hot; zeros, no target, without a label."""
    if dataset.soft_labels is not None:
        return dataset.soft_labels.astype(np.float64)
    return (dataset.labels[:, None] == np.arange(len(dataset.label_names))).astype(np.float64)


def _answers(
    recognizer: Recognizer,
    teacher: str,
    dataset: PreparedDataset,
    rows: np.ndarray,
    temperature: float,
    done: Callable[[int], None],
) -> np.ndarray:
    """Probabilities `(rows, K)` in the order of the data set's classes, mean over image and mirror image."""
    names = recognizer.contract.label_names
    shared = shared_classes(names, dataset.label_names)
    if shared.left_out:
        raise FERError(
            f"The teacher {teacher!r} does not know {', '.join(shared.left_out)}. A teacher knows every "
            f"class of the data set; this one knows {', '.join(names)}."
        )
    probabilities = []
    for views in view_batches(dataset, rows, recognizer.contract.image_size):
        mirrored = recognizer.recognize(views[:, :, ::-1])
        probabilities.append((recognizer.recognize(views) + mirrored) / 2)
        done(sum(map(len, probabilities)))
    softened = np.maximum(np.concatenate(probabilities), _SMALLEST_PROBABILITY) ** (1 / temperature)
    known = softened[:, shared.label_ids]
    return known / known.sum(axis=1, keepdims=True)
