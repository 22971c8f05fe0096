"""Recognises expressions with an exported `.tflite` file: NumPy, Pillow and LiteRT."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_fer.errors import FERError
from keras_fer.runtime.images import load_image
from keras_fer.runtime.interpreter import opened_interpreter
from keras_fer.runtime.model_file import read_contract
from keras_fer.runtime.preprocessing import face_crop

# Quantised outputs sum to 1 up to half a step of 1/256 per class.
_SUM_TOLERANCE = 0.05
_REPRESENTATION = "expression_representation"


@dataclass(frozen=True)
class Prediction:
    """The answer for one face.

    Args:
        path: the image file; empty where there is none.
        expression: name of the most probable expression.
        probability: its probability, 0 to 1.
        probabilities: probability by expression name, in the model's order.
        uncertain: whether `probability` is under the recognizer's `uncertain_below`.
    """

    path: str
    expression: str
    probability: float
    probabilities: dict[str, float]
    uncertain: bool

    def top(self, count: int) -> dict[str, float]:
        """Returns the `count` most probable expressions with their probabilities, largest first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return dict(ranked[:count])


class InputDetails(NamedTuple):
    """How a file wants its pixels.

    Args:
        dtype: `"uint8"` or `"float32"`.
        batch_size: images per call.
        scale: a uint8 input takes pixel / scale + zero point; 0 where nothing is scaled.
        zero_point: see `scale`.
    """

    dtype: str
    batch_size: int
    scale: float
    zero_point: int


