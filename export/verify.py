"""Verifies an exported file by numbers, against the Keras model that it came from."""

import gzip
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.special import softmax

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.export.checks import Check, Limits, at_least, at_most
from keras_fer.export.deploy import float32_classifier, with_representation
from keras_fer.export.file_report import FileReport
from keras_fer.export.recipes import Recipe

_BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "int8": 1}
_SAME_REPRESENTATION = 0.9999


class ExportedFile(Protocol):
    """A file that was opened to be verified; `TfliteFile` and `OnnxFile` are such."""

    operators: dict[str, int]
    num_constants: int
    num_partitions: int | None

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns probabilities and representations for uint8 images, float64."""

    def checks(self, contract: ModelContract, recipe: Recipe, representation_size: int | None) -> list[Check]:
        """Checks what a program reads before it runs the model."""


@dataclass(frozen=True)
class Reference:
    """What the Keras model answers, the measure of every file.

    Args:
        images: uint8 `(n, size, size, 3)`.
        labels: int64 `(n,)`, positions in the label names, −1 where unknown.
        probabilities: float64 `(n, K)`.
        num_parameters: numbers in the classifier.
        representations: float64 `(n, d)`; None if they are not exported.
    """

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    num_parameters: int
    representations: np.ndarray | None = None


def reference(
    classifier: Any,
    contract: ModelContract,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    representation: bool = False,
) -> Reference:
    """Asks the Keras model, in float32 and with the temperature of the contract.

    Args:
        classifier: functional `keras.Model` to logits, see `deploy_model`.
        contract: with size and temperature.
        images: uint8 `(n, size, size, 3)`, at least one.
        labels: int `(n,)`, −1 where unknown; None if all are.
        representation: whether to ask for the expression representation as well.

    Raises:
        FERError: if an answer is not finite.
        ValueError: if there are no images or they have another shape.
    """
    size = contract.image_size
    if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3) or len(images) == 0:
        raise ValueError(
            f"Verification needs images, uint8 (n, {size}, {size}, 3) with n > 0. "
            f"Received: {images.dtype} {images.shape}"
        )
    if labels is None:
        labels = np.full(len(images), -1, np.int64)
    model = float32_classifier(classifier)
    logits, *representations = _ask(with_representation(model) if representation else model, images)
    if not np.isfinite(logits).all():
        raise FERError("The Keras model gives values that are not finite, so there is nothing to export.")
    return Reference(
        images,
        np.asarray(labels, np.int64),
        softmax(logits / contract.temperature, axis=1),
        classifier.count_params(),
        *representations,
    )


def _ask(model: Any, images: np.ndarray) -> list[np.ndarray]:
    """Returns each output of a Keras model, float64."""
    # In pieces, since all of them in float32 would need four times their memory.
    pieces = [
        model.predict_on_batch(images[start : start + 128].astype(np.float32))
        for start in range(0, len(images), 128)
    ]
    if not isinstance(pieces[0], list):
        pieces = [[piece] for piece in pieces]
    return [np.concatenate(part).astype(np.float64) for part in zip(*pieces, strict=True)]


def verify(
    path: str | os.PathLike,
    recipe: Recipe,
    contract: ModelContract,
    expected: Reference,
    limits: Limits | None = None,
) -> FileReport:
    """Compares one exported file with the Keras model.

    Args:
        path: the file.
        recipe: how it was converted.
        contract: what it must carry.
        expected: the answers of the Keras model.
        limits: what it must keep to.

    Returns:
        Every number, with the limits and whether they are kept.
    """
    limits = limits or Limits()
    path = Path(path)
    content = path.read_bytes()
    file = _open(path)
    probabilities, representations = file.answers(expected.images)
    differences = np.abs(probabilities - expected.probabilities)
    answers = probabilities.argmax(axis=1)
    hits = _known(answers == expected.labels, expected.labels)
    keras_hits = _known(expected.probabilities.argmax(axis=1) == expected.labels, expected.labels)
    wanted = expected.representations
    similarity = None if wanted is None else _similarity(representations, wanted)
    report = FileReport(
        file=path.name,
        recipe=recipe.name,
        size_bytes=len(content),
        compressed_bytes=len(gzip.compress(content, 9, mtime=0)),
        sha256=hashlib.sha256(content).hexdigest(),
        num_constants=file.num_constants,
        operators=file.operators,
        num_partitions=file.num_partitions,
        num_images=len(expected.images),
        max_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        agreement=float((answers == expected.probabilities.argmax(axis=1)).mean()),
        accuracy=float(hits.mean()) if len(hits) else None,
        accuracy_interval=wilson_interval(int(hits.sum()), len(hits)) if len(hits) else None,
        keras_accuracy=float(keras_hits.mean()) if len(hits) else None,
        class_recalls=_class_recalls(answers, expected, contract.label_names),
        representation_similarity=similarity,
        checks=(
            *file.checks(contract, recipe, None if wanted is None else wanted.shape[1]),
            *_size_checks(len(content), file.num_constants, recipe, expected.num_parameters),
            *_probability_checks(probabilities, recipe),
        ),
    )
    return _with_checks(report, _answer_checks(report, recipe, limits))


def _open(path: Path) -> ExportedFile:
    if path.suffix == ".onnx":
        from keras_fer.export.onnx_file import OnnxFile

        return OnnxFile(path)
    from keras_fer.export.tflite_file import TfliteFile

    return TfliteFile(path)


def _with_checks(report: FileReport, checks: Sequence[Check]) -> FileReport:
    return replace(report, checks=(*report.checks, *checks))


def _known(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the values of images with a label."""
    return values[labels >= 0]


