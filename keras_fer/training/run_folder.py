"""The folder that a training run leaves behind, and where each thing stands in it."""

import csv
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from keras_fer.atomic import atomic_file
from keras_fer.contract import CONTRACT_FILE
from keras_fer.errors import FERError
from keras_fer.field_types import is_text, parsed_json

BEST_MODEL = "model.keras"
LAST_MODEL = "last.keras"
CONFIG = "config.json"
HISTORY = "history.csv"
REPORT = "report.html"
REPORT_TABLES = "report_tables.json"
EVALUATION = "evaluation.json"
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"
CONTRACT = CONTRACT_FILE

# What stands in `config.json` beside the settings of the training, of what came of them or was done later.
RECORDED = frozenset(
    {
        *("objective", "dataset_hash", "mixed_dataset_hash", "weights_hash", "teacher_hashes"),
        *("mixed_images_withheld", "num_parameters", "augmentation_left_out", "environment"),
        *("calibrated", "trained_expression_bias", "erased"),
    }
)
# What the data set decides of the recorded objective.
FILLED_IN = frozenset({"class_prior", "adversarial_ramp_steps"})

_MOST_EPOCHS = 10**9
_LARGEST_FLOAT32 = 3.5e38
_PACKAGES = ("keras-fer", "tensorflow", "keras", "numpy")


def write_json(path: Path, values: Any) -> None:
    """Writes JSON that appears whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Returns what a JSON file of a run holds.

    Raises:
        FERError: if it cannot be read.
    """
    try:
        return parsed_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FERError(f"{str(path)!r} cannot be read ({error}); remove it.") from error


def read_config(run: Path) -> dict[str, Any]:
    """Returns the `config.json` of a run, which names at least its data set.

    Raises:
        FERError: if the folder holds none.
    """
    path = Path(run) / CONFIG
    if not os.path.exists(run):
        raise FERError(f"There is no run folder {str(run)!r}.")
    if not Path(run).is_dir():
        raise FERError(f"{str(run)!r} is a file; name the folder of a run that `keras-fer train` left.")
    try:
        config = parsed_json(path.read_text(encoding="utf-8"))
        for part in (config, config.get("erased", config)):
            if not (isinstance(part["dataset"], str) and is_text(part["dataset"])):
                raise ValueError("its `dataset` is no path")
    except (OSError, ValueError) as error:
        raise FERError(f"{str(run)!r} is not a run folder: {CONFIG} cannot be read ({error}).") from error
    except (TypeError, AttributeError, KeyError) as error:
        raise FERError(f"{str(run)!r} is not a run folder: {CONFIG} names no data set.") from error
    return config


def judged_dataset(config: Mapping[str, Any]) -> Path:
    """Returns the prepared data set that a run was evaluated on: an erased one on that it was erased with.

    Args:
        config: of the run, as `read_config` returns it.
    """
    return Path(config.get("erased", config)["dataset"])


def read_history(run: Path) -> list[dict[str, float]]:
    """Returns one row of numbers per epoch, as far as training came.

    Raises:
        FERError: if the file is damaged.
    """
    path = Path(run) / HISTORY
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{name: _number(name, value) for name, value in row.items() if value} for row in rows]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise FERError(f"{str(path)!r} cannot be read ({error}); remove it.") from error


def _number(name: str, text: str) -> float:
    """Returns a cell of the history; raises `ValueError` for what no training logs."""
    value = float(text)
    if name == "epoch" and not 0 <= value < _MOST_EPOCHS:
        raise ValueError(f"its epoch is {text}")
    if math.isfinite(value) and abs(value) > _LARGEST_FLOAT32:
        raise ValueError(f"its {name} is {text}")
    return value


def environment() -> dict[str, Any]:
    """Returns versions, platform and git revision, so that a run can be repeated."""
    versions: dict[str, str | None] = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions,
        "git_revision": _git_revision(),
    }


def _git_revision() -> str | None:
    """The commit of the checkout that this code runs from; None for an installed wheel."""
    checkout = Path(__file__).resolve().parents[2]
    if not (checkout / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
