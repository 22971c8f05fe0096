"""Verifies an exported file by numbers, against the Keras model that it came from."""

import hashlib
import os
import zipfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, float32_classifier
from keras_fer.export.metadata import expected_metadata, read_metadata
from keras_fer.export.recipes import Recipe
from keras_fer.export.tflite_graph import read_graph
from keras_fer.runtime.model_file import read_contract

_BYTES_PER_WEIGHT = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class Limits:
    """What a file must keep to; the numbers compare it with the Keras model on the same images.

    Args:
        float32_difference: largest difference of any probability, for `float32`.
        float16_difference: the same for `float16`.
        agreement: smallest share of images with the same answer, for int8 files.
        accuracy_loss: largest loss of accuracy, as a share (0.01 is one point), where labels are known.
    """

    float32_difference: float = 1e-4
    float16_difference: float = 1e-2
    agreement: float = 0.97
    accuracy_loss: float = 0.01


@dataclass(frozen=True)
class Check:
    """One comparison.

    Args:
        name: what is compared.
        value: what was found.
        rule: `"at most"`, `"at least"` or `"equal to"`.
        limit: what it is compared with.
        passed: whether it holds; what is not a number never does.
    """

    name: str
    value: Any
    rule: str
    limit: Any
    passed: bool

    def __str__(self) -> str:
        return f"{self.name} is {_readable(self.value)}, must be {self.rule} {_readable(self.limit)}"


@dataclass(frozen=True)
class FileReport:
    """What is known of one exported file.

    Args:
        file: its name.
        recipe: how it was converted.
        size_bytes: of the file.
        sha256: of the file.
        num_constants: numbers that are stored in it.
        operators: how often each kind of operator occurs.
        num_images: on how many images it was compared.
        max_difference: largest difference of any probability from the Keras model's.
        mean_difference: mean of these differences.
        agreement: share of images with the same answer as the Keras model, 0 to 1.
        accuracy: on the labelled images, 0 to 1; None if there are none.
        keras_accuracy: of the Keras model on the same images.
        checks: every comparison with its limit.
        median_ms: wall time per image, one thread; see `keras_fer.runtime.latency`.
        min_ms: the shortest.
        cpu_ms: mean CPU time per image.
    """

    file: str
    recipe: str
    size_bytes: int
    sha256: str
    num_constants: int
    operators: dict[str, int]
    num_images: int
    max_difference: float
    mean_difference: float
    agreement: float
    accuracy: float | None
    keras_accuracy: float | None
    checks: tuple[Check, ...]
    median_ms: float | None = None
    min_ms: float | None = None
    cpu_ms: float | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def with_latency(self, median_ms: float, min_ms: float, cpu_ms: float) -> "FileReport":
        """Returns the report with measured times, milliseconds."""
        return replace(self, median_ms=median_ms, min_ms=min_ms, cpu_ms=cpu_ms)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain JSON types; a number that is not finite becomes None."""
        return _plain({**asdict(self), "passed": self.passed})


@dataclass(frozen=True)
class Reference:
    """What the Keras model answers, the measure of every file.

    Args:
        images: uint8 `(n, size, size, 3)`.
        labels: int64 `(n,)`, positions in the label names, −1 where unknown.
        probabilities: float64 `(n, K)`.
        num_parameters: numbers in the classifier.
    """

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    num_parameters: int


def reference(
    classifier: Any, contract: ModelContract, images: np.ndarray, labels: np.ndarray | None = None
) -> Reference:
    """Asks the Keras model, in float32 and with the temperature of the contract.

    Args:
        classifier: functional `keras.Model` to logits, see `deploy_model`.
        contract: with size and temperature.
        images: uint8 `(n, size, size, 3)`, at least one.
        labels: int `(n,)`, −1 where unknown; None if all are.

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
    # In pieces, since all of them in float32 would need four times their memory.
    logits = np.concatenate(
        [
            model.predict_on_batch(images[start : start + 128].astype(np.float32))
            for start in range(0, len(images), 128)
        ]
    )
    scaled = np.asarray(logits, np.float64) / contract.temperature
    if not np.isfinite(scaled).all():
        raise FERError("The Keras model gives values that are not finite, so there is nothing to export.")
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    return Reference(images, np.asarray(labels, np.int64), probabilities, classifier.count_params())


