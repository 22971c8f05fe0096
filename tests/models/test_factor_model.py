"""The model of several factors as Keras sees it: outputs, fit, evaluate, saving, parts that share weights."""

import dataclasses
import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.loading import load_model

EVERYTHING = {
    "reconstruction_weight": 0.7,
    "reconstruction_route": "branch",
    "adversarial_weight": 0.9,
    "adversarial_mode": "reversal",
    "adversarial_clamp": True,
    "adversarial_scope": "branch",
    "decorrelation_weight": 0.3,
    "bank_size": 24,
    "bank_draws": 8,
}


def arrays(variables):
    return [variable.numpy() for variable in variables]


def sgd(rate=0.1, **settings):
    return {
        "optimizer": keras.optimizers.SGD(rate, **settings),
        "critic_optimizer": keras.optimizers.SGD(rate),
    }


def test_outputs_by_name(tiny_factor_model, make_factor_batch):
    outputs = tiny_factor_model(EVERYTHING)(make_factor_batch()[0])
    assert {name: tuple(values.shape) for name, values in outputs.items()} == {
        "face_features": (12, 4, 4, 4),
        "expression": (12, 4),
        "identity": (12, 3),
        "pose": (12, 2),
        "expression_representation": (12, 6),
        "identity_representation": (12, 5),
        "pose_representation": (12, 4),
        "residual_representation": (12, 5),
        "reconstruction": (12, 16, 16, 1),
    }


def test_forward_equals_the_graph(tiny_factor_model, make_factor_batch):
    """Routes change gradients, never values; the graph gives values in the units of the data."""
    images = make_factor_batch()[0].astype(np.float32)
    model = tiny_factor_model(EVERYTHING)
    outputs, graph = model.forward(images, training=False), model(images, training=False)
    for kind in ("representations", "shaped", "decoded"):
        assert list(outputs[kind])[-1] == "residual"
        for name, values in outputs[kind].items():
            np.testing.assert_allclose(values, graph[f"{name}_representation"], atol=1e-5)
    for name in ("expression", "identity"):
        np.testing.assert_allclose(outputs["predictions"][name], graph[name], atol=1e-5)
    in_units = outputs["predictions"]["pose"] * np.array([0.5, 2]) + np.array([0.3, -1])
    np.testing.assert_allclose(in_units, graph["pose"], atol=1e-5)


def test_what_the_rest_of_the_package_relies_on(tiny_factor_model, make_factor_batch):
    model = tiny_factor_model(EVERYTHING)
    images, targets = make_factor_batch()
    classifier, representations = model.classifier, model.representations
    model.compile(**sgd(), run_eagerly=True)
    model.train_on_batch(images, targets)
    outputs = model.predict(images, verbose=0)
    np.testing.assert_allclose(classifier.predict(images, verbose=0), outputs["expression"], atol=1e-5)
    found = representations.predict(images, verbose=0)
    names = {f"{name}_representation" for name in ("expression", "identity", "pose", "residual")}
    assert set(found) == names | {"face_features"}
    for name in names:
        np.testing.assert_allclose(found[name], outputs[name], atol=1e-5)
    np.testing.assert_allclose(found["face_features"], outputs["face_features"].mean(axis=(1, 2)), atol=1e-5)
    deployed = {id(variable) for variable in classifier.variables}
    parts = (model.trunk, model.branches["expression"], model.heads["expression"])
    assert deployed == {id(variable) for part in parts for variable in part.variables}
    assert model.non_expression_branch is model.residual_branch
    assert model.num_expressions == 4


def test_players(tiny_factor_model, make_factor_batch):
    """Averages are paired with `trainable_variables` by position; each optimiser holds its own player."""
    model = tiny_factor_model(EVERYTHING)
    encoder, players = model.encoder_variables, model.trainable_variables
    assert [id(v) for v in encoder + model.critic_variables] == [id(v) for v in players]
    assert len({id(v) for v in players}) == len(players)
    model.compile(
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        critic_optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        run_eagerly=True,
    )
    model.train_on_batch(*make_factor_batch())
    assert len(model.optimizer.variables) == 2 + len(encoder)
    assert len(model.critic_optimizer.variables) == 2 + len(model.critic_variables)
    assert int(model.critic_optimizer.iterations) == model.objective.critic_steps


