"""`keras-fer train` in two processes: one breaks off, and both go on with the run."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from local_cluster import free_addresses, run_together

from keras_fer.cli import train
from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter
from keras_fer.models.loading import load_model
from keras_fer.training.cluster import Cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.run_folder import BEST_MODEL, CONFIG, HISTORY, read_history, write_json

# A minute of one core that has nothing else to do.
pytestmark = pytest.mark.timeout(1800)

# The second process breaks off when the first epoch has ended.
PROGRAM = """
import os, sys
from keras_fer.cli.main import main

if sys.argv.pop(1) == "breaks off":
    from keras_fer.training.epoch_lines import EpochLines

    EpochLines.on_epoch_begin = lambda self, epoch, logs=None: os._exit(9) if epoch else None
main()
"""
SMALL = ("--preset", "disentangle", "--backbone", "plain_small", "--epochs", 2, "--steps-per-epoch", 2)
SMALL = (*SMALL, "--batch-size", 8, "--bank-size", 16, "--num-critics", 1, "--critic-steps", 1)


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """33 images to learn from, 17 to validate and 16 to test."""
    folder = tmp_path_factory.mktemp("prepared") / "squares"
    generator = np.random.default_rng(0)
    with PreparedWriter(folder, source="squares", label_names=("a", "b"), image_shape=(16, 16, 3)) as writer:
        writer.append(
            generator.integers(0, 256, (66, 16, 16, 3), np.uint8),
            labels=np.arange(66) % 2,
            splits=np.repeat([0, 1, 2], [33, 17, 16]),
            sources=[str(row) for row in range(66)],
        )
        writer.finish()
    return folder


def both(*arguments, second="goes on", of_second=()):
    """Runs the command in two processes; options tell the first of the other, TF_CONFIG tells the second."""
    addresses = free_addresses()
    command = [sys.executable, "-c", PROGRAM]
    train = ["train", *map(str, arguments)]
    task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 1}}
    return run_together(
        [
            [*command, "goes on", *train, "--cluster", ",".join(addresses), "--worker", "0"],
            [*command, second, *train, *map(str, of_second)],
        ],
        limit_s=850,
        environments=[{}, {"TF_CONFIG": json.dumps(task)}],
    )


def test_two_processes_break_off_and_go_on(squares, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    run = tmp_path / "run"
    first, second = both(squares, run, *SMALL, second="breaks off")
    assert second.status == 9, second.text[-2000:]
    assert first.status == 1, first.text[-2000:]
    assert "process 0: epoch 1 of 2" in first.text
    assert "Error: Another of the 2 processes has ended" in first.text
    assert f"`keras-fer train --resume {run}`" in first.text
    assert "Traceback" not in first.text

    alone = CliRunner().invoke(main, ["train", "--resume", str(run)])
    assert alone.exit_code == 1
    assert "The run is one of 2 processes, and the cluster has 1" in alone.output

    first, second = both("--resume", run)
    assert (first.status, second.status) == (0, 0), first.text[-2000:] + second.text[-2000:]
    assert "Training goes on after epoch 1 of 2." in first.text
    assert "Accuracy on 16 images of the test split" in first.text
    assert "process 0 evaluates" in second.text
    assert [row["epoch"] for row in read_history(run)] == [0, 1]
    assert (run / "report.html").is_file()
    assert not (run / "checkpoints").exists()
    assert load_model(run).objective.bank_size == 16
    # The process that broke off could not clear away what it had written; the other one did.
    assert len(list(temporary.glob("keras-fer-worker-*"))) == 1


def test_two_processes_that_do_not_train_the_same(squares, tmp_path):
    run = tmp_path / "run"
    ended = both(squares, run, *SMALL, of_second=("--seed", 1, "--mixup-alpha", 0.5))
    assert [process.status for process in ended] == [1, 1], ended[0].text[-2000:] + ended[1].text[-2000:]
    assert "they differ in: mixup_alpha (here 0), seed (here 0). Start all of them" in ended[0].text
    assert "they differ in: mixup_alpha (here 0.5), seed (here 1). Start all of them" in ended[1].text
    assert not any("Traceback" in process.text for process in ended)
    assert not run.exists()


def test_where_training_has_ended_the_second_process_does_nothing(squares, tmp_path, monkeypatch):
    def loaded():
        raise AssertionError

    monkeypatch.setattr(train, "load_tensorflow", loaded)
    config = TrainingConfig(str(squares), str(tmp_path), workers=2)
    write_json(tmp_path / CONFIG, config.to_dict())
    (tmp_path / BEST_MODEL).write_bytes(b"a model")
    (tmp_path / HISTORY).write_text("epoch,loss\n0,1.0\n")
    options = ("--cluster", "a:1,b:2", "--worker", "1")
    result = CliRunner().invoke(main, ["train", "--resume", str(tmp_path), *options])
    assert (result.exit_code, result.output) == (0, "Training had ended; process 0 evaluates, alone.\n")


def test_control_c_in_the_second_process(monkeypatch, capsys):
    class LeftError(Exception):
        pass

    def leave(status):
        raise LeftError(status)

    monkeypatch.setattr(train, "_leave", leave)
    config, cluster = TrainingConfig("data", "runs/both", workers=2), Cluster(("a:1", "b:2"), 1)
    with pytest.raises(LeftError, match="0"):
        train._conclude(SimpleNamespace(interrupted=True), config, cluster)
    said = "Interrupted; the others end too. `keras-fer train --resume runs/both`, started in all"
    assert capsys.readouterr().out.startswith(said)


@pytest.mark.parametrize(
    ("options", "variable", "sentence"),
    [
        (("--cluster", "a:1,b:2"), None, "give both"),
        (("--worker", "1"), None, "give both"),
        (("--cluster", "a:1", "--worker", "0"), None, "A cluster is two or more processes"),
        (("--cluster", "a:1,b", "--worker", "0"), None, "named by host and port"),
        (("--cluster", "a:1,b:2", "--worker", "2"), None, "numbered from 0 to 1"),
        ((), "{", "TF_CONFIG is not JSON"),
        (("--cluster", "a:1,b:2", "--worker", "0"), "{}", "leave out one of them"),
        (
            ("--cluster", "a:1,b:2", "--worker", "0", "--batch-size", "18"),
            None,
            "set --batch-size to a multiple",
        ),
        (
            ("--cluster", "a:1,b:2", "--worker", "0", "--jit-compile"),
            None,
            "train in one process on one device",
        ),
        (
            ("--cluster", "a:1,b:2", "--worker", "0", "--gradient-clip", "1"),
            None,
            "train in one process on one",
        ),
        (
            ("--cluster", "a:1,b:2", "--worker", "0", "--devices", "cpu:2"),
            None,
            "in place of --devices cpu:2",
        ),
        (("--cluster", "a:1,b:2", "--worker", "0", "--precision", "mixed_float16"), None, "'mixed_bfloat16'"),
    ],
)
def test_refused_in_a_sentence(squares, tmp_path, monkeypatch, options, variable, sentence):
    if variable is not None:
        monkeypatch.setenv("TF_CONFIG", variable)
    result = CliRunner().invoke(main, ["train", str(squares), str(tmp_path / "run"), *options])
    assert result.exit_code == 1
    assert sentence in result.output
    assert result.output.count("\n") == 1
