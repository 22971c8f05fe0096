"""The terms of one factor, as pure functions of tensors; the equation stands beside each.

Targets are encoded (`factor_targets.encoded`): of a categorical factor probabilities `(batch, size)`, a
row of zeros where the label is missing; of a continuous one standardised values `(batch, size)`, NaN
where unknown. Everything returns `(batch,)`, 0 for a row without a target.
"""

from keras import ops

from keras_fer.models import losses
from keras_fer.models.factors import Factor


def present(factor: Factor, targets):
    """1 for rows that have a target of the factor, else 0, `(batch,)`."""
    known = targets > 0 if factor.is_categorical else ops.logical_not(ops.isnan(targets))
    return ops.cast(ops.any(known, axis=-1), targets.dtype)


def squared_error(targets, predictions):
    """Mean over the known values of (target − prediction)²; NaN targets are unknown."""
    unknown = ops.isnan(targets)
    # Chosen before the difference is taken: a NaN in the branch not chosen would spoil the gradient.
    errors = ops.square(ops.where(unknown, predictions, targets) - predictions)
    return ops.sum(errors, axis=-1) / _num_known(unknown, predictions.dtype)


def absolute_error(targets, predictions, scale):
    """Mean over the known values of |target − prediction| · scale, in the units of the data."""
    unknown = ops.isnan(targets)
    errors = ops.absolute(ops.where(unknown, predictions, targets) - predictions)
    errors = errors * ops.convert_to_tensor(scale, predictions.dtype)
    return ops.sum(errors, axis=-1) / _num_known(unknown, predictions.dtype)


def _num_known(unknown, dtype):
    return ops.maximum(ops.sum(1 - ops.cast(unknown, dtype), axis=-1), 1)


def prediction_error(factor: Factor, targets, predictions):
    """CE(targets, softmax(predictions)), or the squared error of standardised values."""
    if factor.is_categorical:
        return losses.cross_entropy(targets, predictions)
    return squared_error(targets, predictions)


def factor_loss(factor: Factor, targets, predictions):
    """`prediction_error` with the label smoothing and the class weights of the factor."""
    if not factor.is_categorical:
        return squared_error(targets, predictions)
    values = losses.cross_entropy(losses.smoothed(targets, factor.label_smoothing), predictions)
    if factor.class_weights is None:
        return values
    return values * ops.sum(targets * ops.convert_to_tensor(factor.class_weights, targets.dtype), axis=-1)


def adversarial(factor: Factor, targets, predictions, mode: str, clamp: bool):
    """What a representation is asked to do to one frozen critic that looks for a factor in it.

    Categorical: `losses.adversarial`. Continuous, with standardised values t and predictions t̂, so that a
    guess is 0 and its squared error 1 over the data:

    - `"reversal"`: −(t − t̂)²; with `clamp`, −min((t − t̂)², 1): no push on a row whose critic is at chance;
    - `"uniform"` and `"entropy"`: t̂², floor 0: the critic shall guess, as it shall give the prior of classes.

    Args:
        factor: what the critic looks for.
        targets: encoded, `(batch, size)`.
        predictions: of the critic, logits or standardised values.
        mode: one of `losses.ADVERSARIAL_MODES`.
        clamp: whether the mode `reversal` stops at chance.
    """
    if factor.is_categorical:
        prior = factor.class_prior or (1 / factor.size,) * factor.size
        return present(factor, targets) * losses.adversarial(targets, predictions, mode, prior, clamp)
    if mode != "reversal":
        guesses = ops.where(ops.isnan(targets), targets, ops.zeros_like(targets))
        return squared_error(guesses, predictions)
    errors = squared_error(targets, predictions)
    return -(ops.minimum(errors, 1.0) if clamp else errors)
