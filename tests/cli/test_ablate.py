import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli import tensorflow_start
from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter
from keras_fer.labels import EXPRESSIONS_8

PROGRAM = (
    "import sys\n"
    "if __name__ == '__main__':\n"
    "    from keras_fer.cli.main import main\n"
    "    try: main()\n"
    "    finally: print('heavy:', sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Gray noise that is brighter from class to class."""
    folder = tmp_path_factory.mktemp("ablate") / "data"
    labels = np.tile(np.arange(8), 24)
    noise = np.random.default_rng(0).integers(0, 100, (len(labels), 16, 16, 1))
    with PreparedWriter(
        folder, source="noise", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1), config={}
    ) as writer:
        writer.append(
            (noise + 20 * labels[:, None, None, None] * (np.arange(16)[:, None] < 8)).astype(np.uint8),
            labels=labels,
            splits=np.repeat([0, 1, 2], 64),
            sources=[f"{row}.png" for row in range(len(labels))],
        )
        writer.finish()
    return folder


def config_file(folder, **changes):
    path = folder / "ablation.json"
    values = {
        "dataset": "not/here",
        "seeds": [0, 1],
        "base": {"preset": "baseline", "backbone": "plain_small", "epochs": 1, "batch_size": 32},
        "variants": {
            "plain": {"decorrelation_weight": 0.1},
            "erased": {"decorrelation_weight": 0.1, "erase": True},
        },
        "probe": {"seeds": [0]},
    }
    path.write_text(json.dumps({**values, **changes}))
    return path


def start(*arguments):
    command = [sys.executable, "-c", PROGRAM, "ablate", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(process):
    """The processes that a process has started, with their state."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in listed.stdout.splitlines()]
    return {int(pid) for pid, parent, state in rows if int(parent) == process.pid and state[0] != "Z"}


def alive(pid):
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    ).stdout.strip()
    return bool(state) and state[0] != "Z"


def wait_until(condition):
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_killed_and_started_again_it_repeats_nothing_and_ends_complete(data, tmp_path):
    config, output = config_file(tmp_path), tmp_path / "out"
    results = [output / "runs" / f"{name}-seed0" / "result.json" for name in ("plain", "erased")]
    process = start(config, output, "--dataset", data)
    wait_until(lambda: results[0].is_file() or process.poll() is not None)
    own = children(process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert own
    # Nobody goes on in the folder: the erased run, which was next in that process, has no result.
    wait_until(lambda: not any(map(alive, own)))
    assert not results[1].exists()
    before = results[0].read_bytes()
    trained = (results[0].parent / "trained.json").stat().st_mtime_ns

    done = start(config, output, "--dataset", data)
    printed, errors = done.communicate(timeout=280)
    assert done.returncode == 0, errors
    assert "of them finished" in printed
    assert "heavy: []" in printed
    assert "[4/4]" in printed
    # The first run is as it was, and the one that shares its training did not train again.
    assert results[0].read_bytes() == before
    assert (results[0].parent / "trained.json").stat().st_mtime_ns == trained
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["num_finished"], summary["unfinished"]) == (4, [])
    difference = summary["variants"][1]["differences"]["accuracy"]
    assert (difference["mean"], difference["verdict"]) == (0.0, "not distinguishable")
    assert (output / "summary.html").is_file()
    assert not list((output / "runs").glob(".*"))

    # What is finished can be summed up without the data, and is refused with another config.
    again = CliRunner().invoke(main, ["ablate", str(config), str(output), "--summary-only"])
    assert again.exit_code == 0, again.output
    assert "Leakage" in again.output
    base = {"preset": "baseline", "backbone": "plain_small", "epochs": 2, "batch_size": 32}
    changed = config_file(tmp_path, base=base)
    refused = CliRunner().invoke(main, ["ablate", str(changed), str(output), "--dataset", str(data)])
    assert refused.exit_code == 1
    assert "made with other settings (epochs: 1 there, 2 here)" in refused.output


@pytest.mark.parametrize(
    ("change", "arguments", "code", "message"),
    [
        ({}, ["{config}", "out"], 1, "not/here"),
        ({}, ["{config}", "out", "--dataset", "{config}"], 1, "ablation.json"),
        ({}, ["{config}", "out", "--workers", "0"], 2, "workers"),
        ({}, ["none.json", "out"], 2, "none.json"),
        ({}, ["{config}", "{config}"], 2, "ablation.json"),
        ({}, ["{config}", "out", "--summary-only"], 1, "nothing to sum up"),
        ({"baseline": "x"}, ["{config}", "out"], 1, "must name a variant"),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(
    assert_refused, tmp_path, change, arguments, code, message
):
    config = config_file(tmp_path, **change)
    arguments = [argument.format(config=config) for argument in arguments]
    assert_refused("ablate", *arguments, code=code, message=message)
    assert [path.name for path in tmp_path.iterdir()] == ["ablation.json"]


def test_without_tensorflow_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(tensorflow_start, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["ablate", str(config_file(tmp_path)), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "This command needs TensorFlow, and 'tensorflow' is not installed" in result.stderr
    assert not (tmp_path / "out").exists()
