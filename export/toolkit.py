"""Trains a model further for int8, pruning or clustering, with the model optimisation toolkit."""

import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.deploy import float32_classifier
from keras_fer.export.onnx_conversion import require_packages
from keras_fer.export.recipes import Recipe
from keras_fer.export.toolkit_process import CLASSIFIER_FILE, IMAGES_FILE, RESULT_FILE, SETTINGS_FILE
from keras_fer.export.watched_process import run_watched

# Steps take seconds at most, setting up and converting a large net a few minutes.
_SILENCE_SECONDS = 15 * 60
# Where half of the weights go, the others have further to go than where they are rounded.
_LEARNING_RATES = {"qat_wi8_ai8": 2e-4, "pruned": 5e-4, "clustered": 2e-4}


@dataclass(frozen=True)
class Finetuning:
    """How a model is trained further. The targets are its own answers, so that no labels are needed.

    Args:
        epochs: passes over the images and their mirror images.
        batch_size: images per step.
        learning_rate: of Adam at the start, it falls to 0; None for the one of the recipe.
        seed: of the order of the images.
    """

    epochs: int = 2
    batch_size: int = 32
    learning_rate: float | None = None
    seed: int = 0


def finetuned(
    classifier: Any,
    contract: ModelContract,
    recipe: Recipe,
    images: np.ndarray | None,
    representation: bool = False,
    finetuning: Finetuning | None = None,
    progress: bool = False,
) -> bytes:
    """Trains a copy of a classifier under the constraints of a recipe and converts it.

    Args:
        classifier: functional `keras.Model` to logits, see `deploy_model`; it stays as it is.
        contract: with the image size and the temperature.
        recipe: `qat_wi8_ai8`, `pruned` or `clustered`.
        images: of the training split, uint8 `(n, size, size, 3)`.
        representation: whether the expression representation is an output as well.
        finetuning: how long and how.
        progress: whether to print a line per epoch.

    Returns:
        A TFLite model, without metadata.

    Raises:
        FERError: if a package is missing, the toolkit cannot take this model, or its process hangs.
        ValueError: if there are no images or they have another shape.
    """
    require_packages("tensorflow_model_optimization", "tf_keras")
    size = contract.image_size
    if images is None or images.dtype != np.uint8 or images.shape[1:] != (size, size, 3) or not len(images):
        received = "none" if images is None else f"{images.dtype} {images.shape}"
        raise ValueError(
            f"{recipe.name} needs training images, uint8 (n, {size}, {size}, 3) with n > 0. "
            f"Received: {received}"
        )
    finetuning = finetuning or Finetuning()
    if finetuning.learning_rate is None:
        finetuning = replace(finetuning, learning_rate=_LEARNING_RATES[recipe.name])
    settings = {
        "recipe": recipe.name,
        "temperature": contract.temperature,
        "representation": representation,
        **asdict(finetuning),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        float32_classifier(classifier).save(folder / CLASSIFIER_FILE)
        np.save(folder / IMAGES_FILE, images)
        (folder / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
        _run(folder, recipe, _epoch_lines(recipe) if progress else None)
        return (folder / RESULT_FILE).read_bytes()


def _epoch_lines(recipe: Recipe) -> Any:
    from keras_fer.training.epoch_lines import EpochLines

    return EpochLines(prefix=f"{recipe.name}, ")


def _run(folder: Path, recipe: Recipe, lines: Any) -> None:
    """Runs the other process and raises what it says if it fails."""
    ending = run_watched(
        [sys.executable, "-m", "keras_fer.export.toolkit_process", str(folder)],
        {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        _SILENCE_SECONDS,
        lambda line: None if lines is None else show_progress(line, lines),
    )
    if ending.exit_code is None:
        raise FERError(
            f"The model optimisation toolkit, exporting by {recipe.name}, did nothing for "
            f"{_SILENCE_SECONDS // 60} minutes and was stopped. Leave the recipe out, or try again on a "
            "machine with less to do."
        )
    if ending.exit_code != 0 or not (folder / RESULT_FILE).is_file():
        said = ending.errors.strip().splitlines() or [f"exit code {ending.exit_code}"]
        reason = said[-1].strip()[:300].rstrip(".")
        error = FERError(
            f"The model optimisation toolkit could not export by {recipe.name}: {reason}. "
            "Leave the recipe out, or train another backbone."
        )
        error.add_note(ending.errors[-4000:])
        raise error


def show_progress(line: str, lines: Any) -> None:
    """Shows one line of the other process.

    Args:
        line: JSON, `[event, facts]`: `epoch_begin` with `epoch`, `epochs` and `steps`, `step` with `step`, or
            `epoch_end` with `epoch`; each with `logs`, numbers by name. Anything else is passed over.
        lines: `EpochLines`.
    """
    event, facts = json.loads(line)
    if event == "epoch_begin":
        lines.set_params(facts)
        lines.on_epoch_begin(facts["epoch"])
    elif event == "step":
        lines.on_train_batch_end(facts["step"], facts["logs"])
    elif event == "epoch_end":
        lines.on_epoch_end(facts["epoch"], facts["logs"])
