"""What callbacks remember from one epoch to the next, with a model of two numbers in the place of a model."""

import keras
import numpy as np
import pytest

from keras_fer.training import run_folder
from keras_fer.training.callbacks import SaveBestAndLast, WarnOnCollapse, WriteHistory
from keras_fer.training.checkpoint_folder import newest_checkpoint
from keras_fer.training.checkpoints import WriteCheckpoints
from keras_fer.training.epoch_lines import EpochLines


class Holder:
    """Stands in for a model and for its optimisers."""

    critic_optimizer = None
    stop_training = False

    def __init__(self, *values):
        self.variables = [np.array(value) for value in values]
        self.optimizer = self


@pytest.fixture
def run(tmp_path):
    for name in (run_folder.CONFIG, run_folder.BEST_MODEL):
        (tmp_path / name).write_text("{}")
    (tmp_path / run_folder.CHECKPOINTS).mkdir()
    return tmp_path


def callbacks_of(run):
    return [
        SaveBestAndLast(run, "accuracy"),
        WriteHistory(run / run_folder.HISTORY),
        WarnOnCollapse(),
        EpochLines(),
        keras.callbacks.EarlyStopping("accuracy", mode="max", patience=3),
    ]


def test_callbacks_remember(run):
    saver, history, collapse, lines, stopping = callbacks = callbacks_of(run)
    writer = WriteCheckpoints(run, callbacks)
    writer.set_model(Holder(1.0, 2))
    writer.set_params({"epochs": 9})
    for callback in (*callbacks, writer):
        callback.on_train_begin()
    writer.on_epoch_end(0)
    assert newest_checkpoint(run) is None  # There is no best model yet.
    saver.best, saver.best_epoch = 0.75, 3
    history.rows = [{"epoch": 0, "loss": 0.1}, {"epoch": 1, "loss": float("inf")}]
    collapse.epochs_below, lines.best, stopping.wait, stopping.best = 1, 0.5, 2, 0.75
    writer.on_epoch_end(4)

    checkpoint = newest_checkpoint(run)
    assert (checkpoint.epoch, checkpoint.ended) == (4, False)
    saver, history, collapse, lines, stopping = others = callbacks_of(run)
    further = WriteCheckpoints(run, others, checkpoint)
    assert (saver.best, saver.best_epoch) == (0.75, 3)
    # Keras' own forget all when training begins.
    for callback in (*others, further):
        callback.on_train_begin()
    assert (stopping.wait, stopping.best) == (2, 0.75)
    assert (collapse.epochs_below, lines.best) == (1, 0.5)
    assert [row["loss"] for row in history.rows] == [0.1, float("inf")]


def test_the_last_epoch_and_early_stopping_end_a_training(run):
    callbacks = callbacks_of(run)
    callbacks[0].best_epoch = 0
    writer = WriteCheckpoints(run, callbacks)
    writer.set_model(model := Holder(1.0))
    writer.set_params({"epochs": 3})
    for epoch, stop, ended in ((0, False, False), (1, True, True), (2, False, True)):
        model.stop_training = stop
        writer.on_epoch_end(epoch)
        assert newest_checkpoint(run).ended == ended
