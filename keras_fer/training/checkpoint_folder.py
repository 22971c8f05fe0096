"""Where a run that is not finished keeps the states that its training can go on from.

The folder `checkpoints` of a run is there from its start until its training ends: that is what tells a run
that was killed from a finished one. A checkpoint is a folder in it, `epoch-00003` after three epochs:

- `variables.npz`: every variable of the model and of both optimisers;
- `state.json`: what the callbacks remember, and of which `config.json`;
- `model.keras`: the best model so far;
- `SHA256SUMS`: of these three, as `sha256sum --check` reads it.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.atomic import atomic_file, atomic_folder, require_new_folder
from keras_fer.checksum import checksum_lines, sha256_file
from keras_fer.errors import FERError
from keras_fer.field_types import fits, parsed_json
from keras_fer.training import run_folder

VARIABLES = "variables.npz"
STATE = "state.json"
SUMS = "SHA256SUMS"
# A damaged one leaves the one before.
NUM_KEPT = 2

_FILES = (VARIABLES, STATE, run_folder.BEST_MODEL)
_REMOVED = f".{run_folder.CHECKPOINTS}-removed"
_WRITTEN_WHOLE = (
    run_folder.BEST_MODEL,
    run_folder.LAST_MODEL,
    run_folder.CONFIG,
    run_folder.CONTRACT,
    run_folder.HISTORY,
    run_folder.EVALUATION,
    run_folder.REPORT,
)


@dataclass(frozen=True)
class Checkpoint:
    """The state at the end of an epoch.

    Args:
        folder: of the checkpoint.
        epoch: that ended, counted from 0.
        ended: whether training ended with it.
        callbacks: what each remembers, by the name of its class.
        warning: a sentence about a newer checkpoint that is damaged, or None.
    """

    folder: Path
    epoch: int
    ended: bool
    callbacks: Mapping[str, Mapping[str, Any]]
    warning: str | None = None


def is_unfinished(run: Path) -> bool:
    """Returns whether a folder holds a run whose training has not ended."""
    return (run / run_folder.CONFIG).is_file() and (run / run_folder.CHECKPOINTS).is_dir()


def require_new_run(output: Path) -> None:
    """Refuses an output folder that is in use.

    Raises:
        FERError: if it holds anything; it says how to go on where that is a run that was stopped.
    """
    if is_unfinished(output):
        raise FERError(
            f"The output {str(output)!r} holds a run that is not finished: "
            f"`keras-fer train --resume {output}` goes on with it. To start anew, remove it or name another "
            "folder."
        )
    require_new_folder(output)


def write_checkpoint(
    run: Path,
    epoch: int,
    ended: bool,
    callbacks: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, Any],
) -> None:
    """Writes the state at the end of an epoch, whole or not at all, and removes all but the newest two.

    Args:
        run: its folder, which holds `config.json` and the best model.
        epoch: that ended, counted from 0.
        ended: whether training ended with it.
        callbacks: what each remembers, by the name of its class; plain JSON types.
        variables: arrays by name.
    """
    state = {"epoch": epoch, "ended": ended, "config_sha256": _config_hash(run), "callbacks": callbacks}
    target = run / run_folder.CHECKPOINTS / f"epoch-{epoch + 1:05d}"
    # A damaged one of that name was passed over when training went on.
    shutil.rmtree(target, ignore_errors=True)
    with atomic_folder(target) as temporary:
        np.savez(temporary / VARIABLES, **variables)
        (temporary / STATE).write_text(json.dumps(state, default=float), encoding="utf-8")
        _link(run / run_folder.BEST_MODEL, temporary / run_folder.BEST_MODEL)
        sums = checksum_lines(temporary / name for name in _FILES)
        (temporary / SUMS).write_text(sums, encoding="utf-8")
    for older in _folders(run)[NUM_KEPT:]:
        shutil.rmtree(older, ignore_errors=True)


def newest_checkpoint(run: Path) -> Checkpoint | None:
    """Returns the newest checkpoint that is whole; None where there is none at all.

    Raises:
        FERError: if there are some, and each is damaged; or if `config.json` is not that of the checkpoint.
    """
    damaged: list[str] = []
    for folder in _folders(run):
        try:
            state = _checked_state(folder)
            if not fits(int, state["epoch"]) or not fits(Mapping[str, Mapping[str, Any]], state["callbacks"]):
                raise ValueError(f"{STATE} holds something else")
            warning = f"{damaged[0]}; training goes on from {folder.name} instead." if damaged else None
            checkpoint = Checkpoint(
                folder, state["epoch"], bool(state["ended"]), dict(state["callbacks"]), warning
            )
            config_hash = state["config_sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            damaged.append(f"The checkpoint {str(folder)!r} is damaged ({error})")
            continue
        if config_hash != _config_hash(run):
            raise FERError(
                f"{run_folder.CONFIG} of {str(run)!r} was changed since its training stopped, and a run goes "
                "on as it began. Restore it, or train a new run with --config."
            )
        return checkpoint
    if damaged:
        raise FERError(
            f"{damaged[0]}, and there is no other. Train a new run with --config {run / run_folder.CONFIG}."
        )
    return None


def restore_best_model(run: Path, checkpoint: Checkpoint) -> None:
    """Puts the best model of a checkpoint in its place; the run may have come further before it stopped."""
    with atomic_file(run / run_folder.BEST_MODEL) as temporary:
        shutil.copyfile(checkpoint.folder / run_folder.BEST_MODEL, temporary)


def remove_checkpoints(run: Path) -> None:
    """Removes the folder of checkpoints, which makes the training of a run ended."""
    folder, removed = run / run_folder.CHECKPOINTS, run / _REMOVED
    shutil.rmtree(removed, ignore_errors=True)
    if folder.is_dir():
        # Removing takes several steps; renaming takes one.
        folder.replace(removed)
        shutil.rmtree(removed, ignore_errors=True)


def remove_leftovers(run: Path) -> None:
    """Removes the temporary files that a process leaves behind when it is killed while it writes."""
    for file in map(Path, _WRITTEN_WHOLE):
        for leftover in run.glob(f".{file.stem}-*{file.suffix}"):
            leftover.unlink(missing_ok=True)
    for folder in (run / _REMOVED, *(run / run_folder.CHECKPOINTS).glob(".epoch-*")):
        shutil.rmtree(folder, ignore_errors=True)


def _folders(run: Path) -> list[Path]:
    """The newest first."""
    return sorted((run / run_folder.CHECKPOINTS).glob("epoch-*"), reverse=True)


def _checked_state(folder: Path) -> Mapping[str, Any]:
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name in _FILES:
        if sums.get(name) != sha256_file(folder / name):
            raise ValueError(f"{name} is not as it was written")
    return parsed_json((folder / STATE).read_text(encoding="utf-8"))


def _config_hash(run: Path) -> str:
    return sha256_file(run / run_folder.CONFIG)


def _link(source: Path, target: Path) -> None:
    """Models are replaced, never changed: two names of one file cost nothing."""
    try:
        os.link(source, target)
    except OSError:  # A file system without links.
        shutil.copyfile(source, target)
