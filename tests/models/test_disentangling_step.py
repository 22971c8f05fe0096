"""Every variable after a step, against the written formulas.

The reference knows nothing of routes: one forward pass without any stop-gradient, the gradient of
each term by itself, and the table of who is moved by which term. A route that leaks, a player that
moves the other one, a weight, a sign or a mean in the wrong place all change a variable.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from step_formulas import (
    Bank,
    adversarial,
    cross_entropy,
    decorrelation,
    half_squares,
    judged,
    perturbed,
    picture,
    salted,
)

from keras_fer.models.objective import PRESETS, Objective, preset

RATE = 0.1
PARTS = (
    "trunk",
    "expression_branch",
    "expression_head",
    "non_expression_branch",
    "decoder",
    "valence_arousal_head",
)
ON_NON_EXPRESSION = ("adversarial_loss", "decorrelation_loss", "cross_covariance_loss", "invariance_loss")

pytestmark = pytest.mark.usefixtures("float64")


def moved_parts(term, objective):
    """The table: which parts a term moves."""
    if term == "expression_loss":
        return {"trunk", "expression_branch", "expression_head"}
    if term == "view_invariance_loss":
        return {"trunk", "expression_branch"}
    if term == "valence_arousal_loss":
        return {"trunk", "expression_branch", "valence_arousal_head"}
    if term in ON_NON_EXPRESSION:
        return {"non_expression_branch"} | ({"trunk"} if objective.adversarial_scope == "trunk" else set())
    reached = {"trunk", "expression_branch"} if objective.reconstruction_route == "all" else set()
    return {"non_expression_branch", "decoder"} | reached


def term_weights(objective, step):
    ramp = min(1.0, step / objective.adversarial_ramp_steps) if objective.adversarial_ramp_steps else 1.0
    return {
        "expression_loss": objective.expression_weight,
        "reconstruction_loss": objective.reconstruction_weight,
        "adversarial_loss": objective.adversarial_weight * ramp,
        "decorrelation_loss": objective.decorrelation_weight,
        "cross_covariance_loss": objective.cross_covariance_weight,
        "invariance_loss": objective.invariance_weight,
        "swap_reconstruction_loss": objective.swap_reconstruction_weight,
        "view_invariance_loss": objective.view_invariance_weight,
        "valence_arousal_loss": objective.valence_arousal_weight,
    }


def one_hot(expression):
    if expression.ndim == 2:
        return expression.astype(np.float64)
    return (expression[:, None] == np.arange(4)).astype(np.float64)


def swapped(values):
    order = np.arange(values.shape[0]).reshape(-1, 2)[:, ::-1].ravel()
    return tf.gather(values, order)


def cross_covariance(values, labels):
    rows = np.flatnonzero(labels.sum(axis=1))
    values, labels = tf.gather(values, rows), tf.constant(labels[rows])

    def standardized(array):
        mean, variance = tf.nn.moments(array, axes=[0])
        return (array - mean) / tf.sqrt(variance + 1e-4)

    correlation = tf.transpose(standardized(values)) @ standardized(labels) / len(rows)
    return tf.reduce_sum(correlation**2) / labels.shape[1]


def valence_arousal(truth, predictions):
    known = ~np.isnan(truth)
    errors = (np.nan_to_num(truth) - predictions) ** 2 * known
    return tf.reduce_sum(errors, axis=1) / np.maximum(known.sum(axis=1), 1)


def reference_terms(model, images, targets, sample_weight, step):
    """Every active term, a scalar each, by the formulas; nothing is detached."""
    objective = model.objective
    images = tf.constant(images, tf.float64)
    labels = one_hot(targets["expression"])
    weights = np.ones(len(images)) if sample_weight is None else sample_weight
    features = model.trunk(images, training=True)
    expression = model.expression_branch(features, training=True)
    non_expression = model.non_expression_branch(features, training=True)
    smoothing = objective.label_smoothing
    smooth = (1 - smoothing) * labels + smoothing * labels.sum(axis=1, keepdims=True) / 4
    class_weights = labels @ np.array(objective.class_weights or [1.0] * 4)
    errors = cross_entropy(smooth, model.expression_head(expression))
    per_image = {"expression_loss": targets.get("expression_weight", 1) * class_weights * errors}
    scalars = {}
    if objective.valence_arousal_weight:
        predicted = model.valence_arousal_head(expression)
        per_image["valence_arousal_loss"] = valence_arousal(targets["valence_arousal"], predicted)
    if objective.adversarial_weight:
        judgements = [judged(judge.trainable_variables, non_expression) for judge in model.critics]
        values = [adversarial(objective, objective.class_prior, labels, logits) for logits in judgements]
        per_image["adversarial_loss"] = tf.reduce_mean(tf.stack(values), axis=0)
    if objective.decorrelation_weight:
        scalars["decorrelation_loss"] = decorrelation(non_expression)
    if objective.cross_covariance_weight:
        scalars["cross_covariance_loss"] = cross_covariance(non_expression, labels)
    if objective.invariance_weight:
        apart = tf.reduce_mean((non_expression - swapped(non_expression)) ** 2, axis=1)
        per_image["invariance_loss"] = paired(targets["pair"]) * apart
    if objective.view_invariance_weight:
        norms = tf.sqrt(tf.reduce_sum(expression**2, axis=1))
        cosine = tf.reduce_sum(expression * swapped(expression), axis=1)
        cosine /= norms * tf.gather(norms, np.arange(len(images)).reshape(-1, 2)[:, ::-1].ravel())
        per_image["view_invariance_loss"] = paired(targets["view"]) * (2 - 2 * cosine)
    if objective.reconstruction_weight or objective.swap_reconstruction_weight:
        target = picture(images, model.decoder)
        codes = (expression, non_expression)
    if objective.reconstruction_weight:
        per_image["reconstruction_loss"] = half_squares(target, model.decoder(codes))
        if objective.reconstruction_noise:
            noise = objective.reconstruction_noise
            noisy = [perturbed(code, noise, model.seed, step, i) for i, code in enumerate(codes)]
            per_image["reconstruction_loss"] += half_squares(target, model.decoder(noisy))
    if objective.swap_reconstruction_weight:
        decoded = model.decoder([expression, swapped(non_expression)])
        per_image["swap_reconstruction_loss"] = paired(targets["pair"]) * half_squares(target, decoded)
    means = {name: tf.reduce_sum(weights * values) / len(images) for name, values in per_image.items()}
    return {**means, **scalars}, non_expression, labels


def paired(ids):
    """1 where rows 2i and 2i + 1 have the same id ≥ 0."""
    pair = ids.reshape(-1, 2)
    return np.repeat((pair[:, 0] == pair[:, 1]) & (pair[:, 0] >= 0), 2).astype(np.float64)


class Reference:
    """What a step of plain gradient descent does to every variable of a model."""

    def __init__(self, model, clip=None):
        self.model, self.clip, self.step = model, clip, 0
        self.bank = Bank(model.objective.bank_size) if model.objective.bank_size else None

    def encoder(self, images, targets, sample_weight):
        """Returns the terms, the total, and each part's variables after the step."""
        objective = self.model.objective
        parts = {name: getattr(self.model, name) for name in PARTS if getattr(self.model, name) is not None}
        variables = {name: part.trainable_variables for name, part in parts.items()}
        with tf.GradientTape(persistent=True) as tape:
            terms, representation, labels = reference_terms(
                self.model, images, targets, sample_weight, self.step
            )
        weights = term_weights(objective, self.step)
        gradients = {id(v): np.zeros(v.shape) for part in variables.values() for v in part}
        for term, value in terms.items():
            for part in moved_parts(term, objective):
                values = tape.gradient(value, [variable.value for variable in variables[part]])
                for variable, gradient in zip(variables[part], values, strict=True):
                    gradients[id(variable)] += 0 if gradient is None else weights[term] * gradient.numpy()
        scale = 1.0
        if self.clip:
            norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients.values()))
            scale = min(1.0, self.clip / norm)
        after = {
            name: [v.numpy() - RATE * scale * gradients[id(v)] for v in part]
            for name, part in variables.items()
        }
        total = sum(weights[term] * value.numpy() for term, value in terms.items())
        return terms, total, after, representation.numpy(), labels

    def critics(self, images, representation, labels):
        """Returns the variables of every critic after its steps, each critic by itself."""
        objective = self.model.objective
        keeps_features = objective.bank_content == "face_features"
        if self.bank:
            features = self.model.trunk(tf.constant(images, tf.float64), training=True).numpy()
            kept = features.astype(np.float16) if keeps_features else representation
            self.bank.push(zip(kept, labels, strict=True))
        after = [[v.numpy() for v in judge.trainable_variables] for judge in self.model.critics]
        for step in range(objective.critic_steps):
            if self.bank:
                pair = (self.step, salted(self.model.seed, step))
                drawn = self.bank.draw(objective.bank_draws, pair)
                representation, labels = (np.stack(column) for column in zip(*drawn, strict=True))
                if keeps_features:
                    features = tf.constant(representation, tf.float64)
                    representation = self.model.non_expression_branch(features, training=True)
            for index, weights in enumerate(after):
                weights = [tf.constant(array) for array in weights]
                with tf.GradientTape() as tape:
                    tape.watch(weights)
                    loss = tf.reduce_mean(cross_entropy(labels, judged(weights, representation)))
                gradients = tape.gradient(loss, weights)
                after[index] = [
                    (w - RATE * gradient).numpy() for w, gradient in zip(weights, gradients, strict=True)
                ]
        return after


