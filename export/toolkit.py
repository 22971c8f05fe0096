"""Trains a model further for int8, pruning or clustering, with the model optimisation toolkit."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.deploy import float32_classifier
from keras_fer.export.onnx_conversion import require_packages
from keras_fer.export.recipes import Recipe
from keras_fer.export.toolkit_process import CLASSIFIER_FILE, IMAGES_FILE, RESULT_FILE, SETTINGS_FILE


@dataclass(frozen=True)
class Finetuning:
    """How a model is trained further. The targets are its own answers, so that no labels are needed.

    Args:
        epochs: passes over the images and their mirror images.
        batch_size: images per step.
        learning_rate: of Adam.
        seed: of the order of the images.
    """

    epochs: int = 2
    batch_size: int = 32
    learning_rate: float = 1e-4
    seed: int = 0


def finetuned(
    classifier: Any,
    contract: ModelContract,
    recipe: Recipe,
    images: np.ndarray | None,
    representation: bool = False,
    finetuning: Finetuning | None = None,
) -> bytes:
    """Trains a copy of a classifier under the constraints of a recipe and converts it.

    Args:
        classifier: functional `keras.Model` to logits, see `deploy_model`; it stays as it is.
        contract: with the image size and the temperature.
        recipe: `qat_wi8_ai8`, `pruned` or `clustered`.
        images: of the training split, uint8 `(n, size, size, 3)`.
        representation: whether the expression representation is an output as well.
        finetuning: how long and how.

    Returns:
        A TFLite model, without metadata.

    Raises:
        FERError: if a package is missing, or the toolkit cannot take this model.
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
    settings = {
        "recipe": recipe.name,
        "temperature": contract.temperature,
        "representation": representation,
        **asdict(finetuning or Finetuning()),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        float32_classifier(classifier).save(folder / CLASSIFIER_FILE)
        np.save(folder / IMAGES_FILE, images)
        (folder / SETTINGS_FILE).write_text(json.dumps(settings), encoding="utf-8")
        _run(folder, recipe)
        return (folder / RESULT_FILE).read_bytes()


def _run(folder: Path, recipe: Recipe) -> None:
    """Runs the other process and raises what it says if it fails."""
    result = subprocess.run(
        [sys.executable, "-m", "keras_fer.export.toolkit_process", str(folder)],
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0 or not (folder / RESULT_FILE).is_file():
        lines = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        reason = lines[-1].strip()[:300].rstrip(".")
        error = FERError(
            f"The model optimisation toolkit could not export by {recipe.name}: {reason}. "
            "Leave the recipe out, or train another backbone."
        )
        error.add_note(result.stderr[-4000:])
        raise error
