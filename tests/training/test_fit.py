import errno
import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.models.loading import load_model
from keras_fer.training import run_folder, run_model
from keras_fer.training.callbacks import LossWarning
from keras_fer.training.config import TrainingConfig
from keras_fer.training.fit import fit
from keras_fer.training.run_folder import read_config, read_history


@pytest.fixture
def config(prepared_folder, tmp_path):
    def make(**changes):
        values = {
            "dataset": str(prepared_folder),
            "output": str(tmp_path / "run"),
            "preset": "baseline",
            "backbone": "plain_small",
            "epochs": 2,
            "batch_size": 16,
            "augmentation": "none",
            "ema_momentum": 0.5,
        }
        return TrainingConfig(**{**values, **changes})

    return make


def test_a_run_leaves_models_config_history_and_contract(config):
    result = fit(config(), verbose=0)
    assert not result.interrupted
    assert result.best_epoch in (1, 2)
    names = {path.name for path in result.folder.iterdir()}
    assert names == {
        "model.keras",
        "last.keras",
        "config.json",
        "history.csv",
        "contract.json",
        "tensorboard",
    }
    history = read_history(result.folder)
    assert len(history) == 2
    assert {"loss", "val_expression_accuracy", "val_effective_rank", "learning_rate", "seconds"} <= set(
        history[0]
    )
    assert max(row["val_expression_accuracy"] for row in history) == pytest.approx(result.best_accuracy)
    stored = read_config(result.folder)
    assert stored["environment"]["packages"]["keras"] == keras.__version__
    assert len(stored["dataset_hash"]) == 64
    assert stored["mixed_dataset"] is stored["mixed_dataset_hash"] is None
    model = load_model(result.folder)
    assert json.loads((result.folder / "contract.json").read_text()) == model.contract.to_dict()


@pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing")
def test_the_stored_config_repeats_the_run(config, tmp_path):
    first = fit(config(preset="disentangle_pairs", augmentation="standard"), verbose=0)
    stored = read_config(first.folder)
    fields = TrainingConfig.__dataclass_fields__
    again = {name: value for name, value in stored.items() if name in fields}
    second = fit(TrainingConfig(**{**again, "output": str(tmp_path / "again")}), verbose=0)
    for one, other in zip(load_model(first.folder).weights, load_model(second.folder).weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("preset", ["baseline", "disentangle_pairs"])
@pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing")
def test_images_that_the_device_holds_train_the_same_weights(config, tmp_path, preset):
    options = {"preset": preset, "augmentation": "standard", "epochs": 1, "image_size": 16}
    first = fit(config(**options), verbose=0)
    second = fit(config(**options, cache_on_device=True, output=str(tmp_path / "cached")), verbose=0)
    for one, other in zip(load_model(first.folder).weights, load_model(second.folder).weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_blocks_train(config):
    result = fit(config(block_rows=4, epochs=1), verbose=0)
    assert read_config(result.folder)["block_rows"] == 4


def test_the_saved_model_holds_the_averaged_weights(config, tmp_path, monkeypatch):
    """With a momentum of nearly 1 the average stays where the first step left the weights."""
    monkeypatch.setattr(
        "keras_fer.training.run_model._ema_momentum", lambda wanted, num_steps: wanted or 0.99
    )
    settings = config(ema_momentum=0.999999, epochs=1, steps_per_epoch=16)
    keras.utils.set_random_seed(settings.seed)
    untrained = run_model.build_model(settings, open_prepared(settings.dataset), (1 / 8,) * 8, 16)

    def largest_move(run):
        pairs = zip(load_model(run).encoder_variables, untrained.encoder_variables, strict=True)
        return max(np.abs(one - other).max() for one, other in pairs)

    assert largest_move(fit(settings, verbose=0).folder) < 1.1 * settings.learning_rate
    plain = replace(settings, ema_momentum=0.0, output=str(tmp_path / "plain"))
    assert largest_move(fit(plain, verbose=0).folder) > 3 * settings.learning_rate


@pytest.mark.filterwarnings("ignore:The non-expression representation is collapsing")
def test_a_run_on_two_data_sets(config, coloured_pairs_folder, monkeypatch):
    """The rows of each step, the prior of both, and hashes of both in the config."""
    changes = {"adversarial_weight": 0.1, "view_invariance_weight": 0.5, "valence_arousal_weight": 0.1}
    settings = config(
        preset="disentangle_pairs",
        objective_changes=changes,
        augmentation="light",
        epochs=1,
        mixed_dataset=str(coloured_pairs_folder),
        mixed_share=0.25,
        mixed_expression_weight=0.0,
    )
    result = fit(settings, verbose=0)
    stored = read_config(result.folder)
    assert stored["mixed_dataset"] == str(coloured_pairs_folder)
    assert stored["mixed_dataset_hash"] == open_prepared(coloured_pairs_folder).content_hash
    assert stored["mixed_dataset_hash"] != stored["dataset_hash"]
    assert stored["mixed_images_withheld"] == 0
    # 12 rows of eight equal classes; 4 of a third each happiness, anger and what has no label.
    shares = np.array([1.5, 1.5 + 4 / 3, 1.5, 1.5, 1.5, 1.5, 1.5 + 4 / 3, 1.5])
    np.testing.assert_allclose(stored["objective"]["class_prior"], shares / shares.sum())
    history = read_history(result.folder)[0]
    for name in ("view_invariance_loss", "invariance_loss", "swap_reconstruction_loss", "critic_loss"):
        assert history[name] > 0
        assert (f"val_{name}" in history) == (name == "critic_loss")
    assert "val_valence_arousal_loss" not in history
    contract = load_model(result.folder).contract
    assert contract.label_names == EXPRESSIONS_8
    assert contract.training_data == "squares; mixed with coloured"


class Interrupt(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_control_c_keeps_what_was_trained(config):
    result = fit(config(epochs=5), callbacks=[Interrupt(1)], verbose=0)
    assert result.interrupted
    assert result.best_epoch == 1
    assert len(read_history(result.folder)) == 1
    load_model(result.folder)


def test_control_c_in_the_first_epoch_leaves_nothing(config):
    settings = config()
    with pytest.raises(FERError, match="nothing was kept"):
        fit(settings, callbacks=[Interrupt(0)], verbose=0)
    assert not run_folder.Path(settings.output).exists()


def test_any_other_failure_in_the_first_epoch_leaves_nothing(config):
    class Broken(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise OSError("disk")

    settings = config()
    with pytest.raises(OSError, match="disk"):
        fit(settings, callbacks=[Broken()], verbose=0)
    assert not run_folder.Path(settings.output).exists()


@pytest.mark.parametrize(("epoch", "after"), [(0, "nothing was kept"), (1, "goes on after epoch 1")])
def test_a_full_disk(config, epoch, after):
    class Full(keras.callbacks.Callback):
        def on_epoch_begin(self, number, logs=None):
            if number == epoch:
                raise OSError(errno.ENOSPC, "No space left on device")

    settings = config()
    with pytest.raises(FERError, match=f"run' cannot be written: No space left on device; .*{after}"):
        fit(settings, callbacks=[Full()], verbose=0)
    assert run_folder.Path(settings.output).exists() == (epoch > 0)


def test_a_loss_that_is_not_finite_is_refused(config):
    settings = config(learning_rate=1e30, warmup_share=0.0)
    with pytest.raises(FERError, match=r"not finite in step [1-8] of epoch 1\. Lower `learning_rate`"):
        fit(settings, verbose=0)
    assert not run_folder.Path(settings.output).exists()


def test_a_later_loss_that_is_not_finite_keeps_the_last_good_model(config):
    class Breaking(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if (self.epoch, batch) == (1, 2):
                variable = self.model.trainable_variables[0]
                variable.assign(np.full(variable.shape, np.nan))

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch

    settings = config(epochs=4)
    with pytest.warns(LossWarning, match=r"not finite in step 3 of epoch 2\. Training stopped, and the best"):
        result = fit(settings, callbacks=[Breaking()], verbose=0)
    assert result.best_epoch == 1
    history = read_history(result.folder)
    assert [np.isfinite(row["loss"]) for row in history] == [True, False]
    for name in (run_folder.BEST_MODEL, run_folder.LAST_MODEL):
        weights = load_model(result.folder / name).get_weights()
        assert all(np.isfinite(array).all() for array in weights)


def test_mixed_precision_trains_and_restores_the_policy(config):
    result = fit(config(precision="mixed_bfloat16", epochs=1), verbose=0)
    assert keras.config.dtype_policy().name == "float32"
    assert np.isfinite(read_history(result.folder)[0]["loss"])


def test_a_step_compiled_with_xla_gets_augmented_images(config):
    result = fit(config(jit_compile=True, augmentation="light", epochs=1, steps_per_epoch=2), verbose=0)
    assert np.isfinite(read_history(result.folder)[0]["loss"])


def test_a_shard_that_was_changed_is_refused(config, prepared_folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(prepared_folder, copy)
    shard = copy / "images-00000.npy"
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(FERError, match="damaged"):
        fit(config(dataset=str(copy)), verbose=0)


def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(config, tmp_path):
    used = tmp_path / "used"
    used.mkdir()
    (used / "file").write_text("")
    with pytest.raises(FERError, match="exists already"):
        fit(config(output=str(used)), verbose=0)
    with pytest.raises(FERError, match="none"):
        fit(config(dataset=str(tmp_path / "none")), verbose=0)
    with pytest.raises(FERError, match="valence"):
        fit(config(objective_changes={"valence_arousal_weight": 1.0}), verbose=0)
    with pytest.raises(FERError, match="nowhere"):
        fit(config(mixed_dataset=str(tmp_path / "nowhere")), verbose=0)
    single = tmp_path / "single"
    with PreparedWriter(
        single, source="x", label_names=("happiness", "anger"), image_shape=(16, 16, 1), config={}
    ) as writer:
        images = np.zeros((32, 16, 16, 1), np.uint8)
        names = [str(index) for index in range(32)]
        writer.append(images, labels=np.arange(32) % 2, splits=np.zeros(32, int), sources=names)
        writer.finish()
    with pytest.raises(FERError, match="no validation split"):
        fit(config(dataset=str(single)), verbose=0)
    with pytest.raises(FERError, match="exact pairs"):
        fit(config(dataset=str(single), preset="disentangle_pairs"), verbose=0)
    assert not (tmp_path / "run").exists()


def test_fresh_probes_on_the_way_stand_in_history_and_tensorboard(config):
    folder = fit(config(probe_every=2), verbose=0).folder
    first, second = read_history(folder)
    assert "val_leakage" not in first
    assert -0.2 < second["val_leakage"] <= 1.0
    assert second["val_retention"] <= 1.0
    assert second["val_effective_rank"] > first["val_effective_rank"] * 0.5  # validation's own
    events = EventAccumulator(str(folder / "tensorboard" / "validation")).Reload()
    (event,) = events.Tensors("epoch_leakage")
    assert tf.make_ndarray(event.tensor_proto) == pytest.approx(second["val_leakage"])
    assert read_config(folder)["probe_every"] == 2


def test_probes_need_two_expressions(config, tmp_path):
    writer = PreparedWriter(
        tmp_path / "one", source="one", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1), config={}
    )
    with writer:
        writer.append(
            np.zeros((48, 16, 16, 1), np.uint8),
            labels=np.repeat([0, 1], [32, 16]),
            splits=np.repeat([0, 1], [32, 16]),
            sources=[f"{row}.png" for row in range(48)],
        )
        writer.finish()
    with pytest.raises(FERError, match=r"no two expressions in common .*train without --probe-every"):
        fit(config(dataset=str(tmp_path / "one"), probe_every=1), verbose=0)
