import io
import json

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.export.recipes import PRUNED
from keras_fer.export.toolkit import finetuned, show_progress
from keras_fer.export.watched_process import Ending
from keras_fer.training.epoch_lines import EpochLines


@pytest.mark.parametrize("images", [None, np.zeros((0, 16, 16, 3), np.uint8), np.zeros((2, 16, 16, 3))])
def test_training_needs_images(classifier, contract, images):
    with pytest.raises(ValueError, match=r"pruned needs training images, uint8 \(n, 16, 16, 3\) with n > 0"):
        finetuned(classifier, contract, PRUNED, images)


@pytest.mark.parametrize(
    ("ending", "message"),
    [
        (
            Ending(1, "Traceback\nRuntimeError: no such layer\n"),
            r"could not export by pruned: RuntimeError: no such layer\. Leave",
        ),
        (Ending(-9, ""), r"could not export by pruned: exit code -9\. Leave"),
        (Ending(0, "no file\n"), r"could not export by pruned: no file\. Leave"),
        (Ending(None, ""), r"exporting by pruned, did nothing for 15 minutes and was stopped\. Leave"),
    ],
)
def test_failure_of_the_other_process_is_one_sentence(
    ending, message, classifier, contract, stripes, monkeypatch
):
    def run(command, env, silence_seconds, on_line):
        assert env["TF_USE_LEGACY_KERAS"] == "1"
        return ending

    monkeypatch.setattr("keras_fer.export.toolkit.run_watched", run)
    with pytest.raises(FERError, match=message):
        finetuned(classifier, contract, PRUNED, stripes(4)[0])


def test_progress_is_a_line_per_epoch():
    stream = io.StringIO()
    lines = EpochLines(stream, prefix="pruned, ")
    for event, facts in (
        ("epoch_begin", {"epoch": 1, "epochs": 3, "steps": 20, "logs": {}}),
        ("step", {"step": 3, "logs": {"loss": 0.5}}),
        ("epoch_end", {"epoch": 1, "logs": {"loss": 0.25}}),
        ("something_new", {}),
    ):
        show_progress(json.dumps([event, facts]), lines)
    assert stream.getvalue() == "pruned, epoch 2 of 3: 0 s; loss 0.250; at most 0 s left\n"


def test_steps_show_on_a_terminal():
    stream = io.StringIO()
    lines = EpochLines(stream, live=True, prefix="pruned, ")
    lines.on_epoch_begin(0)
    show_progress(json.dumps(["epoch_begin", {"epoch": 0, "epochs": 3, "steps": 20}]), lines)
    lines._last_drawn -= 10
    show_progress(json.dumps(["step", {"step": 3, "logs": {"loss": 0.5}}]), lines)
    assert stream.getvalue().endswith("pruned, epoch 1 of 3: step 4 of 20, loss 0.500")
    lines._last_drawn -= 10
    show_progress(json.dumps(["step", {"step": 5, "logs": {"loss": 0.5}}]), lines)
    assert stream.getvalue().endswith("pruned, epoch 1 of 3: step 6 of 20, 0 s left, loss 0.500")
