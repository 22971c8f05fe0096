import io

import pytest

from keras_fer.models.objective import Objective
from keras_fer.training import epoch_lines
from keras_fer.training.epoch_lines import EpochLines


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Model:
    """Stands in for a model of 64 dimensions."""

    objective = Objective(adversarial_weight=1.0)
    non_expression_branch = type("Branch", (), {"output_shape": (None, 64)})


@pytest.fixture
def clock(monkeypatch):
    """Returns a function that sets the time."""
    now = [0.0]
    monkeypatch.setattr(epoch_lines.time, "monotonic", lambda: now[0])
    return lambda seconds: now.__setitem__(0, seconds)


def lines(stream):
    callback = EpochLines(stream)
    callback.set_model(Model())
    callback.set_params({"epochs": 12, "steps": 10})
    return callback


LOGS = {
    "loss": 1.2345,
    "expression_accuracy": 0.5,
    "val_expression_accuracy": 0.456,
    "val_effective_rank": 20.4,
}


def test_one_line_per_epoch(clock):
    stream = io.StringIO()
    callback = lines(stream)
    for epoch, accuracy in enumerate([0.456, 0.44, 0.5]):
        clock(100.0 * epoch)
        callback.on_epoch_begin(epoch)
        clock(100.0 * epoch + 65)
        callback.on_train_batch_end(4, LOGS)
        callback.on_epoch_end(epoch, {**LOGS, "val_expression_accuracy": accuracy})
    assert stream.getvalue().splitlines() == [
        "epoch  1 of 12: 1 min 05 s; loss 1.234, accuracy 50.0%; validation 45.6%, the best so far; "
        "effective rank 20 of 64; at most 11 min 55 s left",
        "epoch  2 of 12: 1 min 05 s; loss 1.234, accuracy 50.0%; validation 44.0%; effective rank 20 of 64; "
        "at most 10 min 50 s left",
        "epoch  3 of 12: 1 min 05 s; loss 1.234, accuracy 50.0%; validation 50.0%, the best so far; "
        "effective rank 20 of 64; at most 9 min 45 s left",
    ]


def test_no_rank_of_a_branch_that_nothing_moves(clock):
    stream = io.StringIO()
    callback = lines(stream)
    callback.model.objective = Objective()
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, LOGS)
    assert "rank" not in stream.getvalue()


def test_the_line_moves_on_a_terminal(clock):
    stream = Terminal()
    callback = lines(stream)
    callback.on_epoch_begin(1)
    clock(0.4)
    callback.on_train_batch_end(0, LOGS)
    assert stream.getvalue() == ""  # not more often than people read
    clock(30.0)
    callback.on_train_batch_end(2, LOGS)
    assert (
        stream.getvalue()
        == "\r\x1b[Kepoch  2 of 12: step 3 of 10, 1 min 44 s left, loss 1.234, accuracy 50.0%"
    )
    callback.on_epoch_end(1, {"loss": 1.0})
    assert stream.getvalue().endswith("\r\x1b[Kepoch  2 of 12: 30 s; loss 1.000; at most 5 min 00 s left\n")


def test_endless_data_has_no_end_to_tell(clock):
    stream = Terminal()
    callback = lines(stream)
    callback.set_params({"epochs": 1, "steps": None})
    callback.on_epoch_begin(0)
    clock(5.0)
    callback.on_train_batch_end(2, {"loss": 2.0})
    assert stream.getvalue().endswith("epoch 1 of 1: step 3, loss 2.000")


@pytest.mark.parametrize(("stream", "live"), [(Terminal(), False), (io.StringIO(), True)])
def test_live_as_asked_for(clock, stream, live):
    callback = EpochLines(stream, live)
    callback.set_params({"epochs": 1, "steps": 3})
    callback.on_epoch_begin(0)
    clock(1.0)
    callback.on_train_batch_end(0, {})
    assert bool(stream.getvalue()) == live
