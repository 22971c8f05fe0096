"""The model as Keras sees it: outputs, compile, fit, evaluate, parts that share weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_fer.errors import FERError
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import PRESETS, preset


def arrays(model_or_variables):
    variables = getattr(model_or_variables, "variables", model_or_variables)
    return [variable.numpy() for variable in variables]


def assert_equal(first, second, **tolerance):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_allclose(one, other, **({"rtol": 0} | tolerance))


def sgd(rate=0.1, **settings):
    return {
        "optimizer": keras.optimizers.SGD(rate, **settings),
        "critic_optimizer": keras.optimizers.SGD(rate),
    }


# --- structure -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
def test_outputs_and_players_of_each_preset(tiny_model, make_batch, name):
    model = tiny_model(name)
    outputs = model(make_batch()[0])
    shapes = {key: tuple(value.shape) for key, value in outputs.items()}
    expected = {
        "expression": (12, 4),
        "expression_representation": (12, 6),
        "non_expression_representation": (12, 5),
        "face_features": (12, 4, 4, 4),
    }
    if name in ("d2ae", "accuracy", "disentangle", "disentangle_pairs"):
        expected["reconstruction"] = (12, 16, 16, 1)
    assert shapes == expected
    critics = {"paper": 1, "d2ae": 1, "accuracy": 1, "disentangle": 3}
    assert len(model.critics) == critics.get(name, 0)
    assert (model.bank is not None) == (name == "disentangle")
    # Averages of the optimiser are paired with `trainable_variables` by position.
    encoder, players = model.encoder_variables, model.trainable_variables
    assert [id(v) for v in encoder + model.critic_variables] == [id(v) for v in players]
    assert len({id(v) for v in players}) == len(players)


def test_valence_arousal_and_colour(tiny_model, make_batch):
    model = tiny_model({"reconstruction_weight": 1.0, "valence_arousal_weight": 1.0}, kind="rgb")
    outputs = model(make_batch()[0])
    assert outputs["reconstruction"].shape == (12, 16, 16, 3)
    assert outputs["valence_arousal"].shape == (12, 2)
    assert np.abs(outputs["valence_arousal"]).max() <= 1


def test_forward_equals_the_graph(tiny_model, make_batch):
    """Routes change gradients, never values."""
    images = make_batch()[0].astype(np.float32)
    for route, scope in (("all", "branch"), ("branch", "trunk")):
        settings = {"reconstruction_weight": 1.0, "adversarial_weight": 1.0}
        model = tiny_model({**settings, "reconstruction_route": route, "adversarial_scope": scope})
        outputs, graph = model.forward(images, training=False), model(images, training=False)
        decoded = model.decoder(outputs.pop("decoder_inputs"))
        for name, values in {**outputs, "reconstruction": decoded}.items():
            np.testing.assert_allclose(values, graph[name], atol=1e-5, err_msg=name)


def test_deployed_parts_share_the_weights(tiny_model, make_batch):
    model = tiny_model("disentangle")
    images, targets = make_batch()
    classifier, representations = model.classifier, model.representations
    model.compile(**sgd(), run_eagerly=True)
    model.train_on_batch(images, targets)
    outputs = model.predict(images, verbose=0)
    np.testing.assert_allclose(classifier.predict(images, verbose=0), outputs["expression"], atol=1e-5)
    found = representations.predict(images, verbose=0)
    assert set(found) == {"expression_representation", "non_expression_representation", "face_features"}
    np.testing.assert_allclose(
        found["non_expression_representation"], outputs["non_expression_representation"], atol=1e-5
    )
    np.testing.assert_allclose(found["face_features"], outputs["face_features"].mean(axis=(1, 2)), atol=1e-5)
    deployed = {id(variable) for variable in classifier.variables}
    parts = (model.trunk, model.expression_branch, model.expression_head)
    assert deployed == {id(variable) for part in parts for variable in part.variables}


# --- compile -------------------------------------------------------------------------------------


def test_losses_belong_to_the_objective(tiny_model):
    model = tiny_model()
    for wrong in ({"loss": "mse"}, {"loss_weights": {"expression": 1.0}}):
        with pytest.raises(ValueError, match="pass `objective=` to `disentangling_model`"):
            model.compile(**wrong)


def test_optimisers_by_default(tiny_model):
    model = tiny_model("paper")
    model.compile()
    assert isinstance(model.critic_optimizer, keras.optimizers.Adam)
    assert float(model.critic_optimizer.learning_rate) == pytest.approx(2e-3)
    assert model.critic_optimizer.beta_1 == 0.5
    assert model.critic_optimizer is not model.optimizer
    baseline = tiny_model()
    baseline.compile()
    assert baseline.critic_optimizer is None


@pytest.mark.parametrize("name", ["class_weights", "class_prior"])
def test_shares_of_another_number_of_classes_are_refused(tiny_model, name):
    model = tiny_model({"adversarial_weight": 1.0, name: (0.5, 0.5)})
    with pytest.raises(FERError, match=f"`{name}` must hold one value for each of the 4 classes"):
        model.compile()


def test_metrics_before_compile(tiny_model):
    names = [metric.name for metric in tiny_model("paper").metrics]
    assert names == [
        "expression_loss",
        "adversarial_loss",
        "critic_loss",
        "critic_accuracy",
        "expression_accuracy",
        "effective_rank",
    ]


# --- what fit takes ------------------------------------------------------------------------------


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    # XLA draws other random numbers: it is compared where critics learn from the batch.
    ("bank_size", "compiled"),
    [(16, {"steps_per_execution": 2}), (0, {"jit_compile": True})],
)
def test_compiled_steps_are_the_eager_ones(tiny_model, make_batch, bank_size, compiled):
    images, targets = make_batch(24)
    objective = preset("disentangle", bank_size=bank_size, bank_draws=8, num_critics=1, critic_steps=2)
    results = []
    for settings in ({"run_eagerly": True}, compiled):
        model = tiny_model(objective)
        model.compile(**sgd(), **settings)
        history = model.fit(images, targets, batch_size=6, epochs=2, shuffle=False, verbose=0).history
        results.append([*arrays(model.trainable_variables), history["loss"]])
    assert_equal(*results, atol=1e-9)


def test_fit_on_a_dataset_equals_fit_on_arrays_and_logs_what_is_validated(tiny_model, make_batch):
    images, targets = make_batch(12)
    dataset = tf.data.Dataset.from_tensor_slices((images, targets)).batch(6)
    logs = []
    for arguments in ({"x": images, "y": targets, "batch_size": 6}, {"x": dataset}):
        model = tiny_model("disentangle_pairs")
        model.compile(**sgd(), run_eagerly=True, metrics={"expression": "categorical_accuracy"})
        settings = {"shuffle": False, "validation_data": dataset, "verbose": 0}
        logs.append(model.fit(**arguments, **settings).history)
    assert logs[0] == logs[1]
    terms = ("expression", "decorrelation", "invariance", "swap_reconstruction")
    names = {"loss", "expression_accuracy", "categorical_accuracy", *(f"{name}_loss" for name in terms)}
    assert set(logs[0]) == names | {f"val_{name}" for name in names} | {"val_effective_rank"}
    assert logs[0]["val_categorical_accuracy"] == pytest.approx(logs[0]["val_expression_accuracy"])


def test_labels_as_integers_columns_and_probabilities_are_the_same(tiny_model, make_batch):
    images, targets = make_batch()
    labels = targets["expression"]
    states = []
    for form in (labels, labels[:, None], labels.astype(np.float32), np.eye(4, dtype=np.float32)[labels]):
        model = tiny_model("paper")
        model.compile(**sgd(), run_eagerly=True)
        model.train_on_batch(images, form)
        states.append(arrays(model))
    for state in states[1:]:
        assert_equal(states[0], state, atol=0)


def test_class_weight_is_a_sample_weight(tiny_model, make_batch):
    images, targets = make_batch()
    labels, factors = targets["expression"], np.array([0.5, 1.0, 2.0, 3.0], np.float32)
    states = []
    for weights in ({"class_weight": dict(enumerate(factors))}, {"sample_weight": factors[labels]}):
        model = tiny_model("paper")
        model.compile(**sgd(), run_eagerly=True)
        model.fit(images, labels, **weights, batch_size=12, shuffle=False, verbose=0)
        states.append(arrays(model))
    assert_equal(*states, atol=1e-7)


def test_uint8_and_float_images_are_the_same(tiny_model, make_batch):
    images, targets = make_batch()
    model = tiny_model()
    model.compile(run_eagerly=True)
    logs = [
        model.evaluate(form, targets["expression"], verbose=0) for form in (images, images.astype(np.float32))
    ]
    assert logs[0] == logs[1]


def test_targets_are_needed(tiny_model, make_batch):
    model = tiny_model()
    model.compile(run_eagerly=True)
    with pytest.raises(ValueError, match=r"pass `\(images, targets\)`"):
        model.train_on_batch(make_batch()[0])


def test_pairs_are_needed(tiny_model, make_batch):
    images, targets = make_batch(pairs=False)
    model = tiny_model("disentangle_pairs")
    model.compile(run_eagerly=True)
    with pytest.raises(
        ValueError, match=r"must hold `pair`.*`pairs` sampler. Received: targets \['labels'\]"
    ):
        model.train_on_batch(images, targets)
    logs = model.evaluate(images, targets, verbose=0, return_dict=True)
    assert "invariance_loss" not in logs
    assert np.isfinite(logs["loss"])


def test_augmentation_gets_seed_and_step_and_pairs_and_decides_what_is_reconstructed(tiny_model, make_batch):
    images, targets = make_batch()
    calls = []

    def black(pictures, seed, pairs):
        calls.append((seed.numpy().tolist(), np.asarray(pairs).tolist()))
        return tf.zeros_like(pictures)

    model = tiny_model({"reconstruction_weight": 1.0})
    model.compile(**sgd(0.0), augmentation=black, augmentation_seed=7, run_eagerly=True)
    logs = [model.train_on_batch(images, targets, return_dict=True) for _ in range(2)]
    pairs = targets["pair"].tolist()
    assert calls == [([7, 0], pairs), ([7, 1], pairs)]
    features = model.trunk(np.zeros((12, 16, 16, 3), np.float32))
    codes = [
        model.expression_branch(features, training=True),
        model.non_expression_branch(features, training=True),
    ]
    expected = 0.5 * np.mean((model.decoder(codes).numpy() + 1.0) ** 2)
    assert float(logs[0]["reconstruction_loss"]) == pytest.approx(expected, rel=1e-4)
    model.evaluate(images, targets, verbose=0)
    assert len(calls) == 2


# --- evaluate ------------------------------------------------------------------------------------


def test_evaluate_by_hand_over_uneven_batches(tiny_model, make_batch):
    images, targets = make_batch(13, pairs=False, missing=(3,))
    model = tiny_model({"reconstruction_weight": 2.0, "adversarial_weight": 0.5, "label_smoothing": 0.1})
    model.compile()
    before = arrays(
        [*model.encoder_variables, *model.critic_variables, *model.non_expression_branch.variables]
    )
    logs = model.evaluate(images, targets, batch_size=5, verbose=0, return_dict=True)
    after = arrays(
        [*model.encoder_variables, *model.critic_variables, *model.non_expression_branch.variables]
    )
    assert_equal(before, after, atol=0)
    outputs = model.predict(images, verbose=0)
    labels = np.where(targets["expression"][:, None] == np.arange(4), 1.0, 0.0)
    log_p = tf.nn.log_softmax(outputs["expression"]).numpy()
    smooth = 0.9 * labels + 0.1 * labels.sum(axis=1, keepdims=True) / 4
    critic_log_p = tf.nn.log_softmax(model.critics[0](outputs["non_expression_representation"])).numpy()
    gray = (images @ np.array([0.299, 0.587, 0.114]))[..., None] / 127.5 - 1
    present = labels.sum(axis=1)
    expected = {
        "expression_loss": np.mean(-np.sum(smooth * log_p, axis=1)),
        "adversarial_loss": np.mean(present * (-critic_log_p.mean(axis=1) - np.log(4))),
        "reconstruction_loss": np.mean(0.5 * (gray - outputs["reconstruction"]) ** 2),
        "critic_loss": np.mean(-np.sum(labels * critic_log_p, axis=1)),
        "expression_accuracy": np.mean((log_p.argmax(1) == labels.argmax(1))[present > 0]),
        "critic_accuracy": np.mean((critic_log_p.argmax(1) == labels.argmax(1))[present > 0]),
    }
    for name, value in expected.items():
        assert logs[name] == pytest.approx(value, rel=1e-4), name
    weighted = expected["expression_loss"] + 0.5 * expected["adversarial_loss"]
    assert logs["loss"] == pytest.approx(weighted + 2 * expected["reconstruction_loss"], rel=1e-4)
    spectrum = np.linalg.eigvalsh(np.cov(outputs["non_expression_representation"].T, bias=True)).clip(0)
    shares = spectrum / spectrum.sum()
    entropy = -np.sum(shares * np.log(np.maximum(shares, 1e-12)))
    assert logs["effective_rank"] == pytest.approx(np.exp(entropy), rel=1e-3)


def test_accuracy_counts_rows_by_their_expression_weight(tiny_model, make_batch):
    images, targets = make_batch(missing=(0,))
    targets["expression_weight"] = np.array([1, 2, 0.5, 1, 3, 1, 0, 0, 0, 0, 0, 0], np.float32)
    model = tiny_model()
    model.compile(run_eagerly=True, weighted_metrics={"expression": "categorical_accuracy"})
    logs = model.evaluate(images, targets, verbose=0, return_dict=True)
    right = model.predict(images, verbose=0)["expression"].argmax(axis=1) == targets["expression"]
    counted = targets["expression_weight"] * (targets["expression"] >= 0)
    assert logs["expression_accuracy"] == pytest.approx((counted * right).sum() / counted.sum())
    assert logs["expression_accuracy"] != pytest.approx(right[1:].mean())
    assert logs["categorical_accuracy"] == pytest.approx(logs["expression_accuracy"])


def test_a_last_row_without_a_partner_is_no_pair(tiny_model, make_batch):
    images, targets = make_batch(3, pairs=False)
    # The partner of the last row is missing, and its own id is no pair.
    targets["pair"] = np.array([7, 7, 7])
    model = tiny_model("disentangle_pairs")
    model.compile(run_eagerly=True)
    logs = model.evaluate(images, targets, verbose=0, return_dict=True)
    first, second, _ = model.representations.predict(images, verbose=0)["non_expression_representation"]
    assert logs["invariance_loss"] == pytest.approx(2 * np.mean(np.square(first - second)) / 3, rel=1e-5)


class Penalty(keras.layers.Layer):
    """Adds a penalty per channel, and lets everything through."""

    def call(self, inputs):
        self.add_loss(keras.ops.ones(3))
        return inputs


def test_the_penalties_of_an_own_trunk_count(tiny_trunk, make_batch):
    images, targets = make_batch()
    logs, kernels = [], []
    for strength in (0.0, 0.5):
        keras.utils.set_random_seed(0)
        trunk = tiny_trunk()
        (convolution,) = (layer for layer in trunk.layers if isinstance(layer, keras.layers.Conv2D))
        convolution.kernel.regularizer = keras.regularizers.L2(strength)
        trunk = keras.Model(trunk.input, Penalty()(trunk.output)) if strength else trunk
        model = disentangling_model(trunk, 4, objective="baseline")
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        before = convolution.kernel.numpy()
        logs.append(model.train_on_batch(images, targets, return_dict=True))
        kernels.append(convolution.kernel.numpy())
    plain, penalised = logs
    assert penalised["loss"] == pytest.approx(plain["loss"] + 3 + 0.5 * np.square(before).sum(), rel=1e-5)
    assert penalised["expression_loss"] == pytest.approx(plain["expression_loss"])
    np.testing.assert_allclose(kernels[1], kernels[0] - 0.1 * 2 * 0.5 * before, atol=1e-6)


def test_test_on_batch_equals_evaluate(tiny_model, make_batch):
    images, targets = make_batch()
    model = tiny_model("disentangle")
    model.compile(run_eagerly=True)
    evaluated = model.evaluate(images, targets, batch_size=12, verbose=0, return_dict=True)
    model.reset_metrics()
    assert model.test_on_batch(images, targets, return_dict=True) == pytest.approx(evaluated)
