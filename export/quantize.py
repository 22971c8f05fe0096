"""From a Keras classifier to the bytes of a TFLite model, by recipe."""

import contextlib
import io
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.export.deploy import deploy_model
from keras_fer.export.recipes import Recipe
from keras_fer.export.tflite_graph import Graph, read_graph


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
    with quiet():
        # `from_concrete_functions` on a Keras 3 model writes unfrozen variables and answers only NaN.
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if recipe.needs_calibration:
            images = require_calibration_images(calibration_images, contract.image_size)
            return _int8(converter, images, recipe.input_dtype)
        if recipe.weight_dtype != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if recipe.weight_dtype == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


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


def float_operators(graph: Graph) -> list[str]:
    """Names the operators that stay in float when the rest becomes int8; see `float_positions`.

    Args:
        graph: of the model in float.

    Returns:
        The operators, by the names of their outputs.
    """
    operators = graph.operators
    weighted = [position for position, operator in enumerate(operators) if graph.learned(operator)]
    dense = bool(weighted) and operators[weighted[-1]].kind == "FULLY_CONNECTED"
    in_float = [operators[position] for position in float_positions(len(operators), weighted, dense)]
    return [graph.tensors[index].name for operator in in_float for index in operator.outputs]


def float_positions(num_operators: int, weighted: Sequence[int], dense: bool) -> list[int]:
    """Returns which operators of a graph, in the order in which they run, stay in float.

    - Everything before the first layer with weights. Where that standardises each image, int8 holds
      neither a variance, whose steps would be 60 gray levels squared, nor its inverse root: on faces
      the largest error of a probability was 0.21 in int8 and 0.08 this way, which is also faster.
    - The last dense layer and what follows: a probability in int8 has steps of 1/256, so that
      answers tie, and the layer costs next to nothing.

    Args:
        num_operators: of the graph.
        weighted: positions of those with learned weights.
        dense: whether the last of these is a dense layer.
    """
    if not weighted:
        return []
    first, last = weighted[0], weighted[-1]
    # A net of a single layer would have nothing left to quantise.
    end = last if dense and first < last else last + 1
    return [*range(first), *range(end, num_operators)]


def require_calibration_images(images: np.ndarray | None, size: int) -> np.ndarray:
    """Returns the images if int8 can be calibrated on them.

    Args:
        images: uint8 `(n, size, size, 3)`, n > 0.
        size: pixels.

    Raises:
        ValueError: if they are anything else.
    """
    if images is None or images.dtype != np.uint8 or images.shape[1:] != (size, size, 3) or not len(images):
        received = "none" if images is None else f"{images.dtype} {images.shape}"
        raise ValueError(
            f"int8 needs calibration images, uint8 (n, {size}, {size}, 3) with n > 0. Received: {received}"
        )
    return images


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what the converter prints, from Python and from C++; an exception brings it along."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        # About the deprecation of its own interpreter, and about statistics it then takes from images.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"tensorflow\.")
        os.dup2(log.fileno(), 2)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                yield
        except Exception as error:
            log.seek(0)
            error.add_note(log.read()[-4000:].decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
