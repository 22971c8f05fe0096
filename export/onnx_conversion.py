"""From a Keras classifier to an ONNX file, float32, for any number of images at a time."""

import contextlib
import importlib.util
import io
import logging
from collections.abc import Iterator
from typing import Any

from keras_fer.contract import CONTRACT_FILE, ModelContract
from keras_fer.errors import FERError
from keras_fer.export.converter_output import quiet
from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, REPRESENTATION_NAME, deploy_model
from keras_fer.runtime.model_file import LABELS_FILE

# Of the operator set: what current onnxruntime, OpenCV and browsers read.
OPSET = 17
_INSTALL = "Install it with `pip install 'keras-fer[export]'`, in a checkout `pip install '.[export]'`."


def require_packages(*names: str) -> None:
    """Refuses what cannot be done for want of a package.

    Args:
        names: of importable packages.

    Raises:
        FERError: with the first that is missing, and how to get it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise FERError(
                f"This export recipe needs the package {name!r}, which is not installed. {_INSTALL}"
            )


def convert_to_onnx(classifier: Any, contract: ModelContract, representation: bool = False) -> bytes:
    """Converts a classifier to ONNX.

    Args:
        classifier: functional `keras.Model` from images, float32 `(batch, size, size, 3)` in [0, 255],
            to logits `(batch, K)`.
        contract: with the labels, the image size and the temperature; it is stored in the file.
        representation: whether the expression representation is an output as well.

    Returns:
        The content of an `.onnx` file: `images`, float32 `(batch, size, size, 3)`, to `probabilities`
        `(batch, K)` and, if asked for, `expression_representation` `(batch, d)`, for any batch. Its
        properties are `contract.json` and `labels.txt`.

    Raises:
        FERError: if tf2onnx is not installed.
    """
    require_packages("tf2onnx", "onnx")
    import tensorflow as tf
    import tf2onnx

    model = deploy_model(classifier, contract, representation=representation, batch_size=None)
    names = (OUTPUT_NAME, REPRESENTATION_NAME) if representation else (OUTPUT_NAME,)
    size = contract.image_size
    signature = [tf.TensorSpec((None, size, size, 3), tf.float32, name=INPUT_NAME)]

    @tf.function(input_signature=signature)
    def answer(images):
        outputs = model(images, training=False)
        if not representation:
            outputs = {OUTPUT_NAME: outputs}
        # The name of the operation is what tf2onnx calls the output.
        return {name: tf.identity(outputs[name], name=name) for name in names}

    with quiet(), _without_log():
        proto, _ = tf2onnx.convert.from_function(answer, input_signature=signature, opset=OPSET)
    return _finished(proto, contract, names)


def _finished(proto: Any, contract: ModelContract, names: tuple[str, ...]) -> bytes:
    """Orders the outputs, names the batch and writes the contract into the file."""
    import onnx

    outputs = {output.name: output for output in proto.graph.output}
    ordered = [outputs[name] for name in names]
    for end in (*proto.graph.input, *ordered):
        end.type.tensor_type.shape.dim[0].dim_param = "batch"
    copies = [onnx.ValueInfoProto.FromString(output.SerializeToString()) for output in ordered]
    del proto.graph.output[:]
    proto.graph.output.extend(copies)
    labels = "".join(f"{name}\n" for name in contract.label_names)
    onnx.helper.set_model_props(proto, {CONTRACT_FILE: contract.to_json(), LABELS_FILE: labels})
    proto.doc_string = contract.description
    onnx.checker.check_model(proto)
    return proto.SerializeToString(deterministic=True)


@contextlib.contextmanager
def _without_log() -> Iterator[None]:
    """Keeps the log of tf2onnx off the terminal.

    Where its transpose optimiser fails it prints a traceback and carries on; the file is right and a little
    slower, and the report counts its `Transpose` operators.
    """
    logger = logging.getLogger("tf2onnx")
    level, propagate = logger.level, logger.propagate
    handler = logging.StreamHandler(io.StringIO())
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
