"""From a Keras classifier to the bytes of a TFLite model, by recipe."""

from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.export.calibration_images import (
    calibration_choices,
    ranging_and_judging,
    require_calibration_images,
)
from keras_fer.export.converter_output import quiet
from keras_fer.export.deploy import OUTPUT_NAME, deploy_model
from keras_fer.export.divergence import divergence
from keras_fer.export.float_operators import float_operators
from keras_fer.export.metadata import add_metadata
from keras_fer.export.recipes import Recipe
from keras_fer.export.temporary_room import room_for_temporary_files
from keras_fer.export.tflite_file import tflite_probabilities
from keras_fer.export.tflite_graph import read_graph


def convert(
    classifier: Any,
    contract: ModelContract,
    recipe: Recipe,
    calibration_images: np.ndarray | None = None,
    representation: bool = False,
) -> bytes:
    """Converts a classifier.

    Args:
        classifier: functional `keras.Model` from images, float32 `(batch, size, size, 3)` in [0, 255],
            to logits `(batch, K)`.
        contract: with the labels, the image size and the temperature.
        recipe: one of `keras_fer.export.recipes.RECIPES`.
        calibration_images: uint8 `(n, size, size, 3)`, as the model will see them; only recipes that
            need calibration look at them.
        representation: whether the expression representation is an output as well.

    Returns:
        A TFLite model, without metadata: see `keras_fer.export.metadata.add_metadata`.

    Raises:
        ValueError: if calibration images are needed and there are none, or they have another shape.
    """
    import tensorflow as tf

    model = deploy_model(classifier, contract, recipe.input_dtype, representation)
    with room_for_temporary_files(), quiet():
        # `from_concrete_functions` on a Keras 3 model writes unfrozen variables and answers only NaN.
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if recipe.needs_calibration:
            images = require_calibration_images(calibration_images, contract.image_size)
            return _best_int8(converter, model, contract, images, recipe.input_dtype)
        if recipe.weight_dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.weight_dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _best_int8(
    converter: Any, model: Any, contract: ModelContract, images: np.ndarray, input_dtype: str
) -> bytes:
    """Quantises with each choice of calibration images; returns what is closest to the model on others."""
    ranging, judging = ranging_and_judging(images)
    choices = calibration_choices(ranging)
    if len(choices) == 1:
        return _int8(converter, images, input_dtype)
    candidates = [_int8(converter, chosen, input_dtype) for chosen in choices]
    answers = [model(image[None].astype(input_dtype), training=False) for image in judging]
    expected = np.concatenate(
        [np.asarray(row[OUTPUT_NAME] if isinstance(row, dict) else row, np.float64) for row in answers]
    )

    def distance(content: bytes) -> float:
        # With its metadata, which puts the outputs in order.
        return divergence(expected, tflite_probabilities(add_metadata(content, contract), judging))

    return min(candidates, key=distance)


def _int8(converter: Any, images: np.ndarray, input_dtype: str) -> bytes:
    """Quantises all but what `float_operators` names."""
    import tensorflow as tf

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[None].astype(input_dtype)] for image in images)
    # The debugger is the public way to leave operators in float.
    options = tf.lite.experimental.QuantizationDebugOptions
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=lambda: iter(()), debug_options=options()
    )
    names = float_operators(read_graph(debugger.calibrated_model))
    debugger.options = options(denylisted_nodes=names)
    return debugger.get_nondebug_quantized_model()
