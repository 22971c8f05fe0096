"""Going on with a training that was stopped at any moment, to the same result."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.field_types import fits
from keras_fer.folder_lock import folder_lock
from keras_fer.training import run_folder
from keras_fer.training.checkpoint_folder import (
    Checkpoint,
    newest_checkpoint,
    remove_checkpoints,
    remove_leftovers,
)
from keras_fer.training.cluster import Cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.content_hash import model_hash

if TYPE_CHECKING:
    import keras

    from keras_fer.training.fit import TrainingResult


class CheckpointWarning(UserWarning):
    """The newest checkpoint of a run is damaged, and an older one was taken."""


@dataclass(frozen=True)
class StoppedRun:
    """A run that is not finished.

    Args:
        config: that it began with.
        checkpoint: the newest that is whole; None before the first.
        trained: whether training has ended and only the evaluation is missing.
    """

    config: TrainingConfig
    checkpoint: Checkpoint | None
    trained: bool

    @property
    def epochs_done(self) -> int:
        """Epochs that need not be trained again."""
        return 0 if self.checkpoint is None else self.checkpoint.epoch + 1


def stopped_run(run: Path) -> StoppedRun:
    """Looks at a run folder; changes nothing and does not need TensorFlow.

    Args:
        run: its folder.

    Raises:
        FERError: if it is no run folder, the run is finished, no checkpoint can be used, or a data set or a
            model that it still needs is not there or has changed.
    """
    stored = run_folder.read_config(run)
    _require_hashes(run, stored)
    known = TrainingConfig.__dataclass_fields__
    values = {name: value for name, value in stored.items() if name in known}
    config = TrainingConfig.from_dict({**values, "output": str(run)})
    if not (run / run_folder.CHECKPOINTS).is_dir() and (run / run_folder.BEST_MODEL).exists():
        if (run / run_folder.EVALUATION).is_file() or not run_folder.read_history(run):
            raise FERError(f"The run {str(run)!r} is finished; there is nothing to go on with.")
        return StoppedRun(config, None, trained=True)
    _require_unchanged(config.dataset, stored.get("dataset_hash"))
    if config.mixed_dataset is not None:
        _require_unchanged(config.mixed_dataset, stored.get("mixed_dataset_hash"))
    checkpoint = newest_checkpoint(run)
    # The first is written after the first row.
    if checkpoint is None and len(run_folder.read_history(run)) > 1:
        raise FERError(
            f"The run {str(run)!r} has no checkpoint to go on from. Train a new run with "
            f"--config {run / run_folder.CONFIG}."
        )
    for teacher, stored_hash in zip(config.teachers, stored.get("teacher_hashes", ()), strict=False):
        _require_same_model("teacher", teacher, stored_hash)
    if config.weights is not None and checkpoint is None:
        _require_same_model("model", config.weights, stored.get("weights_hash"))
    return StoppedRun(config, checkpoint, trained=checkpoint is not None and checkpoint.ended)


def _require_hashes(run: Path, stored: Mapping[str, Any]) -> None:
    texts = [stored.get(name) for name in ("dataset_hash", "mixed_dataset_hash", "weights_hash")]
    if not all(fits(Sequence[str | None], hashes) for hashes in (texts, stored.get("teacher_hashes", ()))):
        raise FERError(f"{run_folder.CONFIG} of {str(run)!r} has hashes that are no texts. Restore it.")


def _require_unchanged(folder: str, content_hash: str | None) -> None:
    found = open_prepared(folder).content_hash
    if found != content_hash:
        raise FERError(
            f"The data set {folder!r} has changed since the run began: its content hash is {found[:16]}, not "
            f"{str(content_hash)[:16]}. Restore it, or train a new run with --config."
        )


def _require_same_model(role: str, path: str, stored_hash: str | None) -> None:
    # Runs of earlier versions have none.
    if stored_hash is not None and model_hash(path) != stored_hash:
        raise FERError(
            f"The {role} {path!r} that the run began with is gone or has changed. Restore it, or train a new "
            "run with --config."
        )


def resume(
    run: Path,
    callbacks: Sequence["keras.callbacks.Callback"] = (),
    verbose: int = 2,
    cluster: Cluster | None = None,
) -> "TrainingResult":
    """Goes on with a run that was killed, interrupted or broke off, with its own config.

    On a processor it ends with the weights, bit for bit, that it would have had without the stop. A run
    that was stopped before its first epoch ended starts anew.

    Args:
        run: its folder.
        callbacks: as for `fit`.
        verbose: as for `fit`.
        cluster: as for `fit`; every process reads the run folder, and the chief alone changes it.

    Returns:
        As `fit`. Where training had ended already no process waits for the others.

    Raises:
        FERError: as `stopped_run` and `fit` do, or if another process works in the folder.

    Warns:
        CheckpointWarning: if the newest checkpoint is damaged.
    """
    # TensorFlow loads here; looking at a folder does without.
    from keras_fer.training.fit import fit

    stopped = stopped_run(run)
    is_chief = cluster is None or cluster.is_chief
    if stopped.trained:
        return _ended(run, stopped.config, remove=is_chief)
    if not is_chief:
        return fit(stopped.config, callbacks, verbose, stopped, cluster)
    checkpoints = run / run_folder.CHECKPOINTS
    # Where there is a model and no such folder, another process has just ended the training.
    if not (run / run_folder.BEST_MODEL).exists():
        checkpoints.mkdir(exist_ok=True)
    elif not checkpoints.is_dir():
        return resume(run, callbacks, verbose, cluster)
    with folder_lock(checkpoints):
        # Once more: until now another process may have gone on with it.
        stopped = stopped_run(run)
        if stopped.trained:
            return _ended(run, stopped.config)
        remove_leftovers(run)
        # Of an interrupted run: it is not that of the run that ends now.
        (run / run_folder.EVALUATION).unlink(missing_ok=True)
        if stopped.checkpoint is not None and stopped.checkpoint.warning is not None:
            warnings.warn(stopped.checkpoint.warning, CheckpointWarning, stacklevel=2)
        return fit(stopped.config, callbacks, verbose, stopped, cluster)


def end_training(run: Path) -> "TrainingResult":
    """Makes the training of a stopped run ended where it is: its best model so far stays.

    Args:
        run: its folder.

    Raises:
        FERError: as `stopped_run` does, if no epoch has ended, or if another process works in the folder.
    """
    stopped = stopped_run(run)
    if not stopped.trained:
        if stopped.checkpoint is None:
            raise FERError(
                f"No epoch of the run {str(run)!r} has ended: there is no model to keep. Remove it."
            )
        with folder_lock(run / run_folder.CHECKPOINTS):
            # Once more, as in `resume`.
            if not stopped_run(run).trained:
                (run / run_folder.EVALUATION).unlink(missing_ok=True)
                remove_checkpoints(run)
    return _ended(run, stopped.config)


def _ended(run: Path, config: TrainingConfig, remove: bool = True) -> "TrainingResult":
    from keras_fer.training.fit import MONITOR, TrainingResult

    if remove:
        remove_checkpoints(run)
        remove_leftovers(run)
    best = _best_row(run_folder.read_history(run), MONITOR, config.freeze_expression)
    return TrainingResult(run, int(best["epoch"]) + 1, best[MONITOR], interrupted=False)


def _best_row(history: Sequence[Mapping[str, float]], monitor: str, later_wins: bool) -> Mapping[str, float]:
    """The epoch that `SaveBestAndLast` took for the best, among those that it saved."""
    needed = ("epoch", "loss", "val_loss", monitor)
    saved = [row for row in history if all(math.isfinite(row.get(name, math.nan)) for name in needed)]
    if not saved:
        raise FERError(f"{run_folder.HISTORY} tells of no epoch that was saved. Train with --config anew.")
    return max(saved, key=lambda row: (row[monitor], row["epoch"] if later_wins else 0))
