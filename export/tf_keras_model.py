"""From a Keras 3 model to the same model in tf_keras, which the model optimisation toolkit needs."""

import functools
import inspect
from typing import Any

import numpy as np

from keras_fer.data.luma import LUMA


def tf_keras_model(model: Any) -> Any:
    """Rebuilds a functional Keras 3 model layer by layer in tf_keras.

    Models within the model are unfolded, so that the result is one flat graph: the toolkit refuses nested
    ones. A layer is rebuilt from its configuration, without what tf_keras does not know, and gets the
    weights. `StandardizedGray` has a counterpart here; operations on tensors that are no layers, additions
    and products with numbers as in hard swish, become `Rescaling` layers.

    Args:
        model: functional `keras.Model` of one input, in float32.

    Returns:
        A functional `tf_keras.Model` with outputs equal up to 1e-5.

    Raises:
        ValueError: if there is a layer without a counterpart.
    """
    import tf_keras

    images = tf_keras.Input(model.inputs[0].shape[1:], name="images")
    pairs: list[tuple[Any, Any]] = []
    outputs = _unfolded(model, [images], pairs, set())
    result = tf_keras.Model(images, outputs[0] if len(outputs) == 1 else outputs, name="tf_keras_model")
    for source, target in pairs:
        target.set_weights([np.asarray(weight) for weight in source.weights])
    return result


def _unfolded(model: Any, inputs: list[Any], pairs: list[tuple[Any, Any]], names: set[str]) -> list[Any]:
    """Calls the counterparts of all operations of a functional model on tensors of tf_keras."""
    import keras

    tensors = {id(source): target for source, target in zip(model.inputs, inputs, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            operation = node.operation
            if isinstance(operation, keras.layers.InputLayer):
                continue
            arguments = [tensors[id(source)] for source in node.arguments.keras_tensors]
            if isinstance(operation, keras.Model):
                results = _unfolded(operation, arguments, pairs, names)
            else:
                results = [_called(operation, node, arguments, pairs, names)]
            tensors.update(
                (id(source), target) for source, target in zip(node.output_tensors, results, strict=True)
            )
    return [tensors[id(output)] for output in model.outputs]


def _called(
    operation: Any, node: Any, arguments: list[Any], pairs: list[tuple[Any, Any]], names: set[str]
) -> Any:
    """Builds the counterpart of one operation, with a name of its own, and calls it."""
    import keras

    name = operation.name
    while name in names:
        name += "_"
    names.add(name)
    if not isinstance(operation, keras.layers.Layer):
        return _arithmetic(operation, node, arguments, name)
    layer = _counterpart(operation, name)
    result = layer(arguments[0] if len(arguments) == 1 else arguments)
    if operation.weights:
        pairs.append((operation, layer))
    return result


def _counterpart(operation: Any, name: str) -> Any:
    """Returns the layer of tf_keras with the same configuration."""
    import tf_keras

    kind = type(operation).__name__
    config = operation.get_config()
    if kind == "StandardizedGray":
        return standardized_gray_class()(smallest_std=operation.smallest_std, name=name)
    layer_class = getattr(tf_keras.layers, kind, None)
    if layer_class is None:
        raise ValueError(
            f"tf_keras has no counterpart of the layer {operation.name!r}. Received: a {kind}, with {config}"
        )
    known = set(inspect.signature(layer_class.__init__).parameters)
    activation = config.get("activation")
    settings = {
        key: value
        for key, value in config.items()
        # Initial values do not matter, since weights are copied.
        if key in known - {"self", "name", "dtype"} and not key.endswith(("_initializer", "_constraint"))
    }
    if isinstance(activation, dict):
        raise ValueError(f"The activation of {operation.name!r} must have a name. Received: {activation}")
    if activation is not None:
        settings["activation"] = own_activations().get(activation, activation)
    return layer_class(name=name, **settings)


@functools.cache
def own_activations() -> dict[str, Any]:
    """Returns activations that tf_keras lacks or, like hard sigmoid, has with another slope, by name."""
    import tensorflow as tf

    def hard_sigmoid(values):
        return tf.nn.relu6(values + 3.0) / 6.0

    def hard_silu(values):
        return values * hard_sigmoid(values)

    def silu(values):
        return tf.nn.silu(values)

    return {function.__name__: function for function in (hard_sigmoid, hard_silu, silu)}


def _arithmetic(operation: Any, node: Any, arguments: list[Any], name: str) -> Any:
    """Adds or multiplies by a number as a layer, which the toolkit can leave in peace."""
    import tf_keras

    kind = type(operation).__name__
    constants = [value for value in node.arguments.args if not hasattr(value, "_keras_history")]
    if kind == "Cast" and len(arguments) == 1:
        return arguments[0]
    if len(arguments) != 1 or len(constants) != 1 or kind not in ("Add", "Multiply"):
        raise ValueError(
            f"tf_keras has no counterpart of the operation {operation.name!r}. "
            f"Received: {kind} of {len(arguments)} tensors and {constants}"
        )
    number = float(constants[0])
    scale, offset = (1.0, number) if kind == "Add" else (number, 0.0)
    return tf_keras.layers.Rescaling(scale, offset, name=name)(arguments[0])


@functools.cache
def standardized_gray_class() -> Any:
    """Returns the counterpart of `keras_fer.models.normalization.StandardizedGray`, made when needed."""
    import tensorflow as tf
    import tf_keras

    class StandardizedGray(tf_keras.layers.Layer):
        """Gray picture with zero mean and unit standard deviation per image."""

        def __init__(self, smallest_std: float = 2.0, **settings: Any) -> None:
            super().__init__(**settings)
            self.smallest_std = smallest_std

        def call(self, images: Any) -> Any:
            """Standardises each image."""
            # Not as a product of matrices: of int8 pixels with float weights LiteRT refuses that.
            gray = tf.reduce_sum(images * tf.constant(LUMA, images.dtype), axis=-1, keepdims=True)
            centred = gray - tf.reduce_mean(gray, axis=(1, 2), keepdims=True)
            variance = tf.reduce_mean(tf.square(centred), axis=(1, 2), keepdims=True)
            return centred * tf.math.rsqrt(tf.maximum(variance, self.smallest_std**2))

        def get_config(self) -> dict[str, Any]:
            """Returns what `from_config` needs."""
            return {**super().get_config(), "smallest_std": self.smallest_std}

    return StandardizedGray
