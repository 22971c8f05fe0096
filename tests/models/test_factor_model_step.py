"""Every variable after a step of the model of several factors, against the written formulas.

As in `test_disentangling_step.py` the reference knows nothing of routes, of masks, of stacked critics: one
forward pass without any stop-gradient, each term a mean over rows picked by hand, the gradient of each term
by itself, the table of who is moved by which term, and every critic by itself.
"""

import dataclasses

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

from keras_fer.models.objective import Objective

RATE = 0.1
# Larger ones let critics of values diverge.
CRITIC_RATE = 0.01
RESIDUAL = "residual"

pytestmark = pytest.mark.usefixtures("float64")


# --- the table -----------------------------------------------------------------------------------


def part_of(model, name):
    """Names of parts: `trunk`, `residual branch`, `decoder`, and `pose branch`, `pose head` and so on."""
    if name in ("trunk", "decoder"):
        return getattr(model, name)
    factor, kind = name.split()
    if factor == RESIDUAL:
        return model.residual_branch
    return {"branch": model.branches, "head": model.heads}[kind][factor]


def part_names(model):
    names = ["trunk", f"{RESIDUAL} branch", *(["decoder"] if model.decoder is not None else [])]
    return names + [f"{factor.name} {kind}" for factor in model.factors for kind in ("branch", "head")]


def moved_parts(term, model):
    """The table: which parts a term moves. Terms: (kind, name of factor or representation, ...)."""
    objective = model.objective
    if term[0] == "loss":
        return {"trunk", f"{term[1]} branch", f"{term[1]} head"}
    if term[0] in ("adversarial", "decorrelation"):
        return {f"{term[1]} branch"} | ({"trunk"} if objective.adversarial_scope == "trunk" else set())
    reached = {f"{factor.name} branch" for factor in model.factors} | {"trunk"}
    return {f"{RESIDUAL} branch", "decoder"} | (reached if objective.reconstruction_route == "all" else set())


# --- the formulas --------------------------------------------------------------------------------


def squared_errors(truth, values):
    """Mean over the known values of each row."""
    known = ~np.isnan(truth)
    return tf.reduce_sum((np.nan_to_num(truth) - values) ** 2 * known, axis=1) / known.sum(axis=1)


def labelled_rows(factor, targets):
    """The rows with a target, and their targets as the formulas take them."""
    raw = np.asarray(targets[factor.label_key])
    if factor.kind == "continuous":
        rows = np.flatnonzero((~np.isnan(raw)).any(axis=1))
        return rows, (raw[rows] - np.array(factor.mean)) / np.array(factor.scale)
    if raw.ndim == 2:
        rows = np.flatnonzero(raw.sum(axis=1))
        return rows, raw[rows]
    rows = np.flatnonzero(raw >= 0)
    return rows, np.eye(factor.size)[raw[rows]]


def factor_loss(factor, truth, predictions):
    if factor.kind == "continuous":
        return squared_errors(truth, predictions)
    smooth = (1 - factor.label_smoothing) * truth + factor.label_smoothing / factor.size
    return truth @ np.array(factor.class_weights or [1.0] * factor.size) * cross_entropy(smooth, predictions)


def factor_adversarial(factor, objective, truth, judgements):
    if factor.kind == "continuous":
        if objective.adversarial_mode != "reversal":
            return squared_errors(np.where(np.isnan(truth), np.nan, 0.0), judgements)
        errors = squared_errors(truth, judgements)
        return -tf.minimum(errors, 1) if objective.adversarial_clamp else -errors
    return adversarial(objective, factor.class_prior, truth, judgements)


def pairs(model):
    """Every representation with every factor that is chased out of it: never its own."""
    if not model.objective.adversarial_weight:
        return []
    sources = [*(factor.name for factor in model.factors), RESIDUAL]
    chased = [factor for factor in model.factors if factor.adversarial_weight]
    return [(source, factor) for source in sources for factor in chased if factor.name != source]