def check_steps(model, batches, clip=None, sample_weight=None):
    """Trains on each batch; asserts every variable, every logged term and the batch statistics."""
    model.compile(
        optimizer=keras.optimizers.SGD(RATE, global_clipnorm=clip),
        critic_optimizer=keras.optimizers.SGD(RATE),
        run_eagerly=True,
    )
    reference = Reference(model, clip)
    for images, targets in batches:
        statistics = [
            v for part in PARTS if getattr(model, part) for v in getattr(model, part).non_trainable_variables
        ]
        before = [v.numpy() for v in statistics]
        terms, total, parts, representation, labels = reference.encoder(images, targets, sample_weight)
        expected_statistics = [v.numpy() for v in statistics]
        critics = reference.critics(images, representation, labels)
        for variable, value in zip(statistics, before, strict=True):
            variable.assign(value)
        model.reset_metrics()
        logs = model.train_on_batch(images, targets, sample_weight=sample_weight, return_dict=True)
        for name, values in parts.items():
            for variable, value in zip(getattr(model, name).trainable_variables, values, strict=True):
                np.testing.assert_allclose(variable.numpy(), value, atol=1e-10, err_msg=variable.path)
        for judge, values in zip(model.critics, critics, strict=True):
            for variable, value in zip(judge.trainable_variables, values, strict=True):
                np.testing.assert_allclose(variable.numpy(), value, atol=1e-10, err_msg=variable.path)
        for variable, value in zip(statistics, expected_statistics, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-10, err_msg=variable.path)
        assert float(logs["loss"]) == pytest.approx(total, abs=1e-10)
        for term, value in terms.items():
            assert float(logs[term]) == pytest.approx(float(value), abs=1e-10), term
        reference.step += 1


