"""Callbacks that a run adds to those of Keras."""

import csv
import math
import shutil
import time
import warnings
from pathlib import Path

import keras

from keras_fer.atomic import atomic_file
from keras_fer.training.run_folder import BEST_MODEL, LAST_MODEL


class CollapseWarning(UserWarning):
    """The non-expression representation uses few of its dimensions."""


class LossWarning(UserWarning):
    """Training stopped, since the loss was not finite."""


class StopAtNonFiniteLoss(keras.callbacks.Callback):
    """Stops at the first step whose loss is not finite, and remembers which it was.

    Attributes:
        sentence: which step it was, counted from 1, or None.
    """

    def __init__(self):
        super().__init__()
        self.sentence: str | None = None
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Remembers the epoch."""
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Looks at the mean loss of the epoch so far, which one such step makes so too."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss) and self.sentence is None:
            self.sentence = f"The loss is not finite in step {batch + 1} of epoch {self._epoch + 1}."
            self.model.stop_training = True


class EpochFacts(keras.callbacks.Callback):
    """Adds the learning rate and the seconds of the epoch to the logs, for the callbacks after it."""

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        """Writes into the logs that the later callbacks see."""
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        logs["seconds"] = round(time.monotonic() - self._start, 1)


class WriteHistory(keras.callbacks.Callback):
    """Writes one row per epoch to a CSV file, which is whole at any moment.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path = Path(path)
        self.rows: list[dict[str, float]] = []

    def on_epoch_end(self, epoch, logs=None):
        """Adds a row and writes the file anew."""
        self.rows.append({"epoch": epoch, **logs})
        self.write()

    def write(self) -> None:
        """Writes the rows, whatever the file held."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_file(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)


class SaveBestAndLast(keras.callbacks.Callback):
    """Saves the model after each epoch as `last.keras`, and as `model.keras` when it is the best.

    Files appear whole or not at all; epochs whose loss is not finite are not saved.

    Args:
        folder: of the run.
        monitor: name in the logs; the larger, the better.
        later_wins: whether of equal epochs the later one is the best, not the earlier.
    """

    def __init__(self, folder: Path, monitor: str, later_wins: bool = False):
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self.later_wins = later_wins
        self.best = -math.inf
        self.best_epoch: int | None = None

    def on_epoch_end(self, epoch, logs=None):
        """Saves."""
        # The loss is a mean over the epoch: only the validation sees what the last step did.
        if not all(math.isfinite(logs[name]) for name in ("loss", "val_loss") if name in logs):
            return
        with atomic_file(self.folder / LAST_MODEL) as temporary:
            self.model.save(temporary)
        value = logs[self.monitor]
        if value > self.best or (self.later_wins and value == self.best):
            self.best, self.best_epoch = logs[self.monitor], epoch
            with atomic_file(self.folder / BEST_MODEL) as temporary:
                shutil.copyfile(self.folder / LAST_MODEL, temporary)


class WarnOnCollapse(keras.callbacks.Callback):
    """Warns, once, when the effective rank of the non-expression representation is too low.

    A critic at chance is no success when the representation was emptied to get there.

    Args:
        smallest_share: of the width.
        patience: epochs in a row below it.
    """

    def __init__(self, smallest_share: float = 0.25, patience: int = 2):
        super().__init__()
        self.smallest_share = smallest_share
        self.patience = patience
        self.epochs_below = 0

    def on_epoch_end(self, epoch, logs=None):
        """Compares the rank with the width."""
        rank = logs.get("val_effective_rank")
        if rank is None or not self.model.objective.moves_non_expression_branch:
            return
        width = self.model.non_expression_branch.output_shape[-1]
        self.epochs_below = self.epochs_below + 1 if rank < self.smallest_share * width else 0
        if self.epochs_below == self.patience:
            warnings.warn(
                f"The non-expression representation is collapsing: its effective rank is {rank:.1f} of "
                f"{width} dimensions. Low leakage then says nothing. Raise `decorrelation_weight` "
                "(--decorrelation-weight), or use the preset `disentangle`.",
                CollapseWarning,
                stacklevel=2,
            )
