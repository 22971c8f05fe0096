"""All critics that judge one representation, as one layer of stacked weights."""

from collections.abc import Mapping

import keras
from keras import layers, ops

from keras_fer.models.critics import HIDDEN_SIZE


@keras.saving.register_keras_serializable("keras_fer")
class CriticPanel(layers.Layer):
    """Several critics for each of several factors; each is the net of `critics.critic`.

    Dense – LeakyReLU – Dense – LeakyReLU – Dense, no normalisation, no dropout. The critics share nothing, so
    any optimiser that works number by number moves each as if it stood alone; stacked, a step takes a
    few products of matrices instead of hundreds. Full precision under every policy, as there.

    Args:
        sizes: by name of the factor the number of outputs, logits or values.
        num_critics: for each factor.
        representation_size: width of what is judged.

    Input shape: `(batch, representation_size)`.
    Output: by name of the factor `(num_critics, batch, size)`.
    """

    def __init__(self, sizes: Mapping[str, int], num_critics: int, representation_size: int, **kwargs):
        kwargs["dtype"] = keras.config.floatx()
        super().__init__(**kwargs)
        self.sizes = dict(sizes)
        self.num_critics = num_critics
        self.representation_size = representation_size
        count = num_critics * len(self.sizes)
        self.hidden = [
            self._dense(f"hidden{index}", count, width, HIDDEN_SIZE, hidden=True)
            for index, width in enumerate((representation_size, HIDDEN_SIZE))
        ]
        self.outputs = {
            name: self._dense(name, num_critics, HIDDEN_SIZE, size, hidden=False)
            for name, size in self.sizes.items()
        }
        self.built = True

    def _dense(self, name: str, count: int, inputs: int, outputs: int, hidden: bool):
        """Kernels `(count, inputs, outputs)` and biases `(count, 1, outputs)`."""
        # Keras takes the first axis for positions of a kernel, and divides the variance by its length.
        initializer = (
            keras.initializers.VarianceScaling(2.0 * count, "fan_in", "truncated_normal")
            if hidden
            else keras.initializers.VarianceScaling(1.0 * count, "fan_avg", "uniform")
        )
        kernel = self.add_weight((count, inputs, outputs), initializer, name=f"{name}_kernel")
        return kernel, self.add_weight((count, 1, outputs), "zeros", name=f"{name}_bias")

    def call(self, representations):
        """Returns the judgements of every critic."""
        hidden = ops.expand_dims(representations, 0)
        for kernel, bias in self.hidden:
            hidden = ops.leaky_relu(ops.matmul(hidden, kernel) + bias, 0.2)
        count = self.num_critics
        return {
            name: ops.matmul(hidden[index * count : (index + 1) * count], kernel) + bias
            for index, (name, (kernel, bias)) in enumerate(self.outputs.items())
        }

    def get_config(self):
        """Returns what `from_config` needs."""
        return {
            "name": self.name,
            "sizes": self.sizes,
            "num_critics": self.num_critics,
            "representation_size": self.representation_size,
        }
