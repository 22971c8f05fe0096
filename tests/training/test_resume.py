"""A run that was stopped ends, bit for bit, as the one that was not."""

import math
import shutil
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from run_state import history_without_seconds, model_arrays

from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError
from keras_fer.folder_lock import folder_lock
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.training import resume as resume_module
from keras_fer.training import run_folder
from keras_fer.training.callbacks import WriteHistory
from keras_fer.training.checkpoint_folder import VARIABLES, is_unfinished, write_checkpoint
from keras_fer.training.cluster import Cluster
from keras_fer.training.config import TrainingConfig
from keras_fer.training.content_hash import model_hash
from keras_fer.training.fit import MONITOR, TrainingResult, fit
from keras_fer.training.resume import (
    CheckpointWarning,
    StoppedRun,
    _best_row,
    end_training,
    resume,
    stopped_run,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing"),
    pytest.mark.filterwarnings("ignore:The structure of `inputs`"),  # Of the classifier, without graphs.
    pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`"),
]
EPOCHS, STEPS = 3, 2


@pytest.fixture
def eagerly():
    """Without graphs: tracing them would take most of the time. The test of the command has them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(autouse=True)
def averaged(monkeypatch):
    """So few steps would have no averages of the weights."""
    monkeypatch.setattr("keras_fer.training.run_model._ema_momentum", lambda wanted, num_steps: wanted)


@pytest.fixture(scope="module")
def turned_folder(tmp_path_factory):
    """Noise of 16 pixels with a turn."""
    folder = tmp_path_factory.mktemp("prepared") / "turned"
    generator = np.random.default_rng(3)
    with PreparedWriter(
        folder, source="turned", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1)
    ) as writer:
        writer.append(
            generator.integers(0, 256, (96, 16, 16, 1), np.uint8),
            labels=np.arange(96) % 8,
            splits=np.repeat([0, 1, 2], 32),
            sources=[str(row) for row in range(96)],
            factors={"yaw": generator.normal(0.1, 0.3, 96).astype(np.float32)},
        )
        writer.finish()
    return folder


@pytest.fixture(scope="module")
def settings(prepared_folder):
    def make(output, **changes):
        values = {
            "dataset": str(prepared_folder),
            "output": str(output),
            "preset": "baseline",
            "backbone": "plain_small",
            "epochs": EPOCHS,
            "steps_per_epoch": STEPS,
            "batch_size": 16,
            "augmentation": "light",
            "ema_momentum": 0.5,
        }
        return TrainingConfig(**{**values, **changes})

    return make


class Snapshots(keras.callbacks.Callback):
    """Copies the run folder at moments of an epoch: what `kill -9` leaves there is what stands in it."""

    def __init__(self, run, folder, moments):
        super().__init__()
        self.run, self.folder, self.moments = run, folder, moments

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self._copy(epoch, "begin")

    def on_train_batch_end(self, batch, logs=None):
        self._copy(self.epoch, batch)

    def on_epoch_end(self, epoch, logs=None):
        # The models and the history are written, the checkpoint is not.
        self._copy(epoch, "end")

    def _copy(self, *moment):
        if moment in self.moments:
            shutil.copytree(self.run, self.folder / "-".join(map(str, moment)))


def trained_with_snapshots(config, folder, *moments):
    run = run_folder.Path(config.output)
    result = fit(config, [Snapshots(run, folder, moments)], verbose=0)
    return result, [folder / "-".join(map(str, moment)) for moment in moments]


def assert_same_end(one, other):
    assert history_without_seconds(one.folder) == history_without_seconds(other.folder)
    assert (one.best_epoch, one.best_accuracy) == (other.best_epoch, other.best_accuracy)
    for file in (run_folder.LAST_MODEL, run_folder.BEST_MODEL):
        arrays = model_arrays(one.folder / file)
        assert len(arrays) > 40
        assert arrays == model_arrays(other.folder / file)
    assert not is_unfinished(one.folder)
    names = [{path.name for path in run.folder.iterdir()} for run in (one, other)]
    assert names[0] == names[1]


SMALL = {"bank_size": 32, "num_critics": 2, "critic_steps": 2}


@pytest.mark.parametrize(
    ("changes", "moment"),
    [
        ({"preset": "paper"}, (1, "end")),
        ({"preset": "disentangle", "objective_changes": SMALL}, (2, 0)),
        ({"preset": "disentangle", "objective_changes": SMALL, "factors": ("expression", "yaw")}, (1, 0)),
    ],
    ids=["paper", "disentangle", "factors"],
)
def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(
    eagerly, settings, turned_folder, tmp_path, changes, moment
):
    if "factors" in changes:
        changes = {**changes, "dataset": str(turned_folder), "epochs": 2, "ema_momentum": 0.0}
    config = settings(tmp_path / "run", **changes)
    whole, (killed,) = trained_with_snapshots(config, tmp_path / "killed", moment)
    assert is_unfinished(killed)
    assert stopped_run(killed).epochs_done == moment[0]
    resumed = resume(killed, verbose=0)
    assert not resumed.interrupted
    assert_same_end(resumed, whole)


def test_beside_a_finished_classifier_and_with_teachers(eagerly, settings, tmp_path):
    """The weights are in the checkpoint; the teachers answer anew."""
    given = fit(settings(tmp_path / "given", epochs=1, steps_per_epoch=8, seed=7), verbose=0).folder
    frozen = {"preset": "disentangle", "objective_changes": SMALL, "freeze_expression": True}
    config = settings(
        tmp_path / "run", **frozen, weights=str(given), teachers=(str(given / "last.keras"),), epochs=2
    )
    whole, (begun, killed) = trained_with_snapshots(config, tmp_path / "killed", (0, 0), (1, 0))
    shutil.copytree(begun, tmp_path / "again")
    assert_same_end(resume(begun, verbose=0), whole)
    (given / run_folder.BEST_MODEL).unlink()
    with pytest.raises(FERError, match=r"model '.*given' that the run began with is gone or has changed"):
        resume(tmp_path / "again", verbose=0)
    assert_same_end(resume(killed, verbose=0), whole)


def test_teachers_that_changed(stopped, tmp_path):
    teacher = tmp_path / "teacher.keras"
    teacher.write_bytes(b"one")
    run = stopped(teachers=(str(teacher),))
    config = run_folder.read_config(run)
    run_folder.write_json(run / run_folder.CONFIG, {**config, "teacher_hashes": [model_hash(str(teacher))]})
    for folder in run.glob("checkpoints/epoch-*"):
        shutil.rmtree(folder)
    write_checkpoint(run, 1, False, {}, {"a": np.zeros(2)})
    assert stopped_run(run).epochs_done == 2
    teacher.write_bytes(b"two")
    with pytest.raises(FERError, match=r"The teacher .* is gone or has changed"):
        resume(run)


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 2 * STEPS + 1:
            raise KeyboardInterrupt


def test_killed_interrupted_and_damaged_without_critics(eagerly, settings, tmp_path):
    config = settings(tmp_path / "run", validation_split="test")
    moments = [(0, 1), (2, "begin"), (2, "end")]
    whole, (begun, two, last) = trained_with_snapshots(config, tmp_path / "killed", *moments)

    # Before the first checkpoint: anew, with the config that it has. Then Ctrl-C in its third epoch.
    assert stopped_run(begun) == StoppedRun(replace(config, output=str(begun)), None, trained=False)
    interrupted = resume(begun, [Interrupt()], verbose=0)
    assert interrupted.interrupted
    assert history_without_seconds(begun) == history_without_seconds(whole.folder)[:2]
    (begun / run_folder.EVALUATION).write_text("{}")
    assert_same_end(resume(begun, verbose=0), whole)

    newest, older = sorted((two / run_folder.CHECKPOINTS).glob("epoch-*"), reverse=True)
    assert (newest.name, older.name) == ("epoch-00002", "epoch-00001")
    damaged = newest / VARIABLES
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.warns(CheckpointWarning, match="epoch-00002.*is damaged.*goes on from epoch-00001 instead"):
        assert_same_end(resume(two, verbose=0), whole)

    # What a killed process was writing goes away, and so does the best model of a later epoch.
    for leftover in (".last-abc.keras", ".history-abc.csv", "checkpoints/.epoch-00003-abc"):
        (last / leftover).touch()
    (last / run_folder.BEST_MODEL).write_bytes(b"of an epoch that is not in the checkpoint")
    assert_same_end(resume(last, verbose=0), whole)


# --- folders that nothing was trained in -----------------------------------------------------------


@pytest.fixture
def stopped(settings, prepared_folder, tmp_path):
    """Returns a function that makes the folder of a run with so many epochs done."""

    def make(epochs=2, ended=False, **changes):
        run = tmp_path / "stopped"
        (run / run_folder.CHECKPOINTS).mkdir(parents=True)
        values = settings(run, **changes).to_dict()
        run_folder.write_json(
            run / run_folder.CONFIG,
            {**values, "dataset_hash": open_prepared(prepared_folder).content_hash},
        )
        history = WriteHistory(run / run_folder.HISTORY)
        (run / run_folder.BEST_MODEL).write_bytes(b"a model")
        for epoch in range(epochs):
            history.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 1.0, MONITOR: 0.5 - 0.125 * epoch})
            write_checkpoint(run, epoch, ended and epoch == epochs - 1, {}, {"a": np.zeros(2)})
        return run

    return make


def test_ended_where_it_is(stopped):
    run = stopped(epochs=2)
    before = (run / run_folder.BEST_MODEL).read_bytes()
    assert end_training(run) == TrainingResult(run, 1, 0.5, interrupted=False)
    assert not is_unfinished(run)
    assert (run / run_folder.BEST_MODEL).read_bytes() == before
    assert stopped_run(run).trained
    # Killed before the evaluation.
    assert end_training(run) == TrainingResult(run, 1, 0.5, interrupted=False)
    (run / run_folder.EVALUATION).write_text("{}")
    with pytest.raises(FERError, match="is finished"):
        end_training(run)


def test_before_the_first_epoch_there_is_nothing_to_end_with(stopped):
    run = stopped(epochs=0)
    with pytest.raises(FERError, match=r"No epoch of the run .* has ended"):
        end_training(run)
    assert is_unfinished(run)


def test_a_finished_run(stopped):
    run = stopped(ended=True)
    assert stopped_run(run).trained
    # The second of two processes neither waits for the first nor changes anything.
    second = Cluster(("one:1", "two:2"), 1)
    assert resume(run, cluster=second) == TrainingResult(run, 1, 0.5, interrupted=False)
    assert len(list(run.glob("checkpoints/epoch-*"))) == 2
    # Killed between training and evaluation; once and twice.
    for _ in range(2):
        assert resume(run) == TrainingResult(run, 1, 0.5, interrupted=False)
        assert not (run / run_folder.CHECKPOINTS).exists()
        assert stopped_run(run).trained
    (run / run_folder.EVALUATION).write_text("{}")
    with pytest.raises(FERError, match="is finished; there is nothing to go on with"):
        resume(run)


def test_the_best_of_the_epochs_that_were_saved():
    rows = [{"epoch": 0, "loss": 1.0, "val_loss": math.inf, MONITOR: 0.9}]
    rows += [{"epoch": epoch, "loss": 1.0, "val_loss": 1.0, MONITOR: 0.5} for epoch in (1, 2)]
    assert _best_row(rows, MONITOR, later_wins=False)["epoch"] == 1
    assert _best_row(rows, MONITOR, later_wins=True)["epoch"] == 2


def test_a_new_run_in_the_folder_of_an_unfinished_one(stopped, settings):
    run = stopped()
    with pytest.raises(FERError, match=f"not finished: `keras-fer train --resume {run}` goes on with it"):
        fit(settings(run))


def test_no_run_folder(tmp_path):
    with pytest.raises(FERError, match=r"is not a run folder: config\.json cannot be read"):
        resume(tmp_path)


def test_a_data_set_that_changed(stopped, turned_folder, tmp_path):
    copy = tmp_path / "copy"
    run = stopped(dataset=str(copy))
    with pytest.raises(FERError, match="copy"):
        resume(run)
    shutil.copytree(turned_folder, copy)
    with pytest.raises(FERError, match="has changed since the run began: its content hash is"):
        resume(run)
    shutil.rmtree(run)
    mixed = {"mixed_dataset": str(copy), "mixed_share": 0.5}
    with pytest.raises(FERError, match="copy' has changed since the run began"):
        resume(stopped(**mixed))


def test_a_config_that_changed(stopped):
    run = stopped()
    config = run_folder.read_config(run)
    run_folder.write_json(run / run_folder.CONFIG, {**config, "epochs": 40})
    with pytest.raises(FERError, match=r"config\.json of .* was changed since its training stopped"):
        resume(run)


def test_no_checkpoint_that_can_be_used(stopped):
    run = stopped()
    for state in run.glob("checkpoints/*/state.json"):
        state.write_text("{}")
    with pytest.raises(FERError, match=r"epoch-00002' is damaged .*state\.json is not as .* no other"):
        resume(run)
    for folder in run.glob("checkpoints/epoch-*"):
        shutil.rmtree(folder)
    with pytest.raises(FERError, match="has no checkpoint to go on from"):
        resume(run)


def test_a_checkpoint_of_another_model(stopped):
    with pytest.raises(FERError, match=r"is not of the model that its config\.json describes"):
        resume(stopped())


def test_two_processes(stopped):
    run = stopped()
    with folder_lock(run / run_folder.CHECKPOINTS), pytest.raises(FERError, match="Another process"):
        resume(run)
    assert len(list(run.glob("checkpoints/epoch-*"))) == 2


@pytest.mark.parametrize("ends", ["before it looks for the folder", "before it has the lock"])
@pytest.mark.parametrize("go_on", [resume, end_training])
def test_another_process_that_ends_the_run_meanwhile(stopped, monkeypatch, ends, go_on):
    run, looks = stopped(), []

    def end():
        shutil.rmtree(run / run_folder.CHECKPOINTS)
        (run / run_folder.EVALUATION).write_text("{}")

    def look(folder):
        looks.append(stopped_run(folder))
        if ends.endswith("folder") and len(looks) == 1:
            end()
        return looks[-1]

    @contextmanager
    def lock(folder):
        with folder_lock(folder):
            end()
            yield

    monkeypatch.setattr(resume_module, "stopped_run", look)
    monkeypatch.setattr(resume_module, "folder_lock", lock)
    with pytest.raises(FERError, match=r"is finished; there is nothing to go|is gone: another process"):
        go_on(run)
    assert (run / run_folder.EVALUATION).read_text() == "{}"
    assert not is_unfinished(run)


@pytest.mark.parametrize("change", [{"teacher_hashes": False}, {"dataset_hash": 3}, {"teacher_hashes": [1]}])
def test_hashes_that_are_no_texts(stopped, change):
    # The first was found by fuzzing.
    run = stopped()
    config = run_folder.read_config(run)
    run_folder.write_json(run / run_folder.CONFIG, {**config, **change})
    with pytest.raises(FERError, match="hashes that are no texts"):
        stopped_run(run)


def test_a_finished_run_without_a_saved_epoch(stopped):
    run = stopped()
    shutil.rmtree(run / run_folder.CHECKPOINTS)
    (run / run_folder.HISTORY).write_text("epoch,loss\n0,1\n")
    with pytest.raises(FERError, match="no epoch that was saved"):
        resume(run)
