"""Small zoo of trunks, by name: pictures in [0, 255] to face features."""

import keras
from keras import layers

from keras_fer.errors import FERError
from keras_fer.models.normalization import normalization

# The default of Keras, 0.99, needs thousands of steps to settle, and the 0.999 of its applications tens of
# thousands: a trap in short runs.
BATCH_NORMALIZATION_MOMENTUM = 0.95


def _convolution(features, filters, kernel_size=3, strides=1, activation="relu", depthwise=False, name=None):
    """Convolution without bias, batch normalisation, activation."""
    settings = {"strides": strides, "padding": "same", "use_bias": False}
    if depthwise:
        features = layers.DepthwiseConv2D(kernel_size, **settings, name=f"{name}_depthwise")(features)
    else:
        features = layers.Conv2D(
            filters, kernel_size, kernel_initializer="he_normal", **settings, name=f"{name}_convolution"
        )(features)
    features = layers.BatchNormalization(momentum=BATCH_NORMALIZATION_MOMENTUM, name=f"{name}_normalization")(
        features
    )
    if activation == "relu6":
        return layers.ReLU(6.0, name=f"{name}_relu")(features)
    return layers.ReLU(name=f"{name}_relu")(features) if activation else features


def _residual_block(features, filters, strides, name):
    shortcut = features
    if strides != 1 or features.shape[-1] != filters:
        shortcut = _convolution(features, filters, 1, strides, activation=None, name=f"{name}_shortcut")
    features = _convolution(features, filters, 3, strides, name=f"{name}_a")
    features = _convolution(features, filters, 3, 1, activation=None, name=f"{name}_b")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([shortcut, features]))


def residual_small(image_size: int) -> keras.Model:
    """Residual net for 48–64 px crops; the first convolution has no stride. 0.85 M parameters."""
    images = keras.Input((image_size, image_size, 3), name="images")
    features = _convolution(normalization("standardized_gray")(images), 16, name="stem_full")
    features = _convolution(features, 32, 3, 2, name="stem_half")
    for stage, (filters, blocks, strides) in enumerate(((32, 1, 1), (72, 2, 2), (144, 2, 2))):
        for block in range(blocks):
            name = f"stage{stage}_block{block}"
            features = _residual_block(features, filters, strides if block == 0 else 1, name)
    return keras.Model(images, features, name="residual_small")


def residual_edge(image_size: int) -> keras.Model:
    """Residual net for 48–64 px crops with a quarter of the multiplications of `residual_small`.

    Most of them are done at 12 × 12 and less, where a dense 3 × 3 convolution keeps a CPU busier than the
    depthwise ones of mobile nets do. 0.68 M parameters.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    features = _convolution(normalization("standardized_gray")(images), 24, 3, 2, name="stem")
    for stage, filters in enumerate((48, 96, 192)):
        features = _residual_block(features, filters, 2, f"stage{stage}")
    return keras.Model(images, features, name="residual_edge")


def plain_small(image_size: int) -> keras.Model:
    """Six convolutions for 48–64 px crops, for runs of a minute. 0.14 M parameters."""
    images = keras.Input((image_size, image_size, 3), name="images")
    features = normalization("standardized_gray")(images)
    plan = ((24, 1), (32, 2), (48, 2), (64, 1), (64, 2), (96, 2))
    for layer, (filters, strides) in enumerate(plan):
        features = _convolution(features, filters, 3, strides, name=f"layer{layer}")
    return keras.Model(images, features, name="plain_small")


def _inverted_bottleneck(features, filters, expansion, strides, name):
    """Expansion 1×1, depthwise 5×5, linear projection; a residual where shapes agree."""
    inputs = features
    features = _convolution(
        features, features.shape[-1] * expansion, 1, activation="relu6", name=f"{name}_expand"
    )
    features = _convolution(
        features, None, 5, strides, activation="relu6", depthwise=True, name=f"{name}_spatial"
    )
    features = _convolution(features, filters, 1, activation=None, name=f"{name}_project")
    return layers.Add(name=f"{name}_add")([inputs, features]) if inputs.shape == features.shape else features


def mobile_convolutional(image_size: int) -> keras.Model:
    """Net for 112 px crops of fused convolutions and inverted bottlenecks with ReLU6.

    In the manner of MobileNetV4-Conv-Small (arXiv 2404.10518): what int8 kernels run fastest.
    """
    images = keras.Input((image_size, image_size, 3), name="images")
    features = normalization("rgb")(images)
    features = _convolution(features, 24, 3, 2, activation="relu6", name="stem")
    for stage, (wide, filters) in enumerate(((32, 32), (96, 48))):
        features = _convolution(features, wide, 3, 2, activation="relu6", name=f"fused{stage}_a")
        features = _convolution(features, filters, 1, activation="relu6", name=f"fused{stage}_b")
    for stage, (filters, blocks) in enumerate(((80, 4), (128, 3))):
        for block in range(blocks):
            strides = 2 if block == 0 else 1
            features = _inverted_bottleneck(features, filters, 3, strides, f"stage{stage}_block{block}")
    features = _convolution(features, 256, 1, activation="relu6", name="top")
    return keras.Model(images, features, name="mobile_convolutional")


def _application(name: str, **settings):
    """Builds a `keras.applications` trunk that normalises inside its graph; weights are random."""

    def build(image_size: int) -> keras.Model:
        images = keras.Input((image_size, image_size, 3), name="images")
        features = normalization("rgb")(images)
        net = getattr(keras.applications, name)(
            input_shape=(image_size, image_size, 3), include_top=False, weights=None, **settings
        )
        for layer in net.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = BATCH_NORMALIZATION_MOMENTUM
        return keras.Model(images, net(features), name=net.name)

    return build


BACKBONES = {
    "residual_small": residual_small,
    "residual_edge": residual_edge,
    "plain_small": plain_small,
    "mobile_convolutional": mobile_convolutional,
    "mobilenet_v2": _application("MobileNetV2", alpha=1.0),
    "mobilenet_v2_half": _application("MobileNetV2", alpha=0.5),
    "mobilenet_v3_small": _application("MobileNetV3Small", minimalistic=True, include_preprocessing=False),
    "mobilenet_v3_small_hard_swish": _application("MobileNetV3Small", include_preprocessing=False),
    "efficientnet_v2_b0": _application("EfficientNetV2B0", include_preprocessing=False),
}


def backbone(name: str, image_size: int) -> keras.Model:
    """Builds a trunk by name.

    Args:
        name: a key of `BACKBONES`.
        image_size: height and width of the pictures, pixels.

    Returns:
        A functional model from pictures `(batch, image_size, image_size, 3)`, RGB in [0, 255], to
        face features `(batch, rows, columns, channels)`.

    Raises:
        FERError: if there is no trunk of that name.
    """
    if name not in BACKBONES:
        raise FERError(f"There is no backbone {name!r}. There are: {', '.join(BACKBONES)}.")
    return BACKBONES[name](image_size)