def critic_arrays(model):
    """The six arrays of every critic by itself, by (source, factor, number)."""
    arrays, count = {}, model.objective.num_critics
    for source in dict.fromkeys(source for source, _ in pairs(model)):
        (panel,) = (panel for panel in model.critics if panel.name == f"critics_of_{source}")
        factors = [factor.name for other, factor in pairs(model) if other == source]
        assert list(panel.sizes) == factors
        for index, name in enumerate(factors):
            for number in range(count):
                hidden = [a.numpy()[index * count + number] for pair in panel.hidden for a in pair]
                last = [a.numpy()[number] for a in panel.outputs[name]]
                arrays[source, name, number] = hidden + last
    return arrays


# --- the reference -------------------------------------------------------------------------------


def reference_terms(model, images, targets, sample_weight, step):
    """Every active term, a scalar and its weight, by the formulas; nothing is detached."""
    objective, images = model.objective, tf.constant(images, tf.float64)
    weights = np.ones(len(images)) if sample_weight is None else sample_weight

    def mean(values, rows, factor_weights=1.0):
        """Over the rows that have a target; the samples' weights do not change what it is divided by."""
        if not len(rows):
            return 0.0 * tf.reduce_sum(values)
        return tf.reduce_sum(weights[rows] * factor_weights * values) / len(rows)

    features = model.trunk(images, training=True)
    codes = {name: branch(features, training=True) for name, branch in model.branches.items()}
    codes[RESIDUAL] = model.residual_branch(features, training=True)
    terms = {}
    for factor in model.factors:
        rows, truth = labelled_rows(factor, targets)
        predictions = tf.gather(model.heads[factor.name](codes[factor.name]), rows)
        own = targets.get(f"{factor.name}_weight", np.ones(len(images)))[rows]
        value = mean(factor_loss(factor, truth, predictions), rows, own)
        terms["loss", factor.name] = (factor.weight, value)
    ramp = min(1.0, step / objective.adversarial_ramp_steps) if objective.adversarial_ramp_steps else 1.0
    arrays = critic_arrays(model)
    for source, factor in pairs(model):
        rows, truth = labelled_rows(factor, targets)
        values = [
            factor_adversarial(
                factor,
                objective,
                truth,
                judged(arrays[source, factor.name, n], tf.gather(codes[source], rows)),
            )
            for n in range(objective.num_critics)
        ]
        weight = objective.adversarial_weight * ramp * factor.adversarial_weight
        value = mean(sum(values) / len(values), rows)
        terms["adversarial", source, factor.name] = (weight, value)
    if objective.decorrelation_weight:
        for source in codes if model.decorrelated == "all" else [RESIDUAL]:
            terms["decorrelation", source] = (objective.decorrelation_weight, decorrelation(codes[source]))
    if objective.reconstruction_weight:
        terms["reconstruction",] = (
            objective.reconstruction_weight,
            mean(reconstruction(model, images, codes, step), np.arange(len(images))),
        )
    return terms, codes


def reconstruction(model, images, codes, step):
    order = ["expression", *(name for name in codes if name not in ("expression", RESIDUAL)), RESIDUAL]

    def errors(codes):
        decoded = model.decoder([codes[0], tf.concat(codes[1:], axis=1)])
        return half_squares(picture(images, model.decoder), decoded)

    codes = [codes[name] for name in order]
    values = errors(codes)
    if noise := model.objective.reconstruction_noise:
        values += errors([perturbed(code, noise, model.seed, step, salt) for salt, code in enumerate(codes)])
    return values


