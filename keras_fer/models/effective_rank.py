"""How many directions a representation really uses, as a streaming Keras metric."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_fer")
class EffectiveRank(keras.metrics.Metric):
    """exp of the entropy of the normalised spectrum of the covariance (Roy & Vetterli, 2007).

    Between 1 and the width. A representation whose dimensions all keep standard deviation 1 can
    still be copies of one direction: the standard deviation does not see that, this does.

    Args:
        width: number of dimensions.
    """

    def __init__(self, width: int, name: str = "effective_rank", **kwargs):
        super().__init__(name=name, **kwargs)
        self.width = width
        self.count = self.add_variable((), initializer="zeros", name="count")
        self.total = self.add_variable((width,), initializer="zeros", name="total")
        self.products = self.add_variable((width, width), initializer="zeros", name="products")

    def update_state(self, representations, sample_weight=None):
        """Adds a batch, `(batch, width)`."""
        representations = ops.cast(representations, self.dtype)
        self.count.assign_add(ops.cast(ops.shape(representations)[0], self.dtype))
        self.total.assign_add(ops.sum(representations, axis=0))
        self.products.assign_add(ops.matmul(ops.transpose(representations), representations))

    def result(self):
        """Returns the effective rank of all rows seen, 0 before the first, NaN where any was not finite."""
        count = ops.maximum(self.count, 1.0)
        mean = self.total / count
        covariance = self.products / count - ops.outer(mean, mean)
        # The decomposition would raise, in the middle of the epoch that ought to report the NaN.
        finite = ops.all(ops.isfinite(covariance))
        covariance = ops.where(finite, covariance, ops.zeros_like(covariance))
        spectrum = ops.maximum(ops.linalg.eigh(covariance)[0], 0.0)
        shares = spectrum / ops.maximum(ops.sum(spectrum), 1e-12)
        entropy = -ops.sum(shares * ops.log(ops.maximum(shares, 1e-12)))
        rank = ops.where(ops.sum(spectrum) > 1e-9, ops.exp(entropy), 0.0)
        return ops.where(finite, rank, float("nan"))

    def get_config(self):
        """Returns what `from_config` needs."""
        return {"name": self.name, "dtype": self.dtype, "width": self.width}
