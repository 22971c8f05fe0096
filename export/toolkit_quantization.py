"""Layers that compute as int8 will, for the process of the model optimisation toolkit."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_RANGE_IMAGES = 512
_RANGE_BATCH = 32


def quantised_model(model: Any) -> Any:
    """Wraps all layers so that they compute as int8 will; normalisation only in what it gives.

    The last dense layer too, though it is cheap in float: a dense layer with float weights on int8 values is
    what LiteRT refuses.

    Args:
        model: `tf_keras.Model`, functional and flat.

    Returns:
        A copy in the toolkit's wrappers, with ranges still to be set: see `set_ranges`.
    """
    import tensorflow_model_optimization as tfmot
    import tf_keras

    from keras_fer.export.tf_keras_model import own_activations, standardized_gray_class

    quantization = tfmot.quantization.keras
    output_only = _output_only_class()
    gray = standardized_gray_class()

    def annotated(layer: Any) -> Any:
        if isinstance(layer, tf_keras.layers.InputLayer):
            return layer
        # What has no weights but computes: the toolkit does not know it, its result is rounded to int8.
        own = (gray, tf_keras.layers.Rescaling, tf_keras.layers.Multiply)
        curved = isinstance(layer, tf_keras.layers.Activation) and not _is_plain(layer.activation)
        if isinstance(layer, own) or curved:
            return quantization.quantize_annotate_layer(layer, quantize_config=output_only())
        return quantization.quantize_annotate_layer(layer)

    # The toolkit makes layers anew from their configuration, which has names only.
    scope = {gray.__name__: gray, output_only.__name__: output_only, **own_activations()}
    with quantization.quantize_scope(scope):
        copy = tf_keras.models.clone_model(model, clone_function=annotated)
        return quantization.quantize_apply(copy)


def _is_plain(activation: Any) -> bool:
    return getattr(activation, "__name__", "") in ("linear", "relu", "softmax")


def _output_only_class() -> Any:
    """Returns a configuration for the toolkit: no weights, only the result of the layer in int8."""
    import tensorflow_model_optimization as tfmot

    quantizer = tfmot.quantization.keras.quantizers.MovingAverageQuantizer(
        num_bits=8, per_axis=False, symmetric=False, narrow_range=False
    )

    class OutputOnly(tfmot.quantization.keras.QuantizeConfig):
        def get_weights_and_quantizers(self, layer: Any) -> list:
            return []

        def get_activations_and_quantizers(self, layer: Any) -> list:
            return []

        def set_quantize_weights(self, layer: Any, quantize_weights: Any) -> None:
            pass

        def set_quantize_activations(self, layer: Any, quantize_activations: Any) -> None:
            pass

        def get_output_quantizers(self, layer: Any) -> list:
            return [quantizer]

        def get_config(self) -> dict:
            return {}

    return OutputOnly


def set_ranges(student: Any, images: np.ndarray) -> None:
    """Sets the range of every activation to what it spans in float32, the mean over batches.

    The toolkit starts all ranges at ±6 and moves them by a thousandth per step: after the few steps of a
    short training an activation within ±0.5 would still be rounded to a tenth of it, and one that
    reaches 50 cut off.

    Args:
        student: of `quantised_model`.
        images: uint8 `(n, size, size, 3)`; the first of them are looked at.
    """
    images = images[:_RANGE_IMAGES]
    with _measured() as ranges:
        for start in range(0, len(images), _RANGE_BATCH):
            student(images[start : start + _RANGE_BATCH].astype(np.float32), training=False)
    for variable, values in ranges.values():
        variable.assign(sum(values) / len(values))


@contextlib.contextmanager
def _measured() -> Iterator[dict[int, tuple[Any, list]]]:
    """Has the toolkit's quantizers round nothing and note the extremes of activations, by variable."""
    import tensorflow as tf
    import tensorflow_model_optimization as tfmot

    quantizers = tfmot.quantization.keras.quantizers
    ranges: dict[int, tuple[Any, list]] = {}

    def note(quantizer: Any, inputs: Any, training: Any, weights: dict[str, Any], **_: Any) -> Any:
        # int8 must hold 0, since it pads with it.
        for name, value in (
            ("min_var", tf.minimum(tf.reduce_min(inputs), 0.0)),
            ("max_var", tf.maximum(tf.reduce_max(inputs), 0.0)),
        ):
            ranges.setdefault(id(weights[name]), (weights[name], []))[1].append(value)
        return inputs

    def leave(quantizer: Any, inputs: Any, training: Any, weights: Any, **_: Any) -> Any:
        return inputs

    # Ranges of weights are taken anew in each step.
    kinds = {
        quantizers.MovingAverageQuantizer: note,
        # Of the pixels: it starts at 0 to 0, so that nothing would get past it.
        quantizers.AllValuesQuantizer: note,
        quantizers.LastValueQuantizer: leave,
    }
    former = {kind: kind.__call__ for kind in kinds}
    try:
        for kind, replacement in kinds.items():
            kind.__call__ = replacement
        yield ranges
    finally:
        for kind, call in former.items():
            kind.__call__ = call
