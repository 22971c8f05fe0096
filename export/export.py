"""Exports a classifier: converts, adds metadata, verifies, measures, and keeps the folder if all is well."""

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.atomic import atomic_folder
from keras_fer.contract import CONTRACT_FILE, ModelContract
from keras_fer.errors import FERError
from keras_fer.export.checks import Limits
from keras_fer.export.file_report import FileReport
from keras_fer.export.metadata import add_metadata
from keras_fer.export.onnx_conversion import convert_to_onnx
from keras_fer.export.onnx_file import OnnxRunner
from keras_fer.export.onnx_quantize import quantize_onnx
from keras_fer.export.recipes import DEFAULT_RECIPES, RECIPES, Recipe
from keras_fer.export.tflite_conversion import convert
from keras_fer.export.toolkit import Finetuning, finetuned
from keras_fer.export.verify import Reference, reference, verify
from keras_fer.runtime.latency import measure_latency, slower_than_float32
from keras_fer.runtime.memory import peak_memory
from keras_fer.runtime.model_file import LABELS_FILE

REPORT_FILE = "report.json"
_PACKAGES = ("keras-fer", "tensorflow", "keras", "ai-edge-litert", "flatbuffers", "numpy")
# In the words of TFLite and of ONNX.
_SWISH = {"HARD_SWISH", "LOGISTIC", "HardSwish", "HardSigmoid", "Sigmoid"}


@dataclass(frozen=True)
class ExportReport:
    """What an export made and what was found.

    Args:
        files: one report per file.
        contract: that every file carries.
        limits: that every file had to keep to.
        calibration: what int8 ranges come from.
        verification: what the files were compared on.
        versions: of the packages and the machine.
        num_parameters: numbers in the Keras classifier.
        warnings: sentences for the user, such as that int8 is slower.
    """

    files: tuple[FileReport, ...]
    contract: ModelContract
    limits: Limits
    calibration: Mapping[str, Any]
    verification: Mapping[str, Any]
    versions: Mapping[str, str]
    num_parameters: int
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every check of every file passed."""
        return all(file.passed for file in self.files)

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain JSON types."""
        return {
            "passed": self.passed,
            "files": [file.to_dict() for file in self.files],
            "contract": self.contract.to_dict(),
            "limits": asdict(self.limits),
            "calibration": dict(self.calibration),
            "verification": dict(self.verification),
            "num_parameters": self.num_parameters,
            "versions": dict(self.versions),
            "warnings": list(self.warnings),
        }

    def table(self) -> str:
        """Returns a table for the terminal: one row per file, then every failed check and warning."""
        width = max(len(file.file) for file in self.files)
        heading = f"{'file':<{width}}  size kB  max diff  agreement  accuracy    loss  median ms   min ms"
        lines = [f"{heading}  checks", *(_row(file, width) for file in self.files)]
        lines += [
            f"FAILED {file.file}: {check}."
            for file in self.files
            for check in file.checks
            if not check.passed
        ]
        return "\n".join([*lines, *(f"Warning: {sentence}" for sentence in self.warnings)])


class ExportFailedError(FERError):
    """A file does not keep to its limits; `report` has every number.

    Args:
        message: one sentence.
        report: of the export that failed.
    """

    def __init__(self, message: str, report: ExportReport) -> None:
        super().__init__(message)
        self.report = report


def export(
    classifier: Any,
    contract: ModelContract,
    output: str | os.PathLike,
    *,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    calibration_images: np.ndarray | None = None,
    training_images: np.ndarray | None = None,
    recipes: Sequence[Recipe] = DEFAULT_RECIPES,
    limits: Limits | None = None,
    calibration: Mapping[str, Any] | None = None,
    verification: Mapping[str, Any] | None = None,
    representation: bool = False,
    finetuning: Finetuning | None = None,
    progress: bool = False,
    keep_failed: bool = False,
    num_runs: int = 100,
    threads: Sequence[int] = (1,),
    measure_memory: bool = False,
    write_more: Callable[[Path, "ExportReport"], None] | None = None,
) -> ExportReport:
    """Exports a classifier to a new folder of verified files.

    The folder holds `<contract.name>_<recipe>.tflite` (`.onnx`) for each recipe, `labels.txt`,
    `contract.json` and `report.json`. It appears whole, or not at all.

    Args:
        classifier: functional `keras.Model` from images to logits, see `deploy_model`.
        contract: stored in every file.
        output: the folder, new.
        images: to compare Keras model and files on, uint8 `(n, size, size, 3)`, not used in training.
        labels: their labels, int `(n,)`, −1 where unknown; None if all are.
        calibration_images: uint8 `(n, size, size, 3)`, for recipes that need them.
        training_images: the same, for recipes that train further.
        recipes: what to export.
        limits: what the files must keep to.
        calibration: facts on the calibration images for the report, such as data set and split.
        verification: the same for `images`.
        representation: whether the files give the expression representation as a second output.
        finetuning: how recipes that train further do so.
        progress: whether those print a line per epoch.
        keep_failed: whether a folder with failed checks is kept.
        num_runs: latency measurements per file.
        threads: numbers of threads to measure with, fewest first.
        measure_memory: whether to run each file in a process of its own and read its peak memory.
        write_more: writes further files into the folder before it appears.

    Raises:
        ExportFailedError: if a check failed.
        FERError: if `output` is in use or the Keras model gives values that are not finite.
    """
    with atomic_folder(output) as folder:
        expected = reference(classifier, contract, images, labels, representation)
        report = ExportReport(
            files=(),
            contract=contract,
            limits=limits or Limits(),
            calibration={"num_images": _length(calibration_images), **(calibration or {})},
            verification={"num_images": len(images), **(verification or {})},
            versions=_versions(),
            num_parameters=expected.num_parameters,
            warnings=(),
        )
        material = _Material(
            classifier, calibration_images, training_images, representation, finetuning, progress
        )
        files = tuple(_write_models(folder, material, report, recipes, expected))
        report = _with_latencies(replace(report, files=files), folder, num_runs, threads)
        if measure_memory:
            report = _with_memory(report, folder)
        _write_beside(folder, report)
        if write_more is not None:
            write_more(folder, report)
        if not (report.passed or keep_failed):
            raise _failed(report, "nothing was kept")
    if not report.passed:
        raise _failed(report, f"see {REPORT_FILE} in {str(output)!r}")
    return report


