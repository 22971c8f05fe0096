"""`keras-fer train --resume`: after a true `kill -9`, and what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from run_state import history_without_seconds, model_arrays

from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter
from keras_fer.labels import EXPRESSIONS_8

OPTIONS = ("--preset", "disentangle", "--num-critics", "2", "--critic-steps", "1", "--bank-size", "32")
# In fewer than ten steps there would be no averages.
OPTIONS += ("--backbone", "plain_small", "--batch-size", "16", "--epochs", "4", "--steps-per-epoch", "4")
OPTIONS += ("--ema-momentum", "0.5", "--augmentation", "light", "--no-progress")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Gray noise of 16 pixels."""
    folder = tmp_path_factory.mktemp("prepared") / "faces"
    writer = PreparedWriter(folder, source="noise", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1))
    with writer:
        writer.append(
            np.random.default_rng(0).integers(0, 256, (96, 16, 16, 1), np.uint8),
            labels=np.arange(96) % 8,
            splits=np.repeat([0, 1, 2], 32),
            sources=[f"{row}.png" for row in range(96)],
        )
        writer.finish()
    return folder


def started(*commands):
    """Starts a process that runs one command after the other."""
    program = (
        "import json, sys; from keras_fer.cli.main import main\n"
        "for command in json.loads(sys.argv[1]): main(command, standalone_mode=False)"
    )
    arguments = json.dumps([[str(argument) for argument in command] for command in commands])
    return subprocess.Popen(
        [sys.executable, "-c", program, arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_kill_9_and_resume_in_another_process(faces, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = started(("train", faces, killed, *OPTIONS))
    deadline = time.monotonic() + 240
    while not (killed / "checkpoints" / "epoch-00002").is_dir():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (killed / "checkpoints").is_dir()
    assert not (killed / "evaluation.json").exists()
    assert len(list(killed.glob("checkpoints/epoch-*"))) == 2

    refused = CliRunner().invoke(main, ["train", str(faces), str(killed)])
    assert refused.exit_code == 1
    assert f"`keras-fer train --resume {killed}` goes on with it" in refused.output

    ended = shutil.copytree(killed, tmp_path / "ended")
    process = started(
        ("train", faces, whole, *OPTIONS),
        ("train", "--resume", killed, "--no-progress"),
        ("train", "--resume", ended, "--finish"),
    )
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output
    assert f"Report: {ended / 'report.html'}" in output
    assert not (ended / "checkpoints").exists()
    assert re.search(r">[23] of at most 4<", (ended / "report.html").read_text())
    assert ">4 of at most 4<" in (killed / "report.html").read_text()
    assert "Training goes on after epoch" in output
    for name in ("last.keras", "model.keras"):
        assert model_arrays(killed / name) == model_arrays(whole / name)
    assert history_without_seconds(killed) == history_without_seconds(whole)
    evaluations = [json.loads((run / "evaluation.json").read_text()) for run in (killed, whole)]
    assert evaluations[0] == evaluations[1]
    assert {path.name for path in killed.iterdir()} == {path.name for path in whole.iterdir()}

    again = CliRunner().invoke(main, ["train", "--resume", str(killed)])
    assert again.exit_code == 1
    assert "is finished; there is nothing to go on with" in again.output


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--resume", "none"], 1, "There is no run folder 'none'"),
        (["--resume", "run", "--epochs", "3"], 1, "leave out --epochs beside --resume"),
        (["--resume", "run", "--soft-labels", "faces"], 1, "leave out dataset, --soft-labels beside"),
        (["faces", "--resume", "run", "--config", "{file}"], 1, "--config"),
        ([], 2, "Missing argument 'DATASET'"),
        (["faces"], 2, "Missing argument 'RUN'"),
    ],
)
def test_refused_in_one_sentence(arguments, code, message):
    result = CliRunner().invoke(main, ["train", *(item.format(file=__file__) for item in arguments)])
    assert result.exit_code == code
    assert message.lower() in result.output.lower()


def test_finish_needs_a_run_that_was_stopped(faces, tmp_path):
    result = CliRunner().invoke(main, ["train", str(faces), str(tmp_path / "run"), "--finish"])
    assert result.exit_code == 2
    assert "name it with --resume" in result.output


def test_finishing_is_for_one_process(tmp_path):
    shared = ("--cluster", "one:2222,two:2222", "--worker", "0")
    result = CliRunner().invoke(main, ["train", "--resume", str(tmp_path), "--finish", *shared])
    assert result.exit_code == 2
    assert "leave out --cluster" in result.stderr
