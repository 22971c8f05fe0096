"""The second player: critics, and the bank that they learn from."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from keras_fer.models.objective import Objective
from keras_fer.models.replicas import num_replicas

HIDDEN_SIZE = 256
_LARGEST_HALF = 65504.0


def critic(representation_size: int, num_expressions: int, name: str = "critic"):
    """Non-expression representation to logits over the expressions.

    Two hidden layers, no normalisation, no dropout. Full precision under every policy: critics are
    tiny, and their optimiser then needs no loss scaling.
    """
    representation = keras.Input((representation_size,), name="non_expression_representation")
    hidden = representation
    dtype = keras.config.floatx()
    for layer in range(2):
        hidden = layers.Dense(
            HIDDEN_SIZE, kernel_initializer="he_normal", dtype=dtype, name=f"hidden{layer}"
        )(hidden)
        hidden = layers.LeakyReLU(0.2, dtype=dtype, name=f"relu{layer}")(hidden)
    logits = layers.Dense(num_expressions, dtype=dtype, name="logits")(hidden)
    return keras.Model(representation, logits, name=name)


@keras.saving.register_keras_serializable("keras_fer")
class CriticBank(layers.Layer):
    """First-in-first-out store of detached representations, or face features, with their labels.

    Critics that learn from the batch which they judge next memorise it. The bank lets them take
    many steps beside one encoder pass, on *other* batches.

    Face features are large, and more of a face than a model file should hold: they are kept in half
    precision, and not saved with the model. A model from a file begins with an empty bank then, while a
    checkpoint of a run, which takes every variable by itself, has them.

    Args:
        capacity: number of images.
        shape: of what is kept of one, `(width,)` of a representation or `(height, width, channels)` of
            face features.
        label_size: width of a label row.
        keeps_features: whether it keeps face features.
    """

    def __init__(
        self, capacity: int, shape: Sequence[int], label_size: int, keeps_features: bool = False, **kwargs
    ):
        kwargs["dtype"] = keras.config.floatx()
        super().__init__(**kwargs)
        self.capacity = capacity
        self.shape = tuple(shape)
        self.label_size = label_size
        self.keeps_features = keeps_features
        dtype = "float16" if keeps_features else self.dtype
        self.rows = self._store("rows", (capacity, *self.shape), dtype)
        self.labels = self._store("labels", (capacity, label_size), self.dtype)
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

    def push(self, rows, labels) -> None:
        """Stores a batch over the oldest rows.

        Args:
            rows: `(batch, *shape)`, at most `capacity`.
            labels: `(batch, label_size)`, probabilities.

        Raises:
            ValueError: if the batch is larger than the bank.
        """
        if rows.shape[0] is not None and rows.shape[0] > self.capacity:
            raise ValueError(
                f"The bank holds {self.capacity} images, fewer than a batch: raise `bank_size`, or "
                f"set it to 0 to let critics learn from the batch. Received: {rows.shape[0]}"
            )
        places = ops.arange(ops.shape(rows)[0], dtype="int32")
        places = ops.expand_dims((places + self.count) % self.capacity, -1)
        _write(self.rows, places, self._storable(rows))
        _write(self.labels, places, ops.cast(labels, self.dtype))
        # Kept below 2 × capacity: only "is it full" and "where next" are read from it.
        count = self.count + ops.shape(places)[0]
        full = count >= 2 * self.capacity
        self.count.assign(ops.where(full, count - self.capacity, count))

    def draw(self, uniform):
        """Returns stored rows, in full precision, and their labels.

        Args:
            uniform: `(draws,)`, numbers in [0, 1) that choose the rows with replacement.
        """
        filled = ops.minimum(self.count, self.capacity)
        places = ops.cast(uniform * ops.cast(filled, "float32"), "int32")
        places = ops.minimum(places, ops.maximum(filled - 1, 0))
        rows = ops.cast(ops.take(self.rows, places, axis=0), self.dtype)
        return rows, ops.take(self.labels, places, axis=0)

    def _storable(self, rows):
        rows = ops.cast(rows, self.dtype)
        if self.keeps_features:
            # Else a large value would be stored as infinity.
            rows = ops.cast(ops.clip(rows, -_LARGEST_HALF, _LARGEST_HALF), "float16")
        return rows

    def save_own_variables(self, store):
        """Saves representations; no face features."""
        if not self.keeps_features:
            super().save_own_variables(store)

    def load_own_variables(self, store):
        """Loads what was saved."""
        if not self.keeps_features:
            super().load_own_variables(store)

    def get_config(self):
        """Returns what `from_config` needs."""
        return {
            "name": self.name,
            "capacity": self.capacity,
            "shape": self.shape,
            "label_size": self.label_size,
            "keeps_features": self.keeps_features,
        }


def critic_bank(
    objective: Objective, features_shape: Sequence[int], representation_size: int, label_size: int
) -> CriticBank | None:
    """Returns the bank of an objective, empty; None where critics learn from the batch."""
    if not objective.bank_size:
        return None
    shape = features_shape if objective.banks_features else (representation_size,)
    return CriticBank(objective.bank_size, shape, label_size, objective.banks_features, name="critic_bank")


def _write(variable, places, rows) -> None:
    """Writes rows of a variable; in place where one device has it, since a bank may be large."""
    if num_replicas() == 1:
        variable.value.scatter_nd_update(places, rows)
    else:
        variable.assign(ops.scatter_update(variable, places, rows))