def _class_recalls(
    answers: np.ndarray, expected: Reference, label_names: Sequence[str]
) -> dict[str, tuple[int, float, float]]:
    """Returns number of images, recall of the Keras model and of the file, by name of the class."""
    keras_answers = expected.probabilities.argmax(axis=1)
    recalls = {}
    for position, name in enumerate(label_names):
        members = expected.labels == position
        if members.any():
            keras_recall = float((keras_answers[members] == position).mean())
            recalls[name] = (int(members.sum()), keras_recall, float((answers[members] == position).mean()))
    return recalls


def _similarity(found: np.ndarray | None, expected: np.ndarray) -> float:
    """Returns the mean cosine between rows; NaN where there is nothing of that width to compare."""
    if found is None or found.shape != expected.shape:
        return float("nan")
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    products = (found * expected).sum(axis=1)
    # Two rows of zeros, all units of a ReLU at rest, are equal.
    both_zero = ~(found.any(axis=1) | expected.any(axis=1))
    return float(np.where(both_zero, 1.0, products / np.where(norms > 0, norms, 1.0)).mean())


def _size_checks(size_bytes: int, num_constants: int, recipe: Recipe, num_parameters: int) -> list[Check]:
    """Checks that nothing is in the file that only training needs, and that weights are small.

    Folding batch normalisation removes numbers, and a convolution without bias gains one; scales of
    int8 channels and names take room.
    """
    largest = int(1.5 * num_parameters * _BYTES_PER_WEIGHT[recipe.weight_dtype]) + 2**16
    return [
        at_most("number of constants", num_constants, int(1.05 * num_parameters) + 512),
        at_most("size in bytes", size_bytes, largest),
    ]


def _probability_checks(probabilities: np.ndarray, recipe: Recipe) -> list[Check]:
    """Checks that the answers are probabilities at all; each of K may be rounded by half a step of 1/256."""
    largest = probabilities.shape[1] / 512 if recipe.int8_answers else 1e-3
    return [
        at_least("share of finite probabilities", float(np.isfinite(probabilities).mean()), 1.0),
        at_most("distance of sums from 1", float(np.abs(probabilities.sum(axis=1) - 1).max()), largest),
    ]


def _answer_checks(report: FileReport, recipe: Recipe, limits: Limits) -> list[Check]:
    """Compares the answers with those of the Keras model, as closely as the recipe allows."""
    if recipe.same_weights:
        half = recipe.weight_dtype == "float16"
        limit = limits.float16_difference if half else limits.float32_difference
        checks = [at_most("largest difference of a probability", report.max_difference, limit)]
    else:
        checks = [at_least("agreement", report.agreement, limits.agreement)]
    if report.representation_similarity is not None:
        limit = _SAME_REPRESENTATION if recipe.same_weights else limits.representation_similarity
        name = "similarity of the representation"
        checks.append(at_least(name, report.representation_similarity, limit))
    if report.accuracy_loss is not None:
        checks.append(at_most("loss of accuracy", report.accuracy_loss, limits.accuracy_loss))
    return checks