def test_losses_belong_to_the_objective(tiny_factor_model):
    with pytest.raises(ValueError, match="pass `objective=` to `factor_model`"):
        tiny_factor_model().compile(loss="mse")


# --- fit and evaluate ----------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
def test_compiled_steps_are_the_eager_ones(tiny_factor_model, make_factor_batch, three_factors):
    images, targets = make_factor_batch(24)
    results = []
    for eagerly in (True, False):
        model = tiny_factor_model(EVERYTHING, factors=three_factors[::2])
        model.compile(**sgd(), run_eagerly=eagerly)
        history = model.fit(images, targets, batch_size=12, epochs=2, shuffle=False, verbose=0).history
        results.append([*arrays(model.trainable_variables), history["loss"], history["pose_mae"]])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_what_is_logged(tiny_factor_model, make_factor_batch):
    model = tiny_factor_model(EVERYTHING)
    model.compile(**sgd(), run_eagerly=True, metrics={"expression": "categorical_accuracy"})
    batch = make_factor_batch()
    history = model.fit(*batch, batch_size=12, verbose=0, validation_data=batch).history
    terms = ("expression", "identity", "pose", "adversarial", "critic", "decorrelation", "reconstruction")
    names = {"loss", "expression_accuracy", "identity_accuracy", "pose_mae", "categorical_accuracy"}
    names |= {f"{name}_loss" for name in terms} | {f"critic_loss_{chase.name}" for chase in model.chases}
    assert set(history) == names | {f"val_{name}" for name in names} | {"val_effective_rank"}
    assert len(model.chases) == 9
    assert history["val_categorical_accuracy"] == pytest.approx(history["val_expression_accuracy"])


