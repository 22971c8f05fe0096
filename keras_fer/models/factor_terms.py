"""The objective over several factors put together: which term sees what, with which weight.

total = Σ_f weight_f L_f + β3(t) Σ_(g, f≠g) a_f adversarial(f out of g) + β1 reconstruction
+ γ decorrelation, where g runs over the representations of all factors and the residual one.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_fer.models import factor_losses, losses
from keras_fer.models.factors import Chase, Factor
from keras_fer.models.masks import Mask, mask
from keras_fer.models.objective import Objective
from keras_fer.models.replicas import gathered
from keras_fer.models.terms import perturbed, pictures, ramp


class FactorTerm(NamedTuple):
    """One summand of the objective.

    Args:
        weight: factor of the mean.
        values: per image `(batch,)`, or a scalar over the batch.
        sample_weight: `(batch,)` or None; holds the mask of the rows, too.
        count: rows that the mean is over; None for the whole batch.
    """

    weight: Any
    values: Any
    sample_weight: Any = None
    count: Any = None


def factor_terms(
    factors: Sequence[Factor],
    pairs: Sequence[Chase],
    objective: Objective,
    targets: Mapping[str, Any],
    predictions: Mapping[str, Any],
    judgements: Mapping[str, Any],
    sample_weight,
    step,
) -> dict[str, FactorTerm]:
    """Computes the losses of the factors and the adversarial term.

    Args:
        factors: all that are known.
        pairs: of a representation and a factor that is chased out of it.
        objective: weights and choices.
        targets: encoded, by name of the factor; one that is not there has no terms.
        predictions: of the heads, by name of the factor.
        judgements: of the frozen critics, by name of the pair, `(num_critics, batch, size)`.
        sample_weight: `(batch,)` or None.
        step: steps taken so far, a scalar; decides the ramp.

    Returns:
        Terms by the name under which they are logged.
    """
    masks = _masks(factors, targets)
    terms = {}
    for factor in factors:
        if rows := masks.get(factor.name):
            values = factor_losses.factor_loss(factor, targets[factor.name], predictions[factor.name])
            weights = row_weights(factor, targets, rows.weights, sample_weight)
            terms[f"{factor.name}_loss"] = FactorTerm(factor.weight, values, weights, rows.count)
    mode, clamp = objective.adversarial_mode, objective.adversarial_clamp
    chased = []
    for pair in pairs:
        if rows := masks.get(pair.target.name):
            values = factor_losses.adversarial(
                pair.target, targets[pair.target.name], judgements[pair.name], mode, clamp
            )
            # The mean over the critics, so that their number does not change the weight of the term.
            chased.append(pair.target.adversarial_weight * rows.weights * ops.mean(values, axis=0))
    if chased:
        weight = objective.adversarial_weight * ramp(objective.adversarial_ramp_steps, step)
        # Each summand carries its own mask: their sum is a mean over the whole batch.
        terms["adversarial_loss"] = FactorTerm(weight, sum(chased), sample_weight)
    return terms


def decorrelation_term(objective: Objective, representations: Sequence) -> FactorTerm:
    """Computes the sum over representations of their off-diagonal covariance."""
    values = [
        losses.decorrelation(gathered(ops.cast(values, keras.config.floatx()))) for values in representations
    ]
    return FactorTerm(objective.decorrelation_weight, sum(values))


def reconstruction_term(
    objective: Objective, decode, images, representations: Sequence, sample_weight, step, seed: int
) -> FactorTerm:
    """Computes ½ (x − x̂)² per pixel, with `reconstruction_noise` once more from perturbed representations.

    Args:
        objective: weight and noise.
        decode: from the list of representations to pictures `(batch, size, size, channels)`.
        images: `(batch, size, size, 3)`, float, RGB in [0, 255].
        representations: as the decoder may see them.
        sample_weight: `(batch,)` or None.
        step: steps taken so far; decides the noise together with `seed`.
        seed: of the run.
    """
    decoded = decode(representations)
    target = pictures(images, *decoded.shape[2:])
    values = losses.reconstruction(target, decoded)
    if objective.reconstruction_noise:
        noisy = [
            perturbed(representation, objective.reconstruction_noise, seed, step, salt)
            for salt, representation in enumerate(representations)
        ]
        values = values + losses.reconstruction(target, decode(noisy))
    return FactorTerm(objective.reconstruction_weight, values, sample_weight)


def critic_terms(
    pairs: Sequence[Chase], targets: Mapping[str, Any], judgements: Mapping[str, Any]
) -> dict[str, FactorTerm]:
    """Computes what the critics minimise on detached representations: Σ of the errors of their predictions.

    Args:
        pairs: as in `factor_terms`.
        targets: encoded, by name of the factor, `(rows, size)`; one that is not there judges nobody.
        judgements: by name of the pair, `(num_critics, rows, size)`.

    Returns:
        A term for each pair, by its name.
    """
    masks = _masks([pair.target for pair in pairs], targets)
    terms = {}
    for pair in pairs:
        if rows := masks.get(pair.target.name):
            errors = factor_losses.prediction_error(
                pair.target, targets[pair.target.name], judgements[pair.name]
            )
            terms[pair.name] = FactorTerm(1.0, ops.sum(errors, axis=0), rows.weights, rows.count)
    return terms


def _masks(factors: Sequence[Factor], targets: Mapping[str, Any]) -> dict[str, Mask]:
    """Returns which rows have a target, by name of each factor that is there."""
    return {
        factor.name: mask(factor_losses.present(factor, targets[factor.name]))
        for factor in {factor.name: factor for factor in factors}.values()
        if factor.name in targets
    }


def row_weights(factor: Factor, targets: Mapping[str, Any], weights, sample_weight):
    """Returns `weights` times those of the samples and those of the rows for this factor, where given."""
    for further in (sample_weight, targets.get(f"{factor.name}_weight")):
        weights = weights if further is None else weights * ops.cast(further, weights.dtype)
    return weights
