"""A `.tflite` file as verification sees it."""

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.checks import Check, as_written, equal
from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, REPRESENTATION_NAME
from keras_fer.export.metadata import expected_metadata, read_metadata
from keras_fer.export.recipes import Recipe
from keras_fer.export.tflite_graph import read_graph
from keras_fer.runtime.interpreter import opened_interpreter
from keras_fer.runtime.model_file import read_contract


class TfliteFile:
    """Opens a file in LiteRT, on one thread.

    Args:
        path: the file.

    Attributes:
        operators: how often each kind of operator occurs.
        num_constants: numbers that are stored in it.
        num_partitions: pieces of the graph that XNNPACK took over.

    Raises:
        FERError: if LiteRT cannot run it.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._path = Path(path)
        self._content = self._path.read_bytes()
        graph = read_graph(self._content)
        self.operators: dict[str, int] = graph.histogram
        self.num_constants: int = graph.num_constants
        problem = f"{str(path)!r} is not a TFLite model that can be run"
        self._interpreter = opened_interpreter(self._content, 1, problem)
        # LiteRT appends one such operator for each piece that a delegate replaces.
        steps = self._interpreter._get_ops_details()
        self.num_partitions: int | None = sum(step["op_name"] == "DELEGATE" for step in steps)

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns probabilities `(n, K)` and, if they are exported, representations `(n, d)`, float64.

        Args:
            images: uint8 `(n, size, size, 3)`.
        """
        return _answers(self._interpreter, images)

    def checks(self, contract: ModelContract, recipe: Recipe, representation_size: int | None) -> list[Check]:
        """Checks what a program reads before it runs the model."""
        size = contract.image_size
        wanted = [
            (INPUT_NAME, recipe.input_dtype, (1, size, size, 3)),
            (OUTPUT_NAME, "float32", (1, len(contract.label_names))),
        ]
        if representation_size is not None:
            wanted.append((REPRESENTATION_NAME, "float32", (1, representation_size)))
        try:
            metadata: Any = read_metadata(self._content)
        except (ValueError, KeyError, zipfile.BadZipFile, FERError) as error:
            metadata = str(error)
        try:
            stored: Any = read_contract(self._path)
        except FERError as error:
            stored = str(error)
        return [
            equal("interface", self._interface(), tuple(wanted)),
            as_written("metadata", metadata, expected_metadata(contract, representation_size is not None)),
            as_written("contract", stored, contract),
        ]

    def _interface(self) -> tuple:
        """Returns name, type and shape of each input and output."""
        ends = (*self._interpreter.get_input_details(), *self._interpreter.get_output_details())
        return tuple(
            (tensor["name"], np.dtype(tensor["dtype"]).name, tuple(int(size) for size in tensor["shape"]))
            for tensor in ends
        )


def tflite_probabilities(content: bytes, images: np.ndarray) -> np.ndarray:
    """Returns the probabilities that a TFLite model gives, float64 `(n, K)`.

    Args:
        content: of a file with metadata.
        images: uint8 `(n, size, size, 3)`.

    Raises:
        FERError: if LiteRT cannot run it.
    """
    interpreter = opened_interpreter(content, 1, "The converted model cannot be run")
    return _answers(interpreter, images)[0]


def _answers(interpreter: Any, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    source = interpreter.get_input_details()[0]
    targets = interpreter.get_output_details()
    rows: list[list[np.ndarray]] = [[] for _ in targets]
    for image in images:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        for column, target in zip(rows, targets, strict=True):
            column.append(interpreter.get_tensor(target["index"])[0].astype(np.float64))
    probabilities, *others = (np.stack(column) for column in rows)
    return probabilities, others[0] if others else None
