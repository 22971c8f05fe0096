"""The terms of the objective, as pure functions of tensors; the equation stands beside each.

Per-image terms return `(batch,)` and leave weighting and the mean to the caller; terms over the
statistics of a batch return a scalar. Labels are probabilities, `(batch, K)`; a row of zeros means
that the label is missing, and every term that reads labels is then 0 for that row.
"""

import math

import keras
from keras import ops

ADVERSARIAL_MODES = ("uniform", "reversal", "entropy")


def cross_entropy(labels, logits):
    """−Σ_k labels_k log softmax(logits)_k, `(batch,)`, natural logarithm."""
    return -ops.sum(labels * ops.log_softmax(logits, axis=-1), axis=-1)


def smoothed(labels, amount: float):
    """(1 − amount) · labels + amount / K; a missing label stays missing."""
    return (1 - amount) * labels + amount * ops.sum(labels, axis=-1, keepdims=True) / labels.shape[-1]


def adversarial(labels, critic_logits, mode: str, prior, clamp: bool):
    """What the non-expression representation is asked to do to one frozen critic, `(batch,)`.

    With p = softmax(critic_logits) and the class prior u of the sampler:

    - `"uniform"`: CE(u, p) − H(u), floor 0 (D2AE, arXiv 1804.03487);
    - `"reversal"`: −CE(labels, p), label-aware (gradient reversal, arXiv 1505.07818);
      with `clamp`, −min(CE(labels, p), log K): no push once the critic is at chance;
    - `"entropy"`: H(u) − H(p).

    Args:
        labels: `(batch, K)`.
        critic_logits: `(batch, K)`.
        mode: one of `ADVERSARIAL_MODES`.
        prior: `(K,)`, sums to 1.
        clamp: whether `"reversal"` stops at chance.
    """
    log_p = ops.log_softmax(critic_logits, axis=-1)
    prior_entropy = -sum(share * math.log(share) for share in prior if share > 0)
    if mode == "uniform":
        return -ops.sum(ops.convert_to_tensor(prior, log_p.dtype) * log_p, axis=-1) - prior_entropy
    if mode == "reversal":
        error = cross_entropy(labels, critic_logits)
        return -(ops.minimum(error, math.log(len(prior))) if clamp else error)
    if mode == "entropy":
        return prior_entropy + ops.sum(ops.exp(log_p) * log_p, axis=-1)
    raise ValueError(f"`mode` must be one of {ADVERSARIAL_MODES}. Received: mode={mode!r}")


def reconstruction(pictures, reconstructions):
    """Mean over pixels and channels of ½ (x − x̂)², `(batch,)`; pictures in [−1, 1]."""
    return 0.5 * ops.mean(ops.square(pictures - reconstructions), axis=(1, 2, 3))


def decorrelation(representations):
    """Σ_{i≠j} cov²_ij / d over the batch, a scalar (VICReg's covariance term, arXiv 2105.04906)."""
    centred = representations - ops.mean(representations, axis=0, keepdims=True)
    count = ops.cast(ops.shape(representations)[0], representations.dtype)
    covariance = ops.matmul(ops.transpose(centred), centred) / ops.maximum(count - 1, 1)
    squares = ops.square(covariance)
    return (ops.sum(squares) - ops.sum(ops.diagonal(squares))) / representations.shape[-1]


def cross_covariance(representations, labels, epsilon: float = 1e-4):
    """‖corr(representations, labels)‖²_F / K over the batch, a scalar.

    Zero exactly where no linear classifier beats chance: the condition of LEACE
    (arXiv 2306.03819) as a penalty. Needs batches of about 128 or more to be told from noise.
    """
    present = ops.sum(labels, axis=-1, keepdims=True)
    count = ops.maximum(ops.sum(present), 1.0)

    def standardized(values):
        centred = (values - ops.sum(present * values, axis=0, keepdims=True) / count) * present
        return centred * ops.rsqrt(ops.sum(ops.square(centred), axis=0, keepdims=True) / count + epsilon)

    correlation = ops.matmul(ops.transpose(standardized(representations)), standardized(labels)) / count
    return ops.sum(ops.square(correlation)) / labels.shape[-1]


def invariance(representations, partners):
    """Mean over dimensions of (z − z′)² between the two members of an exact pair, `(batch,)`."""
    return ops.mean(ops.square(representations - partners), axis=-1)


def view_invariance(representations, partners, epsilon: float = 1e-3):
    """‖e/‖e‖ − e′/‖e′‖‖² = 2 − 2 cos(e, e′) between two views of one image, `(batch,)`.

    The distance of BYOL (arXiv 2006.07733, equation 2), with the gradient into both views: the
    classifier on the same representation keeps it from collapsing. Free of scale, so that shrinking
    the representation does not lower it; a norm below `epsilon` counts as `epsilon`. Between 0 and
    2 after a ReLU.
    """

    def unit(values):
        squared_norm = ops.sum(ops.square(values), axis=-1, keepdims=True)
        return values * ops.rsqrt(ops.maximum(squared_norm, epsilon**2))

    return ops.sum(ops.square(unit(representations) - unit(partners)), axis=-1)


def valence_arousal(targets, predictions):
    """Mean over the known ones of (target − prediction)², `(batch,)`; NaN targets are unknown."""
    known = ops.cast(ops.logical_not(ops.isnan(targets)), predictions.dtype)
    errors = ops.square(ops.where(ops.isnan(targets), predictions, targets) - predictions)
    return ops.sum(errors * known, axis=-1) / ops.maximum(ops.sum(known, axis=-1), 1.0)


@keras.saving.register_keras_serializable("keras_fer")
class BatchMean(keras.losses.Loss):
    """Keras' own reduction for values that are losses already.

    Under `tf.distribute` Keras divides what a `keras.losses.Loss` returns by the number of
    replicas; a plain mean is not divided and makes the gradient too large.
    """

    def call(self, y_true, y_pred):
        """Returns the values as they are, a scalar as a batch of one: scalars Keras does not divide."""
        return y_pred if len(y_pred.shape) else ops.expand_dims(y_pred, 0)
