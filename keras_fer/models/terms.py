"""The objective put together: which term sees what, with which weight."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from keras_fer.models import losses
from keras_fer.models.normalization import luma
from keras_fer.models.objective import Objective
from keras_fer.models.replicas import gathered, own_rows
from keras_fer.models.step_seeds import step_seed


class Term(NamedTuple):
    """One summand of the objective.

    Args:
        weight: factor of the mean.
        values: per image `(batch,)`, or a scalar over the batch.
        sample_weight: `(batch,)` or None.
    """

    weight: Any
    values: Any
    sample_weight: Any = None


def objective_terms(
    objective: Objective, critics, decoder, images, targets, outputs, sample_weight, step, seed: int = 0
) -> dict[str, Term]:
    """Computes every active term.

    Args:
        objective: weights and choices.
        critics: models from the non-expression representation to logits; frozen by the caller.
        decoder: model from both representations to pictures, or None.
        images: `(batch, size, size, 3)`, float, RGB in [0, 255], as the trunk saw them.
        targets: `labels` `(batch, K)` and, where known, `valence_arousal`, `pair`, `view` and
            `expression_weight`; see `DisentanglingModel`.
        outputs: what `DisentanglingModel.forward` returns.
        sample_weight: `(batch,)` or None.
        step: steps taken so far, a scalar; decides the ramp and, with `seed`, the noise.
        seed: of the run.

    Returns:
        Terms by the name under which they are logged.
    """
    labels = targets["labels"]
    smoothed = losses.smoothed(labels, objective.label_smoothing)
    terms = {
        "expression_loss": Term(
            objective.expression_weight,
            losses.cross_entropy(smoothed, outputs["expression"]),
            expression_weights(targets, _class_weighted(objective.class_weights, labels, sample_weight)),
        )
    }
    if objective.valence_arousal_weight and "valence_arousal" in targets:
        values = losses.valence_arousal(targets["valence_arousal"], outputs["valence_arousal"])
        terms["valence_arousal_loss"] = Term(objective.valence_arousal_weight, values, sample_weight)
    if objective.view_invariance_weight and "view" in targets:
        expression = ops.cast(outputs["expression_representation"], labels.dtype)
        values = losses.view_invariance(expression, _partners(expression)) * _paired(targets["view"])
        terms["view_invariance_loss"] = Term(objective.view_invariance_weight, values, sample_weight)
    representation = ops.cast(outputs["non_expression_representation"], labels.dtype)
    if objective.has_critics:
        values = _adversarial(objective, critics, labels, representation)
        weight = objective.adversarial_weight * ramp(objective.adversarial_ramp_steps, step)
        terms["adversarial_loss"] = Term(weight, values, sample_weight)
    if objective.decorrelation_weight:
        values = losses.decorrelation(gathered(representation))
        terms["decorrelation_loss"] = Term(objective.decorrelation_weight, values)
    if objective.cross_covariance_weight:
        values = losses.cross_covariance(gathered(representation), gathered(labels))
        terms["cross_covariance_loss"] = Term(objective.cross_covariance_weight, values)
    if objective.invariance_weight and "pair" in targets:
        values = losses.invariance(representation, _partners(representation)) * _paired(targets["pair"])
        terms["invariance_loss"] = Term(objective.invariance_weight, values, sample_weight)
    if objective.has_decoder:
        target = pictures(images, *decoder.output_shape[2:])
        terms.update(
            _reconstructions(
                objective, decoder, target, targets, outputs["decoder_inputs"], sample_weight, step, seed
            )
        )
    return terms


def require_targets(objective: Objective, targets) -> None:
    """Refuses a training batch without the pairs or views that the objective learns from.

    Raises:
        ValueError: if `pair` or `view` is needed and not there.
    """
    if objective.needs_pairs and "pair" not in targets:
        raise ValueError(
            "This objective learns from exact pairs: targets must hold `pair`, with rows 2i and "
            "2i + 1 of a batch the members of one pair. Prepare a data set with pairs, and draw "
            f"batches with the `pairs` sampler. Received: targets {sorted(targets)}"
        )
    if objective.needs_views and "view" not in targets:
        raise ValueError(
            "This objective compares two views of each image: targets must hold `view`, with rows 2i "
            "and 2i + 1 of a batch the same image. Draw batches with `TwoViews`. "
            f"Received: targets {sorted(targets)}"
        )


def expression_weights(targets, sample_weight):
    """Returns `sample_weight` times the `expression_weight` of each row; None where neither is given."""
    if "expression_weight" not in targets:
        return sample_weight
    weights = ops.cast(targets["expression_weight"], targets["labels"].dtype)
    return weights if sample_weight is None else weights * ops.cast(sample_weight, weights.dtype)


def pictures(images, size: int, channels: int):
    """Returns what the decoder is to reconstruct: the image, gray or RGB, small, in [−1, 1]."""
    small = luma(images) if channels == 1 else images
    if small.shape[1] != size:
        small = ops.image.resize(small, (size, size), interpolation="bilinear", antialias=True)
    return small / 127.5 - 1.0


def _class_weighted(class_weights, labels, sample_weight):
    if class_weights is None:
        return sample_weight
    weights = ops.sum(labels * ops.convert_to_tensor(class_weights, labels.dtype), axis=-1)
    return weights if sample_weight is None else weights * ops.cast(sample_weight, weights.dtype)


def _adversarial(objective, critics, labels, representation):
    """Mean over the critics, so that their number does not change the weight of the term."""
    prior = objective.class_prior or (1 / labels.shape[-1],) * labels.shape[-1]
    mode, clamp = objective.adversarial_mode, objective.adversarial_clamp
    values = [losses.adversarial(labels, critic(representation), mode, prior, clamp) for critic in critics]
    return ops.sum(labels, axis=-1) * sum(values) / len(values)


def ramp(ramp_steps: int, step):
    """Returns the share of the adversarial weight after so many steps: from 0 up to 1 over `ramp_steps`."""
    return ops.minimum(ops.cast(step, keras.config.floatx()) / ramp_steps, 1.0) if ramp_steps else 1.0


def _reconstructions(objective, decoder, target, targets, representations, sample_weight, step, seed):
    terms = {}
    expression, non_expression = representations
    if objective.reconstruction_weight:
        values = losses.reconstruction(target, decoder([expression, non_expression]))
        if objective.reconstruction_noise:
            noisy = [
                perturbed(representation, objective.reconstruction_noise, seed, step, salt)
                for salt, representation in enumerate(representations)
            ]
            values = values + losses.reconstruction(target, decoder(noisy))
        terms["reconstruction_loss"] = Term(objective.reconstruction_weight, values, sample_weight)
    if objective.swap_reconstruction_weight and "pair" in targets:
        decoded = decoder([expression, _partners(non_expression)])
        values = losses.reconstruction(target, decoded) * _paired(targets["pair"])
        terms["swap_reconstruction_loss"] = Term(objective.swap_reconstruction_weight, values, sample_weight)
    return terms


def perturbed(representation, noise: float, seed: int, step, salt: int):
    """Adds noise · σ · N(0, 1), with σ the standard deviation of each dimension over the batch.

    The normal numbers are a function of the run's seed and the step, so that a resumed run repeats them.
    """
    everywhere = gathered(ops.stop_gradient(representation))
    deviation = ops.std(everywhere, axis=0, keepdims=True)
    pair = step_seed(seed, step, 7919 + salt)  # Critics draw with the small salts.
    normal = tf.random.stateless_normal(tf.shape(everywhere), pair, dtype=representation.dtype, alg="philox")
    return representation + noise * deviation * own_rows(normal, representation)


def _partners(values, missing=0):
    """Swaps rows 2i and 2i + 1; a last row without a partner gets `missing`."""
    num_rows = ops.shape(values)[0]
    even = ops.pad(values, ((0, num_rows % 2), (0, 0)), constant_values=missing)
    pairs = ops.reshape(even, (-1, 2, values.shape[-1]))
    return ops.reshape(ops.flip(pairs, axis=1), (-1, values.shape[-1]))[:num_rows]


def _paired(ids):
    """1 for rows 2i and 2i + 1 with the same id ≥ 0, 0 for rows that are no pair, `(batch,)`."""
    pair = ops.reshape(ids, (-1, 1))
    paired = ops.logical_and(pair >= 0, ops.equal(pair, _partners(pair, missing=-1)))
    return ops.cast(ops.reshape(paired, (-1,)), keras.config.floatx())
