"""The settings of a run for TensorBoard's HPARAMS tab, where several runs stand side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_fer.models.objective import Objective
from keras_fer.training.config import INPUT_PATHS, TrainingConfig

# Where a run lies says nothing of it, and the objective stands there in full.
_LEFT_OUT = ("output", "objective_changes")


def hparams(config: TrainingConfig, objective: Objective) -> dict[str, bool | int | float | str]:
    """Returns every setting that is a number or a word; what is not set is left out.

    Of a path stands its last part, so that runs on different machines are comparable.

    Args:
        config: of the run.
        objective: as the run trains it; its fields are named `objective.…`.
    """
    values: dict[str, Any] = {key: value for key, value in config.to_dict().items() if key not in _LEFT_OUT}
    values |= {key: _names(values[key]) for key in INPUT_PATHS if values[key]}
    values |= {f"objective.{key}": value for key, value in objective.to_dict().items()}
    return {key: value for key, value in values.items() if isinstance(value, bool | int | float | str)}


def _names(paths: str | Sequence[str]) -> str:
    """Returns the last parts of one path or of several."""
    return ", ".join(Path(path).name for path in ([paths] if isinstance(paths, str) else paths))


def hparams_callback(folder: Path, values: Mapping[str, Any], name: str) -> keras.callbacks.Callback:
    """Returns the callback that says when a run began and ended, and with what.

    Args:
        folder: of the TensorBoard logs; the scores are those of its runs `train` and `validation`.
        values: see `hparams`.
        name: of the run.
    """
    from tensorboard.plugins.hparams import api

    return api.KerasCallback(str(folder), dict(values), trial_id=name)
