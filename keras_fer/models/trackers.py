"""What is logged of an objective: a mean per active term, and the accuracies."""

import keras
from keras import ops

from keras_fer.models.objective import Objective

# Terms that are there only where a batch holds this target.
TARGETS = {
    "invariance_loss": "pair",
    "swap_reconstruction_loss": "pair",
    "view_invariance_loss": "view",
    "valence_arousal_loss": "valence_arousal",
}


def trackers(objective: Objective) -> dict[str, keras.metrics.Mean]:
    """Returns a mean for each number that training with this objective logs, by name."""
    active = {
        "expression_loss": True,
        "reconstruction_loss": objective.reconstruction_weight > 0,
        "adversarial_loss": objective.has_critics,
        "decorrelation_loss": objective.decorrelation_weight > 0,
        "cross_covariance_loss": objective.cross_covariance_weight > 0,
        "invariance_loss": objective.invariance_weight > 0,
        "swap_reconstruction_loss": objective.swap_reconstruction_weight > 0,
        "view_invariance_loss": objective.view_invariance_weight > 0,
        "valence_arousal_loss": objective.valence_arousal_weight > 0,
        "critic_loss": objective.has_critics,
        "critic_accuracy": objective.has_critics,
        "expression_accuracy": True,
    }
    return {name: keras.metrics.Mean(name=name) for name, wanted in active.items() if wanted}


def hits(labels, logits):
    """Whether the largest logit is the largest label, and whether there is a label, `(batch,)` each.

    Args:
        labels: probabilities `(batch, K)`; a row of zeros is a missing label.
        logits: `(batch, K)`.
    """
    right = ops.equal(ops.argmax(labels, axis=-1), ops.argmax(logits, axis=-1))
    return ops.cast(right, labels.dtype), ops.cast(ops.sum(labels, axis=-1) > 0, labels.dtype)