SMALL_BANK = {"disentangle": {"bank_size": 20, "bank_draws": 16}}


@pytest.mark.parametrize("name", PRESETS)
def test_presets(tiny_model, make_batch, name):
    model = tiny_model(preset(name, **SMALL_BANK.get(name, {})))
    check_steps(model, [make_batch(seed=seed) for seed in range(3)])


ALL_TERMS = {
    "expression_weight": 1.1,
    "reconstruction_weight": 0.7,
    "adversarial_weight": 0.9,
    "decorrelation_weight": 0.3,
    "cross_covariance_weight": 0.2,
    "invariance_weight": 0.4,
    "swap_reconstruction_weight": 0.6,
    "view_invariance_weight": 0.8,
    "valence_arousal_weight": 0.5,
    "reconstruction_noise": 0.05,
    "num_critics": 2,
}
MODES = (
    {"adversarial_mode": "uniform"},
    {"adversarial_mode": "uniform", "class_prior": (0.1, 0.2, 0.3, 0.4)},
    {"adversarial_mode": "reversal"},
    {"adversarial_mode": "reversal", "adversarial_clamp": True},
    {"adversarial_mode": "entropy", "class_prior": (0.1, 0.2, 0.3, 0.4)},
)


@pytest.mark.parametrize("route", ["all", "branch"])
@pytest.mark.parametrize("scope", ["trunk", "branch"])
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(str(value) for value in mode.values()))
def test_all_terms_together_by_mode_scope_and_route(tiny_model, make_batch, mode, scope, route):
    objective = Objective(**ALL_TERMS, **mode, adversarial_scope=scope, reconstruction_route=route)
    check_steps(tiny_model(objective, kind="rgb"), [make_batch(valence_arousal=True)])