def verify(
    path: str | os.PathLike,
    recipe: Recipe,
    contract: ModelContract,
    expected: Reference,
    limits: Limits | None = None,
) -> FileReport:
    """Compares one exported file with the Keras model.

    Args:
        path: the `.tflite` file.
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
    graph = read_graph(content)
    probabilities, interface = _answers(content, expected.images)
    differences = np.abs(probabilities - expected.probabilities)
    answers = expected.probabilities.argmax(axis=1)
    agreement = float((probabilities.argmax(axis=1) == answers).mean())
    accuracy = _accuracy(probabilities, expected.labels)
    keras_accuracy = _accuracy(expected.probabilities, expected.labels)
    largest = float(differences.max())
    checks = [
        *_structure_checks(path, content, recipe, contract, interface),
        *_size_checks(len(content), graph.num_constants, recipe, expected.num_parameters),
        *_probability_checks(probabilities),
        _difference_check(recipe, limits, largest, agreement),
    ]
    if accuracy is not None and keras_accuracy is not None:
        # Rounded, since 0.64 − 0.63 is a little more than 0.01.
        loss = round(keras_accuracy - accuracy, 9)
        checks.append(_at_most("loss of accuracy", loss, limits.accuracy_loss))
    return FileReport(
        file=path.name,
        recipe=recipe.name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        num_constants=graph.num_constants,
        operators=graph.histogram,
        num_images=len(expected.images),
        max_difference=largest,
        mean_difference=float(differences.mean()),
        agreement=agreement,
        accuracy=accuracy,
        keras_accuracy=keras_accuracy,
        checks=tuple(checks),
    )


def _answers(content: bytes, images: np.ndarray) -> tuple[np.ndarray, tuple]:
    """Runs a file; returns float64 probabilities `(n, K)` and names, types and shapes of its ends."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for image in images:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(target["index"])[0].astype(np.float64))
    ends = tuple(
        (tensor["name"], np.dtype(tensor["dtype"]).name, tuple(int(size) for size in tensor["shape"]))
        for tensor in (*interpreter.get_input_details(), *interpreter.get_output_details())
    )
    return np.stack(rows), ends


def _accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns the share of right answers among the images with a label; None if there are none."""
    known = labels >= 0
    return float((probabilities.argmax(axis=1) == labels)[known].mean()) if known.any() else None


def _structure_checks(
    path: Path, content: bytes, recipe: Recipe, contract: ModelContract, interface: tuple
) -> list[Check]:
    """Checks what a program reads before it runs the model."""
    size = contract.image_size
    wanted = (
        (INPUT_NAME, recipe.input_dtype, (1, size, size, 3)),
        (OUTPUT_NAME, "float32", (1, len(contract.label_names))),
    )
    try:
        metadata: Any = read_metadata(content)
    except (ValueError, KeyError, zipfile.BadZipFile, FERError) as error:
        metadata = str(error)
    try:
        stored: Any = read_contract(path)
    except FERError as error:
        stored = str(error)
    return [
        Check("interface", interface, "equal to", wanted, interface == wanted),
        _same("metadata", metadata, expected_metadata(contract)),
        _same("contract", stored, contract),
    ]


def _size_checks(size_bytes: int, num_constants: int, recipe: Recipe, num_parameters: int) -> list[Check]:
    """Checks that nothing is in the file that only training needs, and that weights are small.

    Folding batch normalisation removes numbers, and a convolution without bias gains one; scales of
    int8 channels and names take room.
    """
    largest = int(1.5 * num_parameters * _BYTES_PER_WEIGHT[recipe.weight_dtype]) + 2**16
    return [
        _at_most("number of constants", num_constants, int(1.05 * num_parameters) + 512),
        _at_most("size in bytes", size_bytes, largest),
    ]


def _probability_checks(probabilities: np.ndarray) -> list[Check]:
    """Checks that the answers are probabilities at all."""
    return [
        _at_least("share of finite probabilities", float(np.isfinite(probabilities).mean()), 1.0),
        _at_most("distance of sums from 1", float(np.abs(probabilities.sum(axis=1) - 1).max()), 1e-3),
    ]


def _difference_check(recipe: Recipe, limits: Limits, largest: float, agreement: float) -> Check:
    """Compares the answers with those of the Keras model, as closely as the recipe allows."""
    if recipe.weight_dtype == "int8":
        return _at_least("agreement", agreement, limits.agreement)
    limit = limits.float16_difference if recipe.weight_dtype == "float16" else limits.float32_difference
    return _at_most("largest difference of a probability", largest, limit)


def _at_most(name: str, value: float, limit: float) -> Check:
    return Check(name, value, "at most", limit, bool(value <= limit))


def _at_least(name: str, value: float, limit: float) -> Check:
    return Check(name, value, "at least", limit, bool(value >= limit))


def _same(name: str, found: Any, expected: Any) -> Check:
    if found == expected:
        return Check(name, "as written", "equal to", "as written", True)
    return Check(name, str(found), "equal to", str(expected), False)


def _readable(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Returns JSON types; JSON knows neither NaN nor infinity."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