class ExpressionRecognizer:
    """An exported model with everything it needs to know about itself.

    Labels, input size and thresholds come from the contract in the file; a file without one is
    refused, since a wrong label order or input is silent. One recognizer serves one thread at a time.

    Args:
        path: a `.tflite` file that `keras-fer export` wrote, with uint8 or float32 input.
        num_threads: CPU threads for one image, at least 1.
        uncertain_below: a largest probability under this, 0 to 1, is marked uncertain; None for the
            contract's.

    Attributes:
        contract: the `ModelContract` of the file.
        uncertain_below: as above.

    Raises:
        FERError: if the file cannot be used, or its inputs and outputs are not those of its contract.

    Example:
        >>> recognizer = ExpressionRecognizer("model.tflite")
        >>> probabilities = recognizer.recognize([load_image("face.jpg")])
    """

    def __init__(
        self, path: str | os.PathLike, num_threads: int = 1, uncertain_below: float | None = None
    ) -> None:
        if num_threads < 1:
            raise ValueError(f"`num_threads` must be at least 1. Received: num_threads={num_threads}")
        if uncertain_below is not None and not 0 <= uncertain_below <= 1:
            raise ValueError(
                f"`uncertain_below` lies from 0 to 1. Received: uncertain_below={uncertain_below}"
            )
        self._path = Path(path)
        self.contract = read_contract(path)
        self.uncertain_below = self.contract.uncertain_below if uncertain_below is None else uncertain_below
        problem = f"The model file {str(path)!r} is damaged or needs operations that LiteRT lacks"
        self._interpreter = opened_interpreter(self._path, num_threads, problem, ". Export it again.")
        outputs = self._interpreter.get_output_details()
        self._input = self._matching_input(self._interpreter.get_input_details())
        self._output = self._matching_output(outputs)
        others = [tensor for tensor in outputs if tensor["name"] == _REPRESENTATION]
        self._representation = others[0] if others else None

    @property
    def input_details(self) -> InputDetails:
        """How the file wants its pixels; `recognize` sees to it."""
        scale, zero_point = self._input["quantization"]
        dtype, batch_size = np.dtype(self._input["dtype"]).name, int(self._input["shape"][0])
        return InputDetails(dtype, batch_size, float(scale), int(zero_point))

    def recognize(self, images: np.ndarray | Sequence[np.ndarray]) -> np.ndarray:
        """Returns the probabilities of the expressions for face crops.

        Args:
            images: uint8 array `(n, height, width, channels)` with 1 or 3 channels (RGB), or a sequence of
                arrays `(height, width, channels)` or `(height, width)` of any sizes. Crops of another size
                than the contract's are resized as it says, after the centre square is cut from oblong ones.

        Returns:
            float32 array `(n, num_expressions)`, in the order of `contract.label_names`.

        Raises:
            FERError: if the model's answers are no probabilities.
            ValueError: if `images` is none of these.
        """
        return self._answers(images)[0]

    def represent(self, images: np.ndarray | Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and expression representations of face crops.

        Args:
            images: as for `recognize`.

        Returns:
            float32 arrays `(n, num_expressions)`, as of `recognize`, and `(n, d)`.

        Raises:
            FERError: if the file was exported without the representation.
            ValueError: if `images` is none of what `recognize` takes.
        """
        if self._representation is None:
            raise FERError(
                f"The model file {str(self._path)!r} gives no expression representation. Export it by "
                "`keras-fer export RUN OUT --representation`."
            )
        return self._answers(images)

    def _answers(self, images: np.ndarray | Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Returns probabilities and representations; the latter have no columns where there are none."""
        if isinstance(images, np.ndarray) and images.ndim != 4:
            raise ValueError(
                "`images` has the shape (n, height, width, channels); for a single image write images[None]. "
                f"Received: shape {images.shape}"
            )
        batch_size = int(self._input["shape"][0])
        width = 0 if self._representation is None else int(self._representation["shape"][1])
        rows = [np.empty((0, len(self.contract.label_names)), np.float32)]
        vectors = [np.empty((0, width), np.float32)]
        for start in range(0, len(images), batch_size):
            crops = np.stack([self._input_crop(image) for image in images[start : start + batch_size]])
            rows.append(self._invoke(crops))
            if self._representation is not None:
                values = self._interpreter.get_tensor(self._representation["index"])
                vectors.append(values[: len(crops)])
        return np.concatenate(rows), np.concatenate(vectors)

    def recognize_file(self, path: str | os.PathLike) -> Prediction:
        """Recognises the expression in one image file, which is taken as a face crop.

        Raises:
            FERError: if the file is no image that can be read; the message names it.
        """
        return self.prediction(self.recognize([load_image(path)])[0], path)

    def prediction(self, probabilities: np.ndarray, path: str | os.PathLike = "") -> Prediction:
        """Names a row of what `recognize` returned, shape `(num_expressions,)`."""
        best = int(probabilities.argmax())
        names = self.contract.label_names
        return Prediction(
            path=str(path),
            expression=names[best],
            probability=float(probabilities[best]),
            probabilities={name: float(value) for name, value in zip(names, probabilities, strict=True)},
            uncertain=bool(probabilities[best] < self.uncertain_below),
        )

    def recognize_files(self, paths: Iterable[str | os.PathLike]) -> Iterator[Prediction]:
        """Yields one `Prediction` per file, in order; raises `FERError` at the first that is no image."""
        for path in paths:
            yield self.recognize_file(path)

    def _input_crop(self, image: np.ndarray) -> np.ndarray:
        """Returns one crop as uint8 `(size, size, 3)`."""
        crop = face_crop(image, None, self.contract.image_size)
        if crop.ndim == 2:
            crop = crop[:, :, None]
        return np.broadcast_to(crop, (*crop.shape[:2], 3))

    def _invoke(self, crops: np.ndarray) -> np.ndarray:
        """Runs the model on at most one batch of crops, uint8 `(n, size, size, 3)`."""
        values = np.zeros(self._input["shape"], self._input["dtype"])
        values[: len(crops)] = self._quantized(crops)
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        rows = self._interpreter.get_tensor(self._output["index"])[: len(crops)]
        # Not-a-number fails every comparison, so this also refuses what is not finite.
        within = np.all((rows >= -1e-3) & (rows <= 1 + 1e-3))
        if not (within and np.all(np.abs(rows.sum(axis=1) - 1) <= _SUM_TOLERANCE)):
            raise FERError(
                f"The model file {str(self._path)!r} answered {rows[0].tolist()}, which are no "
                "probabilities. Export it again, and look at the report of the export."
            )
        return rows

    def _quantized(self, crops: np.ndarray) -> np.ndarray:
        """Returns pixels as the input wants them; exporters nearly, not always, choose the scale 1."""
        scale, zero_point = self._input["quantization"]
        if scale in (0.0, 1.0) and zero_point == 0:
            return crops
        return np.clip(np.rint(crops / np.float32(scale)) + zero_point, 0, 255)

    def _matching_input(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Returns the one input if it is as the contract says."""
        size = self.contract.image_size
        shapes = [tuple(map(int, tensor["shape"])) for tensor in inputs]
        dtypes = [np.dtype(tensor["dtype"]).name for tensor in inputs]
        fits = len(inputs) == 1 and shapes[0][1:] == (size, size, 3) and shapes[0][0] >= 1
        if not fits or dtypes[0] not in ("uint8", "float32"):
            raise FERError(
                f"The model file {str(self._path)!r} does not keep its contract: one uint8 or float32 input "
                f"(batch, {size}, {size}, 3) is expected, it has {dtypes} {shapes}. Export it again."
            )
        return inputs[0]

    def _matching_output(self, outputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Returns the one output that can be the probabilities; there may be a representation beside it."""
        expected = (int(self._input["shape"][0]), len(self.contract.label_names))
        found = [(np.dtype(tensor["dtype"]).name, tuple(map(int, tensor["shape"]))) for tensor in outputs]
        matching = [
            tensor
            for tensor, kind in zip(outputs, found, strict=True)
            # A representation may be as wide as there are labels.
            if kind == ("float32", expected) and tensor["name"] != _REPRESENTATION
        ]
        if len(matching) != 1:
            raise FERError(
                f"The model file {str(self._path)!r} does not keep its contract: one float32 output of shape "
                f"{expected}, one column per label, is expected, it has {found}. Export it again."
            )
        return matching[0]
