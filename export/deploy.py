"""The graph that goes to the device: pixels in, probabilities out, nothing that only training needs."""

from typing import Any

from keras_fer.contract import ModelContract

INPUT_NAME = "images"
OUTPUT_NAME = "probabilities"
REPRESENTATION_NAME = "expression_representation"


def deploy_model(
    classifier: Any,
    contract: ModelContract,
    input_dtype: str = "float32",
    representation: bool = False,
    batch_size: int | None = 1,
) -> Any:
    """Builds the graph that is exported.

    Args:
        classifier: functional `keras.Model` from images, float32 `(batch, size, size, 3)` in [0, 255],
            RGB, to logits `(batch, K)`. Its normalisation is part of it.
        contract: with the labels, the image size and the temperature.
        input_dtype: of the pixels, `"float32"` or `"uint8"`; the values are 0 to 255 either way.
        representation: whether the expression representation is an output as well.
        batch_size: images at a time, None for any number. LiteRT.js refuses a dynamic batch.

    Returns:
        A `keras.Model` that shares the weights of `float32_classifier(classifier)` and has no others:
        `images`, `(batch_size, size, size, 3)`, to `probabilities`, float32 `(batch_size, K)`, the softmax of
        `logits / temperature`. With `representation` its outputs are a dict of `probabilities` and
        `expression_representation`, float32 `(batch_size, d)`.

    Raises:
        ValueError: if input or output of `classifier` are not those of the contract.
    """
    import keras

    size, num_classes = contract.image_size, len(contract.label_names)
    if tuple(classifier.input_shape[1:]) != (size, size, 3) or classifier.output_shape[1:] != (num_classes,):
        raise ValueError(
            f"`classifier` must map images (batch, {size}, {size}, 3) to logits (batch, {num_classes}), as "
            f"the contract says. Received: {classifier.input_shape} to {classifier.output_shape}"
        )
    images = keras.Input((size, size, 3), batch_size=batch_size, dtype=input_dtype, name=INPUT_NAME)
    pixels = images if input_dtype == "float32" else keras.ops.cast(images, "float32")
    body = float32_classifier(classifier)
    if representation:
        logits, features = with_representation(body)(pixels, training=False)
    else:
        logits = body(pixels, training=False)
    if contract.temperature != 1:
        logits = keras.layers.Rescaling(1 / contract.temperature, dtype="float32", name="temperature")(logits)
    probabilities = keras.layers.Softmax(dtype="float32", name=OUTPUT_NAME)(logits)
    if representation:
        features = keras.layers.Identity(dtype="float32", name=REPRESENTATION_NAME)(features)
        probabilities = {OUTPUT_NAME: probabilities, REPRESENTATION_NAME: features}
    return keras.Model(images, probabilities, name="expression_recognizer")


def with_representation(classifier: Any) -> Any:
    """Returns the same model with the expression representation, what its last layer sees, as second output.

    Args:
        classifier: functional `keras.Model` from images to logits whose last layer, or last model of one
            layer, is linear.

    Returns:
        A functional model from images to `[logits, representation]`, `(batch, K)` and `(batch, d)`.

    Raises:
        ValueError: if the last layer does not take one vector per image.
    """
    import keras

    operation, node, _ = classifier.output._keras_history
    sources = operation._inbound_nodes[node].arguments.keras_tensors
    if len(sources) != 1 or len(sources[0].shape) != 2:
        raise ValueError(
            "The last layer of `classifier` must take the expression representation, (batch, d). "
            f"Received: {operation.name!r} on {[tuple(source.shape) for source in sources]}"
        )
    return keras.Model(classifier.inputs[0], [classifier.output, sources[0]], name=classifier.name)


def float32_classifier(classifier: Any) -> Any:
    """Returns the same model computing in float32.

    A model trained in mixed precision computes in half precision and casts to and fro, for which the
    device has no kernels. Its weights are float32 all along.

    Args:
        classifier: functional `keras.Model`.

    Returns:
        `classifier` itself if it computes in float32 already, else a copy with its weights.
    """
    import keras

    layers = classifier._flatten_layers(include_self=False)
    if all(layer.compute_dtype == "float32" for layer in layers if not isinstance(layer, keras.Model)):
        return classifier

    def in_float32(layer: Any) -> Any:
        if not isinstance(layer, keras.layers.Layer):
            # An operation on tensors, as in hard swish, computes in the precision of what it gets.
            return type(layer).from_config(layer.get_config())
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(classifier, clone_function=in_float32, recursive=True)
    copy.set_weights(classifier.get_weights())
    return copy
