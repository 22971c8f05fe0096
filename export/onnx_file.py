"""An `.onnx` file as verification and benchmark see it, run by onnxruntime."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.contract import CONTRACT_FILE, ModelContract
from keras_fer.errors import FERError
from keras_fer.export.checks import Check, as_written, equal
from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, REPRESENTATION_NAME
from keras_fer.export.recipes import Recipe
from keras_fer.runtime.model_file import LABELS_FILE

_BATCH = 64


class OnnxFile:
    """Opens a file in onnxruntime, on one thread.

    Args:
        path: the file.

    Attributes:
        operators: how often each kind of operator occurs.
        num_constants: numbers that are stored in it.
        num_partitions: None, which onnxruntime does not tell.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._session = onnx_session(path, 1)
        import onnx

        proto = onnx.load(os.fspath(path))
        kinds = Counter(node.op_type for node in proto.graph.node)
        self.operators: dict[str, int] = dict(kinds.most_common())
        sizes = [np.prod(tensor.dims, dtype=np.int64) for tensor in proto.graph.initializer]
        self.num_constants = int(sum(sizes))
        self.num_partitions: int | None = None
        self._properties = {entry.key: entry.value for entry in proto.metadata_props}

    @property
    def contract(self) -> ModelContract:
        """The contract in the file; raises `FERError` if there is none."""
        return ModelContract.from_json(self._properties.get(CONTRACT_FILE, ""))

    def answers(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Returns probabilities `(n, K)` and, if they are exported, representations `(n, d)`, float64.

        Args:
            images: uint8 `(n, size, size, 3)`; they are given in batches of 64 and a rest.
        """
        name = self._session.get_inputs()[0].name
        pieces = [
            self._session.run(None, {name: images[start : start + _BATCH].astype(np.float32)})
            for start in range(0, len(images), _BATCH)
        ]
        probabilities, *others = (
            np.concatenate(part).astype(np.float64) for part in zip(*pieces, strict=True)
        )
        return probabilities, others[0] if others else None

    def checks(self, contract: ModelContract, recipe: Recipe, representation_size: int | None) -> list[Check]:
        """Checks what a program reads before it runs the model."""
        size = contract.image_size
        wanted = [
            (INPUT_NAME, f"tensor({recipe.input_dtype})", ("batch", size, size, 3)),
            (OUTPUT_NAME, "tensor(float32)", ("batch", len(contract.label_names))),
        ]
        if representation_size is not None:
            wanted.append((REPRESENTATION_NAME, "tensor(float32)", ("batch", representation_size)))
        ends = (*self._session.get_inputs(), *self._session.get_outputs())
        found = tuple((end.name, end.type.replace("float)", "float32)"), tuple(end.shape)) for end in ends)
        try:
            stored: Any = self.contract
        except FERError as error:
            stored = str(error)
        labels = tuple(self._properties.get(LABELS_FILE, "").splitlines())
        return [
            equal("interface", found, tuple(wanted)),
            as_written("metadata", labels, contract.label_names),
            as_written("contract", stored, contract),
        ]


class OnnxRunner:
    """Runs a file on one fixed picture, to be measured.

    Args:
        path: the file.
        num_threads: CPU threads.

    Raises:
        FERError: if it cannot be run, or onnxruntime is not installed.
    """

    def __init__(self, path: str | os.PathLike, num_threads: int) -> None:
        self._session = onnx_session(path, num_threads)
        random = np.random.default_rng(0)
        self._feed = {}
        for end in self._session.get_inputs():
            shape = [size if isinstance(size, int) else 1 for size in end.shape]
            dtype = np.uint8 if "uint8" in end.type else np.float32
            self._feed[end.name] = random.integers(0, 256, shape).astype(dtype)
        self.invoke()

    def invoke(self) -> None:
        """Runs it once."""
        self._session.run(None, self._feed)


def onnx_session(path: str | os.PathLike, num_threads: int) -> Any:
    """Returns an onnxruntime session on the CPU.

    Raises:
        FERError: if onnxruntime is not installed, or the file is no ONNX model.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise FERError(
            f"Running {str(path)!r} needs onnxruntime, which is not installed. Install it with "
            "`pip install onnxruntime`."
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(Path(path)), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises exceptions of its own for each kind of damage
        reason = " ".join(str(error).split())
        raise FERError(f"{str(path)!r} is not an ONNX model that can be run: {reason}") from error
