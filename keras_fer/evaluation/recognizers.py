"""One interface for everything that recognises: Keras models and exported files."""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keras_fer.contract import ModelContract

_BATCH_SIZE = 128


class Recognizer(Protocol):
    """What can be evaluated; `ExpressionRecognizer`, `KerasRecognizer` and `MirroredRecognizer` are such."""

    @property
    def contract(self) -> ModelContract:
        """Labels and input of the model."""

    def recognize(self, images: np.ndarray) -> np.ndarray:
        """Returns probabilities `(n, K)` for uint8 images `(n, size, size, 3)`."""


class KerasRecognizer:
    """Recognises with a Keras model, with the temperature that its exported file would apply.

    Args:
        model: with the attributes `contract`, a `ModelContract`, and `classifier`, a `keras.Model` from
            float32 images `(batch, size, size, 3)` in [0, 255] to logits `(batch, K)`.
    """

    def __init__(self, model: Any) -> None:
        self.contract: ModelContract = model.contract
        self._classifier = model.classifier

    def recognize(self, images: np.ndarray) -> np.ndarray:
        """Returns probabilities, float64 `(n, K)`, for images `(n, size, size, 3)` in [0, 255]."""
        # Not at the top: an exported file is evaluated without SciPy.
        from scipy.special import softmax

        logits = self._classifier.predict(np.asarray(images, np.float32), batch_size=_BATCH_SIZE, verbose=0)
        scaled = np.asarray(logits, np.float64) / self.contract.temperature
        return softmax(scaled, axis=1)


class MirroredRecognizer:
    """Answers with the mean of the probabilities of each image and its mirror image, at twice the cost.

    Args:
        recognizer: what answers for both.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        self.contract = recognizer.contract
        self._recognizer = recognizer

    def recognize(self, images: np.ndarray) -> np.ndarray:
        """Returns probabilities `(n, K)` for images `(n, size, size, 3)` in [0, 255]."""
        return (self._recognizer.recognize(images) + self._recognizer.recognize(images[:, :, ::-1])) / 2


def open_recognizer(path: str | os.PathLike, num_threads: int = 1) -> Recognizer:
    """Opens a run folder, a `.keras` file or an exported `.tflite` file.

    Args:
        path: the model; only a name that ends in `.tflite` is taken for an exported file.
        num_threads: CPU threads of an exported file.

    Raises:
        FERError: if there is no model of this package at `path`.
    """
    if Path(path).suffix == ".tflite":
        from keras_fer.runtime.recognizer import ExpressionRecognizer

        return ExpressionRecognizer(path, num_threads=num_threads)
    from keras_fer.models.loading import load_model

    return KerasRecognizer(load_model(path))
