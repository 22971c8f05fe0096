"""The second player: critics, and the bank of representations that they learn from."""

import keras
from keras import layers, ops


def critic(representation_size: int, num_expressions: int, hidden_size: int = 256, name: str = "critic"):
    """Non-expression representation to logits over the expressions.

    Two hidden layers, no normalisation, no dropout. Full precision under every policy: critics are
    tiny, and their optimiser then needs no loss scaling.
    """
    representation = keras.Input((representation_size,), name="non_expression_representation")
    hidden = representation
    dtype = keras.config.floatx()
    for layer in range(2):
        hidden = layers.Dense(
            hidden_size, kernel_initializer="he_normal", dtype=dtype, name=f"hidden{layer}"
        )(hidden)
        hidden = layers.LeakyReLU(0.2, dtype=dtype, name=f"relu{layer}")(hidden)
    logits = layers.Dense(num_expressions, dtype=dtype, name="logits")(hidden)
    return keras.Model(representation, logits, name=name)


@keras.saving.register_keras_serializable("keras_fer")
class RepresentationBank(layers.Layer):
    """First-in-first-out store of detached representations with their labels.

    Critics that learn from the batch which they judge next memorise it. The bank lets them take
    many steps beside one encoder pass, on representations of *other* batches.

    Args:
        capacity: number of representations.
        representation_size: width of one.
        num_expressions: width of a label row.
    """

    def __init__(self, capacity: int, representation_size: int, num_expressions: int, **kwargs):
        kwargs["dtype"] = keras.config.floatx()
        super().__init__(**kwargs)
        self.capacity = capacity
        self.representation_size = representation_size
        self.num_expressions = num_expressions
        self.representations = self._store("representations", (capacity, representation_size), self.dtype)
        self.labels = self._store("labels", (capacity, num_expressions), self.dtype)
        self.count = self._store("count", (), "int32")
        self.built = True

    def _store(self, name, shape, dtype):
        # All replicas write the same: there is nothing to add up, and nothing to send.
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="none",
        )

    def push(self, representations, labels) -> None:
        """Stores a batch over the oldest rows.

        Args:
            representations: `(batch, representation_size)`, at most `capacity` rows.
            labels: `(batch, num_expressions)`, probabilities.

        Raises:
            ValueError: if the batch is larger than the bank.
        """
        if representations.shape[0] is not None and representations.shape[0] > self.capacity:
            raise ValueError(
                f"The bank holds {self.capacity} representations, fewer than a batch: raise `bank_size`, or "
                f"set it to 0 to let critics learn from the batch. Received: {representations.shape[0]}"
            )
        rows = ops.arange(ops.shape(representations)[0], dtype="int32")
        rows = ops.expand_dims((rows + self.count) % self.capacity, -1)
        self.representations.assign(
            ops.scatter_update(self.representations, rows, ops.cast(representations, self.dtype))
        )
        self.labels.assign(ops.scatter_update(self.labels, rows, ops.cast(labels, self.dtype)))
        # Kept below 2 × capacity: only "is it full" and "where next" are read from it.
        count = self.count + ops.shape(rows)[0]
        full = count >= 2 * self.capacity
        self.count.assign(ops.where(full, count - self.capacity, count))

    def draw(self, uniform):
        """Returns stored rows and their labels.

        Args:
            uniform: `(draws,)`, numbers in [0, 1) that choose the rows with replacement.
        """
        filled = ops.minimum(self.count, self.capacity)
        rows = ops.cast(uniform * ops.cast(filled, "float32"), "int32")
        rows = ops.minimum(rows, ops.maximum(filled - 1, 0))
        return ops.take(self.representations, rows, axis=0), ops.take(self.labels, rows, axis=0)

    def get_config(self):
        """Returns what `from_config` needs."""
        return {
            "name": self.name,
            "capacity": self.capacity,
            "representation_size": self.representation_size,
            "num_expressions": self.num_expressions,
        }