class Reference:
    """What a step of plain gradient descent does to every variable of a model."""

    def __init__(self, model):
        self.model, self.step = model, 0
        self.bank = Bank(model.objective.bank_size) if model.objective.bank_size else None

    def encoder(self, images, targets, sample_weight):
        """Returns the terms with their weights, each part's variables after the step, and the codes."""
        parts = {name: part_of(self.model, name).trainable_variables for name in part_names(self.model)}
        with tf.GradientTape(persistent=True) as tape:
            terms, codes = reference_terms(self.model, images, targets, sample_weight, self.step)
        after = {name: [v.numpy() for v in variables] for name, variables in parts.items()}
        for term, (weight, value) in terms.items():
            moved = sorted(moved_parts(term, self.model))
            gradients = tape.gradient(value, [[variable.value for variable in parts[part]] for part in moved])
            for part, of_part in zip(moved, gradients, strict=True):
                for index, gradient in enumerate(of_part):
                    if gradient is not None:
                        after[part][index] = after[part][index] - RATE * weight * gradient.numpy()
        return terms, after, {name: code.numpy() for name, code in codes.items()}

    def critics(self, codes, targets):
        """Returns the arrays of every critic after its steps, each by itself, and its first loss."""
        objective = self.model.objective
        after, first = critic_arrays(self.model), {}
        batch = [
            (
                {name: code[row] for name, code in codes.items()},
                {k: v[row : row + 1] for k, v in targets.items()},
            )
            for row in range(len(codes[RESIDUAL]))
        ]
        if self.bank:
            self.bank.push(batch)
        for step in range(objective.critic_steps):
            if self.bank:
                pair = (self.step, salted(self.model.seed, step))
                batch = self.bank.draw(objective.bank_draws, pair)
            drawn = {name: np.stack([row[0][name] for row in batch]) for name in codes}
            labels = {key: np.concatenate([row[1][key] for row in batch]) for key in targets}
            for source, factor in pairs(self.model):
                rows, truth = labelled_rows(factor, labels)
                for number in range(objective.num_critics):
                    key = (source, factor.name, number)
                    weights = [tf.constant(array) for array in after[key]]
                    with tf.GradientTape() as tape:
                        tape.watch(weights)
                        said = judged(weights, drawn[source][rows])
                        error = cross_entropy if factor.kind == "categorical" else squared_errors
                        loss = (
                            tf.reduce_mean(error(truth, said)) if len(rows) else 0 * tf.reduce_sum(weights[0])
                        )
                    gradients = tape.gradient(loss, weights)
                    first.setdefault(key, []).append(float(loss))
                    after[key] = [
                        (w if gradient is None else w - CRITIC_RATE * gradient).numpy()
                        for w, gradient in zip(weights, gradients, strict=True)
                    ]
        return after, first


def check_steps(model, batches, sample_weight=None):
    """Trains on each batch; asserts every variable, every logged term, statistics and seeds."""
    model.compile(
        optimizer=keras.optimizers.SGD(RATE),
        critic_optimizer=keras.optimizers.SGD(CRITIC_RATE),
        run_eagerly=True,
    )
    reference = Reference(model)
    for images, targets in batches:
        states = [v for name in part_names(model) for v in part_of(model, name).non_trainable_variables]
        before = [v.numpy() for v in states]
        terms, parts, codes = reference.encoder(images, targets, sample_weight)
        critics, critic_losses = reference.critics(codes, targets)
        expected_states = [v.numpy() for v in states]
        for variable, value in zip(states, before, strict=True):
            variable.assign(value)
        model.reset_metrics()
        logs = model.train_on_batch(images, targets, sample_weight=sample_weight, return_dict=True)
        for name, values in parts.items():
            for variable, value in zip(part_of(model, name).trainable_variables, values, strict=True):
                np.testing.assert_allclose(
                    variable.numpy(), value, atol=1e-10, err_msg=f"{name} {variable.path}"
                )
        found = critic_arrays(model)
        for key, arrays in critics.items():
            for one, other in zip(found[key], arrays, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-10, err_msg=str(key))
        for variable, value in zip(states, expected_states, strict=True):
            np.testing.assert_allclose(variable.numpy(), value, atol=1e-10, err_msg=variable.path)
        check_logs(model, logs, terms, critic_losses, targets)
        reference.step += 1


