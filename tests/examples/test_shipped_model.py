"""The script that trains the net in the box again, from an archive in the layout of FER+."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_fer.contract import ModelContract
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.training.run_folder import read_config

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "shipped_model.sh"
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


def run(*arguments, programs=Path(sys.executable).parent):
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(programs), os.environ["PATH"]]),
        "CERTAIN_ACCURACY": "0.01",
    }
    command = ["bash", str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)


def test_from_the_archive_to_the_files(archive, tmp_path):
    tiny = ("--epochs", 1, "--steps-per-epoch", 4, "--batch-size", 16, "--precision", "float32")
    done = run(archive, tmp_path / "shipped", *tiny)
    assert done.returncode == 0, done.stderr
    exported = tmp_path / "shipped" / "exported"
    contract = ModelContract.from_json((exported / "contract.json").read_bytes())
    assert contract.name == "ferplus"
    assert contract.training_data.startswith("ferplus")
    assert contract.temperature != 1
    assert read_config(exported.parent / "student")["calibrated"]["certain_accuracy"] == 0.01
    for name in ("ferplus_float32.tflite", "ferplus_static_wi8_ai8.tflite"):
        (probabilities,) = ExpressionRecognizer(exported / name).recognize([np.zeros((48, 48, 3), np.uint8)])
        assert probabilities.sum() == pytest.approx(1, abs=1e-3)


def test_what_is_done_is_not_done_again_and_what_was_stopped_goes_on(archive, tmp_path):
    programs, folder = tmp_path / "programs", tmp_path / "shipped"
    programs.mkdir()
    (programs / "keras-fer").write_text('#!/bin/sh\necho "$@"\n')
    (programs / "keras-fer").chmod(0o755)
    (folder / "first").mkdir(parents=True)
    (folder / "teacher" / "checkpoints").mkdir(parents=True)
    (folder / "exported").mkdir()
    done = run(archive, folder, "--seed", 1, programs=programs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["prepare", "train", "train", "calibrate"]
    assert lines[1] == f"train --resume {folder}/teacher"
    assert lines[2].startswith(f"train {folder}/prepared {folder}/student --backbone residual_edge ")
    assert lines[2].endswith(" --seed 1")


def test_usage():
    done = run("ferplus.tar.gz")
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")
