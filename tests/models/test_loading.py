"""Saving, loading and going on, and one clear sentence for every file that is no model."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.loading import load_model
from keras_fer.models.objective import PRESETS, preset

LABELS = ("neutral", "happiness", "sadness", "surprise")
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.01, 100)


def state(model):
    """Every number of a model, its optimisers included."""
    optimizers = [model.optimizer, *([model.critic_optimizer] if model.critics else [])]
    variables = [*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)]
    return [variable.numpy() for variable in variables]


def assert_identical(first, second):
    first, second = state(first), state(second)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", PRESETS)
def test_training_goes_on_bit_for_bit(tiny_model, make_batch, tmp_path, name):
    changes = {"bank_size": 64, "bank_content": "representations"} if name == "disentangle" else {}
    model = tiny_model(preset(name, **changes))
    optimizer = keras.optimizers.AdamW(SCHEDULE, weight_decay=10.0, use_ema=True, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer=optimizer, critic_optimizer=keras.optimizers.Adam(5e-3, 0.5), run_eagerly=True)
    batches = [make_batch(seed=seed) for seed in range(4)]
    for batch in batches[:2]:
        model.train_on_batch(*batch)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert_identical(model, loaded)
    assert int(loaded.optimizer.iterations) == 2
    loaded.run_eagerly = True
    for batch in batches[2:]:
        assert model.train_on_batch(*batch) == loaded.train_on_batch(*batch)
    assert_identical(model, loaded)


def test_a_model_file_holds_no_face_features(tiny_model, make_batch, tmp_path):
    model = tiny_model("disentangle")
    model.compile(run_eagerly=True)
    model.train_on_batch(*make_batch())
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert [int(found.bank.count) for found in (model, loaded)] == [12, 0]
    assert np.asarray(model.bank.rows).any()
    assert not np.asarray(loaded.bank.rows).any()
    for one, other in zip(model.trainable_variables, loaded.trainable_variables, strict=True):
        np.testing.assert_array_equal(one, other)
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        file.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as weights:
        shapes = []
        weights.visititems(lambda name, item: shapes.append(getattr(item, "shape", None)))
    assert (64, 4, 4, 4) not in shapes
    assert len(shapes) > 10
    loaded.run_eagerly = True
    loaded.train_on_batch(*make_batch(seed=1))


@pytest.mark.parametrize("name", ["paper", "baseline"])
def test_metrics_of_compile_come_back(tiny_model, make_batch, tmp_path, name):
    model = tiny_model(name)
    model.compile(
        metrics={"expression": keras.metrics.TopKCategoricalAccuracy(2, name="top2")},
        weighted_metrics={"expression": "categorical_accuracy"},
        run_eagerly=True,
    )
    model.train_on_batch(*make_batch())
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path)
    loaded.run_eagerly = True
    images, targets = make_batch(seed=1)
    logs = [
        found.evaluate(images, targets, batch_size=12, verbose=0, return_dict=True)
        for found in (model, loaded)
    ]
    assert {"top2", "categorical_accuracy"} <= set(logs[0])
    assert logs[0] == logs[1]
    # A file of before holds none.
    config = {key: value for key, value in model.get_compile_config().items() if "metrics" not in key}
    older = DisentanglingModel.from_config(model.get_config())
    older.compile_from_config(config)
    assert older._compile_metrics is None


def test_under_mixed_precision(tiny_model, make_batch, tmp_path, dtype_policy):
    dtype_policy("mixed_float16")
    model = tiny_model(preset("disentangle", bank_size=64, bank_content="representations"))
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=10.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model.compile(optimizer=optimizer, run_eagerly=True)
    model.train_on_batch(*make_batch())
    model.save(tmp_path / "model.keras")
    dtype_policy("float32")
    loaded = load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, keras.optimizers.LossScaleOptimizer)
    assert_identical(model, loaded)
    loaded.run_eagerly = True
    assert model.train_on_batch(*make_batch(seed=1)) == loaded.train_on_batch(*make_batch(seed=1))
    assert_identical(model, loaded)


def test_everything_else_comes_back(tiny_model, make_batch, tmp_path):
    contract = ModelContract(LABELS, 16, crop_margin=0.1, temperature=1.5, name="tiny", training_data="none")
    changes = {"class_weights": (1, 2, 3, 4), "valence_arousal_weight": 0.5, "reconstruction_weight": 1.0}
    model = tiny_model(changes, contract=contract)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path)
    assert loaded.contract == contract
    assert loaded.objective == model.objective
    assert not loaded.compiled
    images = make_batch()[0]
    for name, values in model.predict(images, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(images, verbose=0)[name], values)
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        stored = json.loads(archive.read("config.json"))["config"]["contract"]
    assert ModelContract.from_dict(stored) == contract


def test_config_round_trip(tiny_model):
    model = tiny_model("disentangle")
    again = DisentanglingModel.from_config(model.get_config())
    assert again.get_config() == model.get_config()
    assert [v.shape for v in again.variables] == [v.shape for v in model.variables]


def test_no_file(tmp_path):
    with pytest.raises(FERError, match=r"There is no model at '.*absent\.keras'\. Name a \.keras file"):
        load_model(tmp_path / "absent.keras")
    with pytest.raises(FERError, match=r"a run folder that holds model\.keras"):
        load_model(tmp_path)


def test_not_a_zip_and_truncated(tiny_model, tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("not a model")
    with pytest.raises(FERError, match=r"is not a \.keras file \(or is truncated\)"):
        load_model(path)
    tiny_model().save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(FERError, match=r"is not a \.keras file \(or is truncated\)"):
        load_model(path)


def test_a_zip_that_is_no_model(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(FERError, match="cannot be loaded as a model of this package"):
        load_model(path)


def test_another_keras_model(tiny_trunk, tmp_path):
    tiny_trunk("rgb").save(tmp_path / "other.keras")
    with pytest.raises(FERError, match=r"holds a Functional, not a DisentanglingModel"):
        load_model(tmp_path / "other.keras")


def test_code_inside_a_model_is_refused(tmp_path):
    images = keras.Input((16, 16, 3))
    evil = keras.Model(images, keras.layers.Lambda(lambda values: values * 2)(images))
    evil.save(tmp_path / "evil.keras")
    with pytest.raises(FERError, match=r"cannot be loaded as a model of this package.*[Ll]ambda"):
        load_model(tmp_path / "evil.keras")


def with_changed_config(model, folder, part, **changes):
    """Saves a model and changes a part of its stored configuration."""
    path, changed = folder / "model.keras", folder / "changed.keras"
    model.save(path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            content = source.read(member)
            if member == "config.json":
                config = json.loads(content)
                config["config"][part].update(changes)
                content = json.dumps(config)
            target.writestr(member, content)
    return changed


@pytest.mark.parametrize(("part", "reason"), [("objective", "no fields"), ("contract", "unknown fields")])
def test_a_model_of_a_newer_version(tiny_model, tmp_path, part, reason):
    changed = with_changed_config(tiny_model(), tmp_path, part, from_the_future=1)
    with pytest.raises(FERError, match=f"{reason}.*from_the_future"):
        load_model(changed)


@pytest.mark.parametrize(
    ("changes", "stated"),
    [({"label_names": ["a", "b", "c"]}, "3 classes and 16"), ({"image_size": 48}, "4 classes and 48")],
)
def test_a_contract_of_another_graph(tiny_model, tmp_path, changes, stated):
    changed = with_changed_config(tiny_model(), tmp_path, "contract", **changes)
    with pytest.raises(FERError, match=f"does not belong to its graph: it states {stated} pixels"):
        load_model(changed)


@pytest.mark.parametrize("name", ["net.tflite", "net.ONNX"])
def test_an_exported_file_is_told_from_a_model(tmp_path, name):
    (tmp_path / name).write_bytes(b"whatever")
    with pytest.raises(FERError, match="is an exported file"):
        load_model(tmp_path / name)