VARIATIONS = {
    "critic steps on the batch": {"adversarial_weight": 1.0, "num_critics": 2, "critic_steps": 3},
    "critic steps from the bank": {
        "adversarial_weight": 1.0,
        "num_critics": 2,
        "critic_steps": 3,
        "bank_size": 30,
        "bank_draws": 7,
        "bank_content": "representations",
    },
    "ramp": {"adversarial_weight": 0.8, "adversarial_ramp_steps": 2},
    "class weights": {"class_weights": (0.2, 1.0, 2.0, 0.5), "adversarial_weight": 0.1},
    "label smoothing": {"label_smoothing": 0.2, "adversarial_weight": 0.5, "adversarial_mode": "reversal"},
    "reconstruction by the branch only": {"reconstruction_weight": 1.5, "reconstruction_route": "branch"},
    "no expression": {"expression_weight": 0.0, "reconstruction_weight": 1.0},
}


@pytest.mark.parametrize("changes", VARIATIONS.values(), ids=VARIATIONS)
def test_variations(tiny_model, make_batch, changes):
    check_steps(tiny_model(changes), [make_batch(pairs=False, seed=seed) for seed in range(4)])


LABELS = {
    "soft": {"soft": True},
    "missing": {"missing": (0, 5)},
    "soft and missing": {"soft": True, "missing": (3,)},
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels(tiny_model, make_batch, labels):
    objective = Objective(**ALL_TERMS, label_smoothing=0.1, class_weights=(0.5, 1, 2, 1.5))
    check_steps(tiny_model(objective), [make_batch(valence_arousal=True, **labels)])


def test_sample_weights(tiny_model, make_batch):
    weights = np.random.default_rng(1).uniform(0, 2, 12)
    objective = Objective(**ALL_TERMS, class_weights=(0.5, 1, 2, 1.5))
    check_steps(tiny_model(objective), [make_batch(valence_arousal=True)], sample_weight=weights)


@pytest.mark.parametrize("weighted", [False, True])
def test_expression_weights(tiny_model, make_batch, weighted):
    """They multiply the expression term and no other; 0 leaves a row to the other terms."""
    images, targets = make_batch(valence_arousal=True)
    targets["expression_weight"] = np.random.default_rng(2).uniform(0, 2, 12)
    targets["expression_weight"][6:] = 0
    objective = Objective(**ALL_TERMS, class_weights=(0.5, 1, 2, 1.5))
    weights = np.random.default_rng(1).uniform(0, 2, 12) if weighted else None
    check_steps(tiny_model(objective), [(images, targets)], sample_weight=weights)


def test_rows_that_are_no_pair(tiny_model, make_batch):
    images, targets = make_batch(valence_arousal=True)
    targets["pair"][[0, 1, 5]] = (-1, -1, 7)
    targets["view"][[6, 11]] = (-1, 7)
    check_steps(tiny_model(Objective(**ALL_TERMS)), [(images, targets)])


def test_gradient_clipping_is_of_the_encoder_alone(tiny_model, make_batch):
    objective = Objective(**ALL_TERMS)
    check_steps(tiny_model(objective), [make_batch(valence_arousal=True)], clip=0.05)


TERM_WEIGHTS = [name for name in ALL_TERMS if name.endswith("_weight")]


@pytest.mark.parametrize("weight", TERM_WEIGHTS)
@pytest.mark.parametrize(("scope", "route"), [("trunk", "branch"), ("branch", "all")])
def test_who_moves(tiny_model, make_batch, weight, scope, route):
    """Each term alone moves its row of the table, bit for bit nothing else."""
    alone = {"expression_weight": 0.0, weight: 1.0}
    model = tiny_model({**alone, "adversarial_scope": scope, "reconstruction_route": route})
    model.compile(
        optimizer=keras.optimizers.SGD(RATE), critic_optimizer=keras.optimizers.SGD(RATE), run_eagerly=True
    )
    parts = {name: getattr(model, name) for name in PARTS if getattr(model, name) is not None}
    parts.update({f"critic {index}": judge for index, judge in enumerate(model.critics)})
    before = {name: [v.numpy() for v in part.trainable_variables] for name, part in parts.items()}
    model.train_on_batch(*make_batch(valence_arousal=True))
    moved = {
        name
        for name, part in parts.items()
        if any(
            (v.numpy() != old).any() for v, old in zip(part.trainable_variables, before[name], strict=True)
        )
    }
    critics = {"critic 0"} if weight == "adversarial_weight" else set()
    term = weight.replace("_weight", "_loss")
    assert moved == moved_parts(term, model.objective) | critics
