"""The state of a training at the end of each epoch, and how it is taken up again, bit for bit.

Keras' `BackupAndRestore` keeps neither the state of dropout nor what callbacks remember. The order of
the data, augmentation and all other draws need no state: they are functions of the seed and the step.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_fer.data.prepared_format import UNREADABLE, stored_arrays
from keras_fer.errors import FERError
from keras_fer.models.two_players import TwoPlayerModel
from keras_fer.training.callbacks import SaveBestAndLast, WarnOnCollapse, WriteHistory
from keras_fer.training.checkpoint_folder import VARIABLES, Checkpoint, restore_best_model, write_checkpoint
from keras_fer.training.epoch_lines import EpochLines

# What callbacks carry from one epoch to the next; all else they have from the config. Between epochs
# `SwapEMAWeights` has put the averages into the model and the weights into the optimiser.
REMEMBERED: dict[type, tuple[str, ...]] = {
    SaveBestAndLast: ("best", "best_epoch"),
    WriteHistory: ("rows",),
    WarnOnCollapse: ("epochs_below",),
    EpochLines: ("best",),
    keras.callbacks.EarlyStopping: ("best", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


class WriteCheckpoints(keras.callbacks.Callback):
    """Writes a checkpoint after each epoch, and gives the other callbacks back what they remembered.

    Pass it after all others: it keeps what they have made of the epoch.

    Args:
        run: folder of the run, with its `config.json`.
        callbacks: the others; those of `REMEMBERED` are kept, of each class the first.
        checkpoint: that training goes on from, or None.
    """

    def __init__(
        self,
        run: Path,
        callbacks: Sequence[keras.callbacks.Callback],
        checkpoint: Checkpoint | None = None,
    ):
        super().__init__()
        self.run = run
        self._remembering: dict[str, keras.callbacks.Callback] = {}
        for callback in callbacks:
            if type(callback) in REMEMBERED:
                self._remembering.setdefault(type(callback).__name__, callback)
        self._checkpoint = checkpoint
        self._recall()

    def on_train_begin(self, logs=None):
        """Some callbacks have just forgotten all."""
        self._recall()

    def on_epoch_end(self, epoch, logs=None):
        """Writes, once there is a best model to go back to."""
        if self._memory().get(SaveBestAndLast.__name__, {}).get("best_epoch") is None:
            return
        ended = self.model.stop_training or epoch == self.params["epochs"] - 1
        variables = {name: np.asarray(variable) for name, variable in _variables(self.model).items()}
        write_checkpoint(self.run, epoch, ended, self._memory(), variables)

    def _memory(self) -> dict[str, dict[str, Any]]:
        return {
            name: {attribute: getattr(callback, attribute) for attribute in REMEMBERED[type(callback)]}
            for name, callback in self._remembering.items()
        }

    def _recall(self) -> None:
        for name, memory in (self._checkpoint.callbacks if self._checkpoint else {}).items():
            if name in self._remembering:
                for attribute in REMEMBERED[type(self._remembering[name])]:
                    setattr(self._remembering[name], attribute, memory[attribute])


def restore(run: Path, model: TwoPlayerModel, checkpoint: Checkpoint) -> None:
    """Sets every variable of a compiled model and its optimisers, and puts the best model in its place.

    Args:
        run: folder of the run.
        model: compiled, as its config says, with both optimisers built.
        checkpoint: of that run.

    Raises:
        FERError: if the model has other variables: another version of this package wrote the checkpoint.
    """
    variables = _variables(model)
    try:
        values = stored_arrays(checkpoint.folder / VARIABLES)
    except UNREADABLE as error:
        raise FERError(
            f"{VARIABLES} of {str(checkpoint.folder)!r} is damaged ({error}). Remove that folder: the run "
            "then goes on from the checkpoint before it."
        ) from error
    if _kinds(values) != _kinds({name: np.asarray(variable) for name, variable in variables.items()}):
        raise FERError(
            f"The checkpoint {str(checkpoint.folder)!r} is not of the model that its config.json describes; "
            "another version of keras-fer wrote it. Train a new run with --config."
        )
    for name, variable in variables.items():
        variable.assign(values[name])
    restore_best_model(run, checkpoint)


def _variables(model: TwoPlayerModel) -> dict[str, Any]:
    """Every variable that a training step reads or moves; names of Keras differ from process to process."""
    owners = {"model": model, "optimizer": model.optimizer, "critic_optimizer": model.critic_optimizer}
    return {
        f"{owner}/{number}": variable
        for owner, holder in owners.items()
        if holder is not None
        for number, variable in enumerate(holder.variables)
    }


def _kinds(values: Mapping[str, np.ndarray]) -> dict[str, tuple]:
    return {name: (array.shape, array.dtype) for name, array in values.items()}