def check_logs(model, logs, terms, critic_losses, targets):
    total = sum(weight * float(value) for weight, value in terms.values())
    assert float(logs["loss"]) == pytest.approx(total, abs=1e-10)
    for factor in model.factors:
        value = float(terms["loss", factor.name][1])
        assert float(logs[f"{factor.name}_loss"]) == pytest.approx(value, abs=1e-10)
    if model.chases:
        share = {factor.name: factor.adversarial_weight for factor in model.factors}
        chased = [share[term[2]] * float(v) for term, (_, v) in terms.items() if term[0] == "adversarial"]
        assert float(logs["adversarial_loss"]) == pytest.approx(sum(chased), abs=1e-10)
        everything = np.mean([np.mean(values) for values in critic_losses.values()])
        assert float(logs["critic_loss"]) == pytest.approx(everything, abs=1e-10)
    for source, factor in pairs(model):
        if not model.objective.bank_size:
            values = [
                np.mean(critic_losses[source, factor.name, n]) for n in range(model.objective.num_critics)
            ]
            logged = float(logs[f"critic_loss_{factor.name}_from_{source}"])
            assert logged == pytest.approx(np.mean(values), abs=1e-10)
    if model.objective.decorrelation_weight:
        value = sum(float(v) for term, (_, v) in terms.items() if term[0] == "decorrelation")
        assert float(logs["decorrelation_loss"]) == pytest.approx(value, abs=1e-10)
    if model.objective.reconstruction_weight:
        assert float(logs["reconstruction_loss"]) == pytest.approx(
            float(terms["reconstruction",][1]), abs=1e-10
        )


# --- what is checked -----------------------------------------------------------------------------

ALL_TERMS = {
    "reconstruction_weight": 0.7,
    "reconstruction_noise": 0.05,
    "adversarial_weight": 0.9,
    "decorrelation_weight": 0.3,
}
CHOICES = {
    "uniform, trunk, all": {"num_critics": 2},
    "entropy, trunk, branch": {"adversarial_mode": "entropy", "reconstruction_route": "branch"},
    "reversal, branch, all": {"adversarial_mode": "reversal", "adversarial_scope": "branch"},
    "clamped, branch, branch": {
        "adversarial_mode": "reversal",
        "adversarial_clamp": True,
        "adversarial_scope": "branch",
        "reconstruction_route": "branch",
        "num_critics": 2,
    },
}


@pytest.mark.parametrize("choices", CHOICES.values(), ids=CHOICES)
def test_half_the_rows_lack_identity_and_the_others_pose(tiny_factor_model, make_factor_batch, choices):
    decorrelated = "all" if choices.get("num_critics") else "residual"
    model = tiny_factor_model(ALL_TERMS | choices, decorrelated=decorrelated)
    check_steps(model, [make_factor_batch()])


VARIATIONS = {
    "no second player": {"reconstruction_weight": 1.0, "reconstruction_route": "branch"},
    "factors alone": {},
    "critic steps from the bank": {
        "adversarial_weight": 1.0,
        "num_critics": 2,
        "critic_steps": 2,
        "bank_size": 30,
        "bank_draws": 7,
        "adversarial_mode": "reversal",
        "adversarial_clamp": True,
    },
    "ramp, critic steps on the batch": {
        "adversarial_weight": 0.8,
        "adversarial_ramp_steps": 2,
        "critic_steps": 2,
    },
}


@pytest.mark.parametrize("changes", VARIATIONS.values(), ids=VARIATIONS)
def test_variations(tiny_factor_model, make_factor_batch, changes):
    check_steps(tiny_factor_model(changes), [make_factor_batch(seed=seed) for seed in range(3)])


def test_statements_about_single_factors(tiny_factor_model, make_factor_batch, three_factors):
    expression, identity, pose = three_factors
    factors = (
        dataclasses.replace(pose, adversarial_weight=0.0),
        dataclasses.replace(identity, class_prior=(0.2, 0.3, 0.5)),
        dataclasses.replace(expression, label_smoothing=0.2, class_weights=(0.5, 1.0, 2.0, 1.5)),
    )
    images, targets = make_factor_batch()
    targets["expression"] = np.random.default_rng(1).dirichlet(np.ones(4), 12)
    targets["expression"][[0, 7]] = 0
    targets["pose"][:3, 0] = np.nan
    targets["expression_weight"] = np.random.default_rng(2).uniform(0, 2, 12)
    model = tiny_factor_model(ALL_TERMS, factors=factors, kind="rgb", decorrelated="all")
    check_steps(model, [(images, targets)], sample_weight=np.random.default_rng(3).uniform(0, 2, 12))


