"""Every command that writes, on a disk that takes nothing and in a folder that is not to be written.

The errors come from the system: a limit on the size of files (EFBIG in the place of ENOSPC), and mode bits,
which hold for the superuser too once it has put away the right to pass over them.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import resource
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli.main import main

FEW = ("--recipe", "float32", "--verification-images", "5")
PROBE = ("--factors", "expression", "--no-floors", "--representation", "face_features", "--seeds", "1")
# Arguments by command; {out} lies in the folder that is watched, and so does {run}, the copy of a run.
COMMANDS = {
    "prepare": ("prepare", "folder", "{photos}", "{out}", "--validation-share", "0"),
    "inspect --sheet": ("inspect", "{data}", "--sheet", "{out}.png"),
    "evaluate --output": ("evaluate", "{model}", "{data}", "--output", "{out}.json"),
    "predict --output": (
        *("predict", "--detector", "none", "{model}", "{photo}", "--format", "json"),
        *("--output", "{out}.jsonl"),
    ),
    "predict --annotate": ("predict", "--detector", "none", "{model}", "{photo}", "--annotate", "{out}"),
    "export": ("export", "{run}", "{out}", *FEW),
    "bundle": ("bundle", "{run}", "{out}", *FEW),
    "calibrate": ("calibrate", "{run}", "--split", "test"),
    "probe": ("probe", "{run}", *PROBE),
    "train": (
        *("train", "{data}", "{out}", "--preset", "baseline", "--backbone", "plain_small", "--epochs", "1"),
        *("--batch-size", "8", "--no-progress", "--validation-split", "test"),
    ),
}
ROOM = {"no file": 0, "small files": 100}
# What a report tells of how a run was trained.
TRAINED = {
    **{
        "preset": "baseline",
        "backbone": "plain_small",
        "num_parameters": 3,
        "validation_split": "test",
        "seed": 0,
        "epochs": 1,
    },
    "environment": {"packages": {}, "git_revision": None},
}


@contextlib.contextmanager
def room_for_files_of(size_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def as_others():
    """Takes from the superuser, for this thread, what lets it write where mode bits forbid it."""
    if os.geteuid() != 0:
        yield
        return
    system = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this thread
    rights = (ctypes.c_uint32 * 6)()
    assert system.capget(header, rights) == 0
    fewer = (ctypes.c_uint32 * 6)(*rights)
    fewer[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of the effective set
    assert system.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert system.capset(header, rights) == 0


@pytest.fixture
def place(tmp_path, tiny_run, noise_dataset, model_file):
    """A folder with a copy of a run, and what the commands read beside it."""
    photos = tmp_path / "photos"
    for number, name in enumerate(("happy", "sad")):
        for copy in range(3):
            pixels = np.random.default_rng(10 * number + copy).integers(0, 256, (48, 48, 3), dtype=np.uint8)
            (photos / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(photos / name / f"{copy}.png")
    folder = tmp_path / "place"
    shutil.copytree(tiny_run, folder / "run")
    config = json.loads((tiny_run / "config.json").read_text())
    (folder / "run" / "config.json").write_text(json.dumps({**config, **TRAINED}))
    names = {
        "photos": photos,
        "photo": photos / "happy" / "0.png",
        "data": noise_dataset,
        "model": model_file(),
        "run": folder / "run",
        "out": folder / "out",
    }
    return folder, names


def contents(folder):
    """Returns the checksums of all files; what is kept of a preparation, to go on with it, is left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_relative_to(folder / "out.partial")
    }


def invoke(name, names):
    arguments = [word.format(**names) for word in COMMANDS[name]]
    return CliRunner().invoke(main, arguments)


def assert_one_sentence(result):
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    (message,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return message


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(place, name, room):
    folder, names = place
    before = contents(folder)
    with room_for_files_of(ROOM[room]):
        result = invoke(name, names)
    assert_one_sentence(result)
    assert contents(folder) == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_is_not_to_be_written_is_one_sentence(place, name):
    folder, names = place
    before = contents(folder)
    for path in (folder, folder / "run"):
        path.chmod(0o555)
    with as_others():
        result = invoke(name, names)
    for path in (folder, folder / "run"):
        path.chmod(0o755)
    message = assert_one_sentence(result)
    assert any(word in message for word in ("Permission denied", "not be written", "cannot be", "no folder"))
    assert contents(folder) == before
