"""The script that trains the nets in the box again, from an archive in the layout of FER+."""

import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.training.run_folder import read_config

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "shipped_models.sh"
NAMES = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
PARTS = {"Training": ("FER2013Train", 640), "PublicTest": ("FER2013Valid", 12)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A few rendered faces of every expression, enough to choose a threshold on a tenth of them."""
    root = tmp_path_factory.mktemp("ferplus")
    faces = SyntheticConfig(num_images=700, difficulty="easy", image_size=48)
    rows, number = [",".join(("Usage", "Image name", *NAMES))], 0
    for usage, (folder, count) in PARTS.items():
        (root / folder).mkdir()
        for _ in range(count):
            name = f"fer{number:07}.png"
            Image.fromarray(render(faces, number)[0]).convert("L").save(root / folder / name)
            chosen = number % 8
            rows.append(
                ",".join((usage, name, *("10" if vote == chosen else "0" for vote in range(len(NAMES)))))
            )
            number += 1
    (root / "fer2013new.csv").write_text("\n".join(rows) + "\n")
    with tarfile.open(root / "ferplus.tar.gz", "w:gz") as file:
        for name in ("fer2013new.csv", *(folder for folder, _ in PARTS.values())):
            file.add(root / name, name)
    return root / "ferplus.tar.gz"


def run(*arguments, programs=Path(sys.executable).parent, limit_s=60):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "CERTAIN_ACCURACY": "0.01",
        "RENDERED_IMAGES": "64",
        # After a few steps every answer is close to another one.
        "EXPORT_OPTIONS": "--agreement 0 --accuracy-loss 1",
    }
    command = ["bash", str(SCRIPT), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.timeout(1000)
def test_from_the_archive_to_the_files(archive, tmp_path):
    tiny = ("--epochs", 1, "--steps-per-epoch", 4, "--batch-size", 16, "--precision", "float32")
    done = run(archive, tmp_path / "shipped", *tiny, limit_s=900)
    assert done.returncode == 0, done.stderr
    for name in ("ferplus", "ferplus-edge"):
        run_config = read_config(tmp_path / "shipped" / name)
        assert run_config["calibrated"]["certain_accuracy"] == 0.01
        for recipe in ("float32", "static_wi8_ai8"):
            recognizer = ExpressionRecognizer(
                tmp_path / "shipped" / "exported" / name / f"{name}_{recipe}.tflite"
            )
            assert recognizer.contract.name == name
            assert recognizer.contract.training_data.startswith("ferplus")
            assert recognizer.contract.temperature == run_config["calibrated"]["temperature"] != 1
            assert ("votes" in recognizer.contract.training_data) == (name == "ferplus")
            (probabilities,) = recognizer.recognize([np.zeros((48, 48, 3), np.uint8)])
            assert probabilities.sum() == pytest.approx(1, abs=1e-3)


@pytest.fixture
def programs(tmp_path):
    """A folder with a `keras-fer` that prints its arguments, and finishes the run that goes on."""
    folder = tmp_path / "programs"
    folder.mkdir()
    script = '#!/bin/sh\necho "$@"\n[ "$2" != --resume ] || rmdir "$3/checkpoints"\n'
    (folder / "keras-fer").write_text(script)
    (folder / "keras-fer").chmod(0o755)
    return folder


@pytest.fixture
def begun(tmp_path):
    """The teachers are finished, the net that is shipped was stopped."""
    folder = tmp_path / "shipped"
    teachers = ("first", "second", "third", "fourth")
    for name in (*teachers, "ferplus/checkpoints", "prepared", "votes", "rendered", "calibrated"):
        (folder / name).mkdir(parents=True)
    for name in teachers:
        (folder / name / "config.json").touch()
        (folder / name / "evaluation.json").touch()
    (folder / "ferplus/config.json").touch()
    return folder


def test_what_is_done_is_not_done_again_and_what_was_stopped_goes_on(begun, programs):
    done = run("ferplus.tar.gz", begun, "--seed", 1, programs=programs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"train --resume {begun}/ferplus"
    assert lines[1].startswith(f"train {begun}/prepared {begun}/ferplus-edge --preset baseline ")
    assert lines[1].endswith(" --seed 1")
    for name in ("ferplus", "ferplus-edge"):
        calibrated, exported = lines[2:4] if name == "ferplus" else lines[4:]
        balance = " --logit-adjustment 0.1" if name == "ferplus" else ""
        assert calibrated == f"calibrate {begun}/{name} --certain-accuracy 0.01{balance}"
        assert exported.startswith(f"export {begun}/{name} {begun}/exported/{name} --name {name} ")


def test_nothing_follows_a_training_that_is_not_finished(begun, programs):
    (programs / "keras-fer").write_text('#!/bin/sh\necho "$@"\n')
    done = run("ferplus.tar.gz", begun, programs=programs)
    assert done.returncode == 130
    assert done.stdout == f"train --resume {begun}/ferplus\n"


def test_usage():
    done = run("ferplus.tar.gz")
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")
