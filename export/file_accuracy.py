"""How often exported files are right, without TensorFlow."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedDataset
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.export.dataset_images import image_sample


@dataclass(frozen=True)
class FileAccuracy:
    """What a file answers on images of a data set.

    Args:
        accuracy: share of right answers among the labelled images, 0 to 1; NaN if there are none.
        interval: 95 % Wilson interval of it.
        answers: int64 `(n,)`, the most probable label of each image.
    """

    accuracy: float
    interval: Interval
    answers: np.ndarray


def file_accuracy(path: str | os.PathLike, dataset: PreparedDataset, num_images: int) -> FileAccuracy:
    """Asks a file about images of the test split, or of the validation split if there is none.

    Args:
        path: `.tflite` or `.onnx` file that `keras-fer export` wrote.
        dataset: prepared data set; labels are matched by name.
        num_images: at most so many, drawn at random, the same for all files of one contract.

    Raises:
        FERError: if the file cannot be used or both splits are empty.
    """
    contract, ask = _opened(Path(path))
    sample = image_sample(dataset, contract, ("test", "validation"), num_images)
    answers = ask(sample.images).argmax(axis=1)
    hits = (answers == sample.labels)[sample.labels >= 0]
    accuracy = float(hits.mean()) if len(hits) else float("nan")
    return FileAccuracy(accuracy, wilson_interval(int(hits.sum()), len(hits)), answers)


def _opened(path: Path) -> tuple[ModelContract, Any]:
    """Returns the contract of a file and a function from images to probabilities."""
    if path.suffix == ".onnx":
        from keras_fer.export.onnx_file import OnnxFile

        file = OnnxFile(path)
        return file.contract, lambda images: file.answers(images)[0]
    from keras_fer.runtime.recognizer import ExpressionRecognizer

    recognizer = ExpressionRecognizer(path)
    return recognizer.contract, recognizer.recognize
