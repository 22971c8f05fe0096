import csv
import math

import pytest

from keras_fer.models.objective import Objective
from keras_fer.training.callbacks import (
    CollapseWarning,
    EpochFacts,
    SaveBestAndLast,
    WarnOnCollapse,
    WriteHistory,
)


class Model:
    """Stands in for a model: writes what it is told to."""

    def __init__(self, objective=None, width=8):
        self.objective = objective or Objective(adversarial_weight=1.0)
        self.non_expression_branch = type("Branch", (), {"output_shape": (None, width)})
        self.optimizer = type("Optimizer", (), {"learning_rate": 0.25})
        self.content = ""

    def save(self, path):
        path.write_text(self.content)


def with_model(callback, **settings):
    callback.set_model(Model(**settings))
    return callback


# --- files ---------------------------------------------------------------------------------------


def run_epochs(callback, folder, accuracies, losses=None):
    """Returns what both files hold after each epoch."""
    states = []
    for epoch, accuracy in enumerate(accuracies):
        callback.model.content = f"epoch {epoch}"
        loss = 1.0 if losses is None else losses[epoch]
        callback.on_epoch_end(epoch, {"loss": loss, "val_expression_accuracy": accuracy})
        files = [folder / "model.keras", folder / "last.keras"]
        states.append([file.read_text() if file.exists() else None for file in files])
    return states


def test_best_and_last(tmp_path):
    saver = with_model(SaveBestAndLast(tmp_path, "val_expression_accuracy"))
    states = run_epochs(saver, tmp_path, [0.5, 0.4, 0.6, 0.6])
    # The earlier of two equals stays.
    assert states == [
        ["epoch 0", "epoch 0"],
        ["epoch 0", "epoch 1"],
        ["epoch 2", "epoch 2"],
        ["epoch 2", "epoch 3"],
    ]
    assert (saver.best, saver.best_epoch) == (0.6, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.keras", "model.keras"]


def test_epochs_that_are_not_finite_are_not_saved(tmp_path):
    saver = with_model(SaveBestAndLast(tmp_path, "val_expression_accuracy"))
    states = run_epochs(saver, tmp_path, [0.5, 0.9], losses=[1.0, math.nan])
    assert states[1] == ["epoch 0", "epoch 0"]
    assert saver.best_epoch == 0
    nothing = with_model(SaveBestAndLast(tmp_path / "none", "val_expression_accuracy"))
    assert run_epochs(nothing, tmp_path / "none", [0.5], losses=[math.inf]) == [[None, None]]
    assert nothing.best_epoch is None


def test_a_save_that_breaks_leaves_the_older_files(tmp_path):
    saver = with_model(SaveBestAndLast(tmp_path, "val_expression_accuracy"))
    run_epochs(saver, tmp_path, [0.5])

    def broken(path):
        path.write_text("half")
        raise OSError("disk full")

    saver.model.save = broken
    with pytest.raises(OSError, match="disk full"):
        saver.on_epoch_end(1, {"loss": 1.0, "val_expression_accuracy": 0.9})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "model.keras": "epoch 0",
        "last.keras": "epoch 0",
    }


def test_history_is_whole_after_each_epoch_and_takes_new_columns(tmp_path):
    writer = with_model(WriteHistory(tmp_path / "history.csv"))
    writer.on_epoch_end(0, {"loss": 1.5})
    writer.on_epoch_end(1, {"loss": 1.25, "val_loss": 2.0})
    with (tmp_path / "history.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"epoch": "0", "loss": "1.5", "val_loss": ""},
        {"epoch": "1", "loss": "1.25", "val_loss": "2.0"},
    ]


def test_facts_of_the_epoch_reach_later_callbacks():
    facts = with_model(EpochFacts())
    logs = {"loss": 1.0}
    facts.on_epoch_begin(0)
    facts.on_epoch_end(0, logs)
    assert logs["learning_rate"] == 0.25
    assert 0 <= logs["seconds"] < 60


# --- collapse ------------------------------------------------------------------------------------


def test_warns_once_and_only_after_patience():
    callback = with_model(WarnOnCollapse(smallest_share=0.25, patience=2))
    for rank in (1.9, 2.1, 1.9):
        callback.on_epoch_end(0, {"val_effective_rank": rank})
    with pytest.warns(CollapseWarning, match=r"effective rank is 1\.5 of 8 dimensions.*decorrelation_weight"):
        callback.on_epoch_end(1, {"val_effective_rank": 1.5})
    callback.on_epoch_end(2, {"val_effective_rank": 1.0})


def test_silent_where_nothing_shapes_the_representation_or_nothing_is_known():
    baseline = with_model(WarnOnCollapse(patience=1), objective=Objective())
    baseline.on_epoch_end(0, {"val_effective_rank": 1.0})
    unknown = with_model(WarnOnCollapse(patience=1))
    unknown.on_epoch_end(0, {"loss": 1.0})
    assert unknown.epochs_below == 0
