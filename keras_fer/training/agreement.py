"""What all processes of a training must have alike, and the test that they have.

Each builds the same model and takes the same steps by itself; TensorFlow would not notice another seed or
data set in one of them, and would train something that nobody has asked for.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_fer.checksum import sha256_file
from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.training.checkpoint_folder import SUMS, Checkpoint
from keras_fer.training.config import INPUT_PATHS, TrainingConfig
from keras_fer.training.content_hash import model_hash
from keras_fer.version import __version__

# Of a hash; float32, which every device gathers, holds numbers of 16 bits exactly.
_NUMBERS = 4


def shared_facts(
    config: TrainingConfig,
    dataset: PreparedDataset,
    mixed: PreparedDataset | None = None,
    checkpoint: Checkpoint | None = None,
) -> dict[str, str]:
    """Returns what a process trains, by name: the options, and hashes of what is at the paths.

    Args:
        config: of the run.
        dataset: that it names.
        mixed: the mixed data set that it names.
        checkpoint: that training goes on from.
    """
    # Each process may have its own paths; what is there is compared in their place.
    paths = {"output", *INPUT_PATHS}
    facts = {name: value for name, value in config.to_dict().items() if name not in paths}
    facts |= {
        "version of keras_fer": __version__,
        "dataset": _dataset_hash(dataset),
        "mixed_dataset": None if mixed is None else _dataset_hash(mixed),
        # A checkpoint holds them all.
        "weights": model_hash(config.weights) if config.weights and checkpoint is None else None,
        "teachers": [model_hash(teacher) for teacher in config.teachers],
        "epochs done": 0 if checkpoint is None else checkpoint.epoch + 1,
        "checkpoint": None if checkpoint is None else sha256_file(checkpoint.folder / SUMS),
    }
    return {name: _text(value) for name, value in facts.items()}


def agreement_numbers(facts: Mapping[str, str]) -> np.ndarray:
    """Returns a hash of 64 bits of each fact, float32 `(4 · len(facts),)` of whole numbers."""
    hashes = b"".join(hashlib.sha256(text.encode()).digest()[: 2 * _NUMBERS] for text in facts.values())
    return np.frombuffer(hashes, "<u2").astype(np.float32)


def require_agreement(facts: Mapping[str, str], everywhere: np.ndarray, count: int) -> None:
    """Refuses, alike in every process, a training whose processes do not have the same facts.

    Args:
        facts: of this process.
        everywhere: `agreement_numbers` of all devices of all processes, one after another.
        count: of these devices.

    Raises:
        FERError: if they differ; it names the facts.
    """
    differing = ["version of keras_fer"]
    # Another version may have other options.
    if len(everywhere) == count * len(facts) * _NUMBERS:
        table = np.reshape(everywhere, (count, len(facts), _NUMBERS))
        unequal = (table != table[0]).any(axis=(0, 2))
        differing = [name for name, differs in zip(facts, unequal, strict=True) if differs]
    if differing:
        here = ", ".join(f"{name} (here {_shortened(facts[name])})" for name in differing)
        raise FERError(
            "The processes of a cluster train the same, and these do not; they differ in: "
            f"{here}. Start all of them with the same options, data sets, models and checkpoint."
        )


def _dataset_hash(dataset: PreparedDataset) -> str:
    facts = (dataset.content_hash, dataset.label_names, dataset.image_shape, dataset.crop_size)
    return hashlib.sha256(_text(facts).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(json.loads(json.dumps(value), parse_float=_number), sort_keys=True)


def _number(text: str) -> float:
    """1 and 1.0 are the same."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _shortened(text: str) -> str:
    return text.strip('"')[:16]
