import json
import subprocess

import numpy as np
import pytest

from keras_fer.checksum import checksum_lines
from keras_fer.errors import FERError
from keras_fer.training import checkpoint_folder, run_folder
from keras_fer.training.checkpoint_folder import (
    newest_checkpoint,
    remove_checkpoints,
    require_new_run,
    restore_best_model,
    write_checkpoint,
)


@pytest.fixture
def run(tmp_path):
    (tmp_path / run_folder.CONFIG).write_text("{}")
    (tmp_path / run_folder.BEST_MODEL).write_text("best of epoch 0")
    (tmp_path / run_folder.CHECKPOINTS).mkdir()
    return tmp_path


def write(run, *epochs):
    for epoch in epochs:
        write_checkpoint(run, epoch, False, {"Saver": {"best": 0.5}}, {"model/0": np.arange(epoch + 1)})


def kept(run):
    return sorted(path.name for path in (run / run_folder.CHECKPOINTS).iterdir())


def test_the_newest_two_are_kept_in_the_order_of_epochs(run):
    assert newest_checkpoint(run) is None
    write(run, 8, 9, 10)
    assert kept(run) == ["epoch-00010", "epoch-00011"]
    checkpoint = newest_checkpoint(run)
    assert (checkpoint.epoch, checkpoint.ended, checkpoint.warning) == (10, False, None)
    assert checkpoint.callbacks == {"Saver": {"best": 0.5}}
    with np.load(checkpoint.folder / "variables.npz", allow_pickle=False) as variables:
        np.testing.assert_array_equal(variables["model/0"], np.arange(11))


def test_checksums_are_those_of_sha256sum(run):
    write(run, 0)
    folder = newest_checkpoint(run).folder
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert {path.name for path in folder.iterdir()} == {
        "variables.npz",
        "state.json",
        "model.keras",
        "SHA256SUMS",
    }


@pytest.mark.parametrize("name", ["variables.npz", "state.json", "model.keras", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_one_is_passed_over_and_written_anew(run, name, damage):
    write(run, 0, 1)
    file = run / run_folder.CHECKPOINTS / "epoch-00002" / name
    content = file.read_bytes()
    file.unlink()
    if damage == "changed":
        file.write_bytes(content[:-2] + bytes([content[-2] ^ 1, content[-1]]))
    checkpoint = newest_checkpoint(run)
    assert checkpoint.epoch == 0
    assert "epoch-00002' is damaged" in checkpoint.warning
    assert "goes on from epoch-00001 instead" in checkpoint.warning
    write(run, 1)
    assert newest_checkpoint(run).epoch == 1
    assert newest_checkpoint(run).warning is None


def test_half_a_checkpoint_is_none(run, monkeypatch):
    write(run, 0)

    def full(*arguments, **variables):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space"):
        write(run, 1)
    assert kept(run) == ["epoch-00001"]


def test_the_best_model_is_that_of_the_checkpoint(run):
    write(run, 0)
    # Models are replaced, as `atomic_file` does, never written into.
    (run / "new").write_text("best of epoch 1")
    (run / "new").replace(run / run_folder.BEST_MODEL)
    restore_best_model(run, newest_checkpoint(run))
    assert (run / run_folder.BEST_MODEL).read_text() == "best of epoch 0"
    assert newest_checkpoint(run).warning is None


def test_a_file_system_without_links(run, monkeypatch):
    def no_link(source, target):
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(checkpoint_folder.os, "link", no_link)
    write(run, 0)
    assert (newest_checkpoint(run).folder / run_folder.BEST_MODEL).read_text() == "best of epoch 0"


def test_the_config_belongs_to_it(run):
    write(run, 0)
    (run / run_folder.CONFIG).write_text(json.dumps({"epochs": 3}))
    with pytest.raises(FERError, match="was changed since its training stopped, and a run goes on as it"):
        newest_checkpoint(run)


def test_without_checkpoints_a_folder_is_in_use_but_not_unfinished(run):
    write(run, 0)
    with pytest.raises(FERError, match=r"not finished: `keras-fer train --resume .*` goes on with it"):
        require_new_run(run)
    remove_checkpoints(run)
    assert {path.name for path in run.iterdir()} == {run_folder.CONFIG, run_folder.BEST_MODEL}
    with pytest.raises(FERError, match="exists already"):
        require_new_run(run)
    remove_checkpoints(run)
    require_new_run(run / "new")


@pytest.mark.parametrize(
    "change",
    [{"epoch": float("inf")}, {"epoch": "1"}, {"epoch": True}, {"callbacks": [1]}, {"callbacks": {"a": 1}}],
)
def test_a_state_that_nobody_wrote_is_passed_over(run, change):
    # The first was found by fuzzing; the checksums are right.
    write(run, 0, 1)
    folder = run / run_folder.CHECKPOINTS / "epoch-00002"
    state = json.loads((folder / "state.json").read_text())
    (folder / "state.json").write_text(json.dumps({**state, **change}))
    names = ("variables.npz", "state.json", "model.keras")
    (folder / "SHA256SUMS").write_text(checksum_lines(folder / name for name in names))
    checkpoint = newest_checkpoint(run)
    assert checkpoint.epoch == 0
    assert "state.json holds something else" in checkpoint.warning