def test_a_batch_in_which_nobody_is_known(tiny_factor_model, make_factor_batch):
    images, targets = make_factor_batch()
    targets["person"][:] = -1
    targets["pose"][:] = np.nan
    check_steps(tiny_factor_model(ALL_TERMS), [(images, targets)])


@pytest.mark.parametrize("scope", ["trunk", "branch"])
def test_both_routes_see_the_same_dropout(tiny_factor_model, make_factor_batch, scope):
    model = tiny_factor_model({**ALL_TERMS, "adversarial_scope": scope}, dropout=0.4)
    check_steps(model, [make_factor_batch(seed=seed) for seed in range(2)])


def test_a_row_without_a_target_adds_nothing(tiny_factor_model, make_factor_batch):
    """The terms of a factor, and what its critics learn, do not depend on rows that lack it."""
    images, targets = make_factor_batch()
    states = []
    for rows in (slice(0, 12), slice(0, 6)):
        model = tiny_factor_model({"adversarial_weight": 0.9, "adversarial_scope": "branch"})
        model.trunk.trainable = False
        logs = evaluated(model, images[rows], {key: values[rows] for key, values in targets.items()})
        states.append([logs[name] for name in ("pose_loss", "pose_mae", "critic_loss_pose_from_residual")])
    np.testing.assert_allclose(*states, rtol=1e-12)


def evaluated(model, images, targets):
    model.compile(run_eagerly=True)
    return model.test_on_batch(images, targets, return_dict=True)


TERMS = (
    ("loss", "expression"),
    ("loss", "pose"),
    ("adversarial", "expression"),
    ("adversarial", "pose"),
    ("decorrelation", ""),
    ("reconstruction", ""),
)


@pytest.mark.parametrize(("kind", "name"), TERMS)
@pytest.mark.parametrize(("scope", "route"), [("trunk", "branch"), ("branch", "all")])
def test_who_moves(tiny_factor_model, make_factor_batch, three_factors, kind, name, scope, route):
    """Each term alone moves its row of the table, bit for bit nothing else."""
    factors = [
        dataclasses.replace(
            factor,
            weight=float((kind, name) == ("loss", factor.name)),
            adversarial_weight=float((kind, name) == ("adversarial", factor.name)),
        )
        for factor in three_factors
    ]
    weights = {} if kind == "loss" else {f"{kind}_weight": 1.0}
    # Without the clamp, which spares a representation of which no critic knows anything yet.
    choices = {"adversarial_mode": "reversal", "adversarial_scope": scope, "reconstruction_route": route}
    objective = Objective(**weights, **choices)
    model = tiny_factor_model(objective, factors=factors)
    model.compile(
        optimizer=keras.optimizers.SGD(RATE),
        critic_optimizer=keras.optimizers.SGD(CRITIC_RATE),
        run_eagerly=True,
    )
    parts = {part: part_of(model, part).trainable_variables for part in part_names(model)}
    before = {part: [v.numpy() for v in variables] for part, variables in parts.items()}
    critics = critic_arrays(model)
    model.train_on_batch(*make_factor_batch())
    moved = {
        part
        for part, variables in parts.items()
        if any((v.numpy() != old).any() for v, old in zip(variables, before[part], strict=True))
    }
    sources = [factor.name for factor in factors if factor.name != name] + [RESIDUAL]
    terms = {
        "loss": [("loss", name)],
        "adversarial": [("adversarial", source, name) for source in sources],
        "decorrelation": [("decorrelation", RESIDUAL)],
        "reconstruction": [("reconstruction",)],
    }[kind]
    assert moved == set().union(*(moved_parts(term, model) for term in terms))
    after = critic_arrays(model)
    assert all((old[0] != after[key][0]).any() for key, old in critics.items())
    assert {key[:2] for key in critics} == {term[1:] for term in terms if term[0] == "adversarial"}