@dataclass(frozen=True)
class _Material:
    """What files are made from."""

    classifier: Any
    calibration_images: np.ndarray | None
    training_images: np.ndarray | None
    representation: bool
    finetuning: Finetuning | None
    progress: bool

    def file(self, recipe: Recipe, contract: ModelContract) -> bytes:
        """Returns the content of the file of one recipe, with the contract in it."""
        if recipe.format == "onnx":
            model = convert_to_onnx(self.classifier, contract, self.representation)
            if recipe.needs_calibration:
                model = quantize_onnx(model, contract.image_size, self.calibration_images)
            return model
        if recipe.needs_training:
            model = finetuned(
                self.classifier,
                contract,
                recipe,
                self.training_images,
                self.representation,
                self.finetuning,
                self.progress,
            )
        else:
            model = convert(self.classifier, contract, recipe, self.calibration_images, self.representation)
        return add_metadata(model, contract)


def _write_models(
    folder: Path, material: _Material, report: ExportReport, recipes: Sequence[Recipe], expected: Reference
) -> Iterator[FileReport]:
    """Converts and verifies by one recipe after the other."""
    contract = report.contract
    for recipe in recipes:
        path = folder / recipe.file_name(contract.name)
        path.write_bytes(material.file(recipe, contract))
        yield verify(path, recipe, contract, expected, report.limits)


def _with_latencies(
    report: ExportReport, folder: Path, num_runs: int, threads: Sequence[int]
) -> ExportReport:
    """Adds measured times, and warnings where they or the files give reason to."""
    paths = [folder / file.file for file in report.files]
    rounds = [measure_latency(paths, count, num_runs, {".onnx": OnnxRunner}) for count in threads]
    files = tuple(
        file.with_latencies(latencies)
        for file, latencies in zip(report.files, zip(*rounds, strict=True), strict=True)
    )
    slower = [sentence for latencies in rounds for sentence in slower_than_float32(latencies)]
    return replace(report, files=files, warnings=(*_warnings(files), *slower))


def _with_memory(report: ExportReport, folder: Path) -> ExportReport:
    """Adds the peak memory of a process that runs each file, where it can be known."""
    files = tuple(replace(file, peak_memory_bytes=peak_memory(folder / file.file)) for file in report.files)
    return replace(report, files=files)


def _length(images: np.ndarray | None) -> int:
    return 0 if images is None else len(images)


def _write_beside(folder: Path, report: ExportReport) -> None:
    """Writes what belongs to all files."""
    labels = "".join(f"{name}\n" for name in report.contract.label_names)
    (folder / LABELS_FILE).write_text(labels, encoding="utf-8")
    (folder / CONTRACT_FILE).write_text(report.contract.to_json(), encoding="utf-8")
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / REPORT_FILE).write_text(text + "\n", encoding="utf-8")


def _failed(report: ExportReport, consequence: str) -> ExportFailedError:
    failed = [file.file for file in report.files if not file.passed]
    return ExportFailedError(f"The export failed its checks ({', '.join(failed)}): {consequence}.", report)


def _versions() -> dict[str, str]:
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    return {**machine, **{name: version(name) for name in _PACKAGES}}


def _warnings(files: Sequence[FileReport]) -> list[str]:
    """Says where int8 is asked of a net that is poor in it, and what could not be checked."""
    sentences = [
        f"{file.file}: this net uses {', '.join(sorted(_SWISH & set(file.operators)))}, whose outliers "
        "can cost accuracy in int8; nets with ReLU lose little."
        for file in files
        if RECIPES[file.recipe].int8_activations and _SWISH & set(file.operators)
    ]
    if any(file.accuracy is None for file in files):
        sentences.append("No image has a label that the model knows, so the loss of accuracy is not checked.")
    return sentences


def _row(file: FileReport, width: int) -> str:
    accuracy = loss = "-"
    if file.accuracy is not None and file.keras_accuracy is not None:
        accuracy, loss = f"{file.accuracy:.2%}", f"{100 * (file.keras_accuracy - file.accuracy):+.2f}"
    times = [f"{value:.3f}" if value is not None else "-" for value in (file.median_ms, file.min_ms)]
    return (
        f"{file.file:<{width}}  {file.size_bytes / 1000:7.0f}  {file.max_difference:8.1e}  "
        f"{file.agreement:9.2%}  {accuracy:>8}  {loss:>6}  {times[0]:>9}  {times[1]:>7}  "
        f"{'passed' if file.passed else 'FAILED'}"
    )