def test_evaluate_by_hand_over_uneven_batches(tiny_factor_model, make_factor_batch):
    """Means over the rows that have a target, whichever batch they are in; nothing moves."""
    images, targets = make_factor_batch(13)
    targets["expression"][3] = -1
    model = tiny_factor_model({"adversarial_weight": 0.5, "adversarial_mode": "reversal"})
    model.compile(weighted_metrics={"expression": "categorical_accuracy"})
    before = arrays(model.trunk.variables + model.branches["pose"].variables + model.critic_variables)
    logs = model.evaluate(images, targets, batch_size=5, verbose=0, return_dict=True)
    after = arrays(model.trunk.variables + model.branches["pose"].variables + model.critic_variables)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    outputs = model.predict(images, verbose=0)
    known = np.flatnonzero(targets["expression"] >= 0)
    log_p = tf.nn.log_softmax(outputs["expression"]).numpy()
    truth = targets["expression"][known]
    assert logs["expression_loss"] == pytest.approx(-log_p[known, truth].mean(), rel=1e-4)
    assert logs["expression_accuracy"] == pytest.approx((log_p[known].argmax(1) == truth).mean())
    assert logs["categorical_accuracy"] == pytest.approx(logs["expression_accuracy"])
    errors = (outputs["pose"] - targets["pose"])[:6]
    assert logs["pose_mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert logs["pose_loss"] == pytest.approx(np.mean((errors / np.array([0.5, 2])) ** 2), rel=1e-4)
    person = targets["person"][6:]
    hits = outputs["identity"][6:].argmax(1) == person
    assert logs["identity_accuracy"] == pytest.approx(hits.mean())
    (panel,) = (panel for panel in model.critics if panel.name == "critics_of_pose")
    said = tf.nn.log_softmax(panel(outputs["pose_representation"])["identity"][0]).numpy()[6:]
    critic_loss = -said[np.arange(7), person].mean()
    assert logs["critic_loss_identity_from_pose"] == pytest.approx(critic_loss, rel=1e-4)
    spectrum = np.linalg.eigvalsh(np.cov(outputs["residual_representation"].T, bias=True)).clip(1e-12)
    shares = spectrum / spectrum.sum()
    assert logs["effective_rank"] == pytest.approx(np.exp(-np.sum(shares * np.log(shares))), rel=1e-3)


def test_the_penalties_of_an_own_trunk_count(tiny_factor_model, make_factor_batch):
    losses, kernels = [], []
    for strength in (0.0, 0.5):
        model = tiny_factor_model({"expression_weight": 1.0})
        (convolution,) = (part for part in model.trunk.layers if isinstance(part, keras.layers.Conv2D))
        convolution.kernel.regularizer = keras.regularizers.L2(strength)
        model.compile(**sgd(), run_eagerly=True)
        before = convolution.kernel.numpy()
        losses.append(model.train_on_batch(*make_factor_batch(), return_dict=True)["loss"])
        kernels.append(convolution.kernel.numpy())
    assert losses[1] == pytest.approx(losses[0] + 0.5 * np.square(before).sum(), rel=1e-5)
    np.testing.assert_allclose(kernels[1], kernels[0] - 0.1 * 2 * 0.5 * before, atol=1e-6)


def test_evaluate_on_data_that_know_the_expression_alone(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    model = tiny_factor_model(EVERYTHING)
    model.compile(run_eagerly=True)
    everything = model.evaluate(images, targets, verbose=0, return_dict=True)
    for alone in (targets["expression"], {"expression": targets["expression"]}):
        logs = model.evaluate(images, alone, verbose=0, return_dict=True)
        assert not [name for name in logs if name.startswith(("identity", "pose", "critic_loss_pose"))]
        assert logs["expression_loss"] == pytest.approx(everything["expression_loss"])
        assert logs["effective_rank"] == pytest.approx(everything["effective_rank"])
    model.evaluate(images, {"person": targets["person"]}, verbose=0)


def test_a_misspelt_key_is_no_missing_label(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    model = tiny_factor_model()
    model.compile(run_eagerly=True)
    targets["identity"] = targets.pop("person")
    with pytest.raises(ValueError, match=r"Targets lack \['person'\]"):
        model.train_on_batch(images, targets)
    with pytest.raises(ValueError, match="need targets"):
        model.unpack((images,))


def test_augmentation_gets_seed_step_and_pairs(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    targets["pair"] = np.repeat(np.arange(6), 2)
    calls = []

    def dark(pictures, seed, pairs):
        calls.append((seed.numpy().tolist(), np.asarray(pairs).tolist()))
        return tf.cast(pictures, tf.float32) / 2

    model = tiny_factor_model()
    model.compile(**sgd(), augmentation=dark, augmentation_seed=7, run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(images, targets)
    assert calls == [([7, 0], targets["pair"].tolist()), ([7, 1], targets["pair"].tolist())]
    model.evaluate(images, targets, verbose=0)
    assert len(calls) == 2


def test_the_bank_holds_everything_side_by_side(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    model = tiny_factor_model(EVERYTHING)
    model.compile(**sgd(), run_eagerly=True)
    expected = model.forward(images.astype(np.float32), training=True)["representations"]
    model.train_on_batch(images, targets)
    rows = np.concatenate([np.asarray(values) for values in expected.values()], axis=1)
    np.testing.assert_allclose(model.bank.rows[:12], rows, atol=1e-5)
    labels = np.asarray(model.bank.labels[:12])
    np.testing.assert_array_equal(labels[:, :4], np.eye(4)[targets["expression"]])
    np.testing.assert_array_equal(labels[:6, 4:7], np.zeros((6, 3)))
    np.testing.assert_array_equal(labels[6:, 4:7], np.eye(3)[targets["person"][6:]])
    standardised = (targets["pose"][:6] - np.array([0.3, -1])) / np.array([0.5, 2])
    np.testing.assert_allclose(labels[:6, 7:], standardised, rtol=1e-5)
    assert np.isnan(labels[6:, 7:]).all()


def test_a_bank_of_face_features_gives_every_representation(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    model = tiny_factor_model({**EVERYTHING, "bank_content": "face_features"})
    model.compile(**sgd(), run_eagerly=True)
    outputs = model.forward(images.astype(np.float32), training=True)
    statistics = arrays(model.non_trainable_variables)
    together = np.asarray(model.represented(outputs["face_features"]))
    expected = np.concatenate([np.asarray(values) for values in outputs["representations"].values()], axis=1)
    np.testing.assert_allclose(together, expected, atol=1e-5)
    for old, new in zip(statistics, arrays(model.non_trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)
    model.train_on_batch(images, targets)
    np.testing.assert_allclose(model.bank.rows[:12], outputs["face_features"], atol=1e-3)
    assert model.bank.labels.shape[1] == 4 + 3 + 2


def test_a_step_in_half_precision(tiny_factor_model, make_factor_batch, dtype_policy):
    """That of single precision, also in length: the loss is scaled once and unscaled once."""
    steps = []
    for policy in ("float32", "mixed_float16"):
        dtype_policy(policy)
        model = tiny_factor_model(EVERYTHING)
        before = arrays(model.trainable_variables)
        players = sgd(0.01)
        if policy != "float32":
            # The scale that Keras starts with makes the first step overflow, which it then leaves out.
            players["optimizer"] = keras.optimizers.LossScaleOptimizer(
                players["optimizer"], initial_scale=256
            )
        model.compile(**players, run_eagerly=True)
        model.train_on_batch(*make_factor_batch(24))
        moved = [v.numpy() - old for v, old in zip(model.trainable_variables, before, strict=True)]
        critics = len(model.encoder_variables)
        steps.append(
            [np.concatenate([m.ravel() for m in part]) for part in (moved[:critics], moved[critics:])]
        )
    for expected, found in zip(*steps, strict=True):
        assert np.linalg.norm(expected) > 1e-3
        assert np.linalg.norm(found - expected) < 0.15 * np.linalg.norm(expected)


# --- saving --------------------------------------------------------------------------------------


def state(model):
    """Every number of a model, its optimisers included."""
    optimizers = [model.optimizer, *([model.critic_optimizer] if model.critics else [])]
    return arrays([*model.variables, *(v for optimizer in optimizers for v in optimizer.variables)])


def assert_identical(first, second):
    first, second = state(first), state(second)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("changes", [EVERYTHING, {}], ids=["two players", "one player"])
def test_training_goes_on_bit_for_bit(tiny_factor_model, make_factor_batch, tmp_path, changes):
    model = tiny_factor_model(changes, decorrelated="all")
    optimizer = keras.optimizers.AdamW(1e-2, weight_decay=10.0, use_ema=True)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer=optimizer, critic_optimizer=keras.optimizers.Adam(5e-3, 0.5), run_eagerly=True)
    batches = [make_factor_batch(seed=seed) for seed in range(3)]
    for batch in batches[:2]:
        model.train_on_batch(*batch)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert isinstance(loaded, FactorModel)
    assert_identical(model, loaded)
    loaded.run_eagerly = True
    assert model.train_on_batch(*batches[2]) == loaded.train_on_batch(*batches[2])
    assert_identical(model, loaded)


def test_everything_else_comes_back(tiny_factor_model, make_factor_batch, three_factors, tmp_path):
    contract = ModelContract(("neutral", "happiness", "sadness", "surprise"), 16, crop_margin=0.1)
    factors = [dataclasses.replace(three_factors[0], class_prior=(0.1, 0.2, 0.3, 0.4)), *three_factors[1:]]
    model = tiny_factor_model(EVERYTHING, factors=factors, contract=contract, decorrelated="all")
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path)
    assert (loaded.contract, loaded.objective, loaded.decorrelated) == (contract, model.objective, "all")
    assert loaded.factors == tuple(factors)
    assert not loaded.compiled
    images = make_factor_batch()[0]
    for name, values in model.predict(images, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(images, verbose=0)[name], values)
    again = FactorModel.from_config(model.get_config())
    assert again.get_config() == model.get_config()


def test_a_model_of_a_newer_version(tiny_factor_model, tmp_path):
    path, changed = tmp_path / "model.keras", tmp_path / "changed.keras"
    tiny_factor_model().save(path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for member in source.namelist():
            content = source.read(member)
            if member == "config.json":
                config = json.loads(content)
                config["config"]["factors"][0]["from_the_future"] = 1
                content = json.dumps(config)
            target.writestr(member, content)
    with pytest.raises(FERError, match=r"A factor has no fields \['from_the_future'\]"):
        load_model(changed)
