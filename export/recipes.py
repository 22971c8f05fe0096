"""The ways to turn a model into a file, by name; importing this loads nothing."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One way to store weights and activations.

    The name is a code: `wi8` weights int8, `ai8` activations int8, `afp32` activations float32; `static`
    with ranges from calibration images, `dynamic` with ranges of each image.

    Args:
        name: as in file names and reports.
        description: one sentence.
        input_dtype: of the pixels, `"float32"` or `"uint8"`, values 0 to 255 either way.
        weight_dtype: `"float32"`, `"float16"` or `"int8"`.
        needs_calibration: whether converting needs images.
        needs_training: whether the weights are trained further, which needs images and a few minutes.
        format: `"tflite"` or `"onnx"`.
    """

    name: str
    description: str
    input_dtype: str
    weight_dtype: str
    needs_calibration: bool = False
    needs_training: bool = False
    format: str = "tflite"

    @property
    def same_weights(self) -> bool:
        """Whether the file computes with the weights of the Keras model, up to rounding to float16."""
        return self.weight_dtype != "int8" and not self.needs_training

    @property
    def int8_activations(self) -> bool:
        """Whether activations are int8 as well."""
        return self.name.endswith("_ai8")

    @property
    def int8_answers(self) -> bool:
        """Whether probabilities come in steps of 1/256: with int8 simulated, the softmax is rounded too."""
        return self.int8_activations and self.needs_training

    def file_name(self, model_name: str) -> str:
        """Returns the name of the exported file, such as `model_float16.tflite`."""
        safe = re.sub(r"[^\w.-]+", "-", model_name).strip(".-") or "model"
        return f"{safe}_{self.name.removeprefix('onnx_')}.{self.format}"


FLOAT32 = Recipe("float32", "Everything in float32: the reference.", "float32", "float32")
FLOAT16 = Recipe("float16", "Weights stored in float16: half the size, the same speed.", "float32", "float16")
DYNAMIC_WI8_AFP32 = Recipe(
    "dynamic_wi8_afp32",
    "Weights in int8, no images needed: a quarter of the size.",
    "float32",
    "int8",
)
STATIC_WI8_AI8 = Recipe(
    "static_wi8_ai8",
    "Weights and activations in int8, ranges from calibration images: a quarter of the size.",
    "uint8",
    "int8",
    needs_calibration=True,
)
QAT_WI8_AI8 = Recipe(
    "qat_wi8_ai8",
    "As static_wi8_ai8, after training with int8 simulated: for nets that lose much without it.",
    "float32",
    "int8",
    needs_training=True,
)
PRUNED = Recipe(
    "pruned",
    "Half of the weights set to zero: smaller once compressed, not faster.",
    "float32",
    "float32",
    needs_training=True,
)
CLUSTERED = Recipe(
    "clustered",
    "Sixteen different weights per layer: smaller once compressed, not faster.",
    "float32",
    "float32",
    needs_training=True,
)
ONNX_FLOAT32 = Recipe(
    "onnx_float32",
    "ONNX for any number of images at a time, everything in float32.",
    "float32",
    "float32",
    format="onnx",
)
ONNX_STATIC_WI8_AI8 = Recipe(
    "onnx_static_wi8_ai8",
    "ONNX with weights and activations in int8 (QDQ), ranges from calibration images.",
    "float32",
    "int8",
    needs_calibration=True,
    format="onnx",
)
RECIPES = {
    recipe.name: recipe
    for recipe in (
        FLOAT32,
        FLOAT16,
        DYNAMIC_WI8_AFP32,
        STATIC_WI8_AI8,
        QAT_WI8_AI8,
        PRUNED,
        CLUSTERED,
        ONNX_FLOAT32,
        ONNX_STATIC_WI8_AI8,
    )
}
# What most devices want, in a minute.
DEFAULT_RECIPES = (FLOAT32, FLOAT16, STATIC_WI8_AI8)
