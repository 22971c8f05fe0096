"""From a float32 ONNX file to int8, by onnxruntime's static quantisation in QDQ form.

QDQ means that the graph keeps its operators, with pairs of `QuantizeLinear` and `DequantizeLinear` between
them, which a runtime merges with what they enclose; runtimes without int8 kernels run it in float.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.export.calibration_images import ranging_and_judging, require_calibration_images
from keras_fer.export.converter_output import quiet
from keras_fer.export.deploy import INPUT_NAME
from keras_fer.export.divergence import divergence
from keras_fer.export.float_operators import float_positions
from keras_fer.export.onnx_conversion import require_packages
from keras_fer.export.onnx_file import OnnxFile

# Where ranges come from: smallest and largest value; the least information lost; all but the outliers.
CALIBRATION_METHODS = ("MinMax", "Entropy", "Percentile")
METHOD_PROPERTY = "calibration_method"
_BATCH = 16
_FEWEST_WEIGHTS = 64
_DENSE = ("Gemm", "MatMul")


def quantize_onnx(model: bytes, image_size: int, calibration_images: np.ndarray | None) -> bytes:
    """Quantises weights and activations; what `float_positions` names stays in float.

    Every method of `CALIBRATION_METHODS` is tried, and the one kept whose answers are closest to those of
    `model`, by `divergence`, on calibration images that gave no ranges.

    Args:
        model: content of a file of `convert_to_onnx`.
        image_size: pixels.
        calibration_images: uint8 `(n, image_size, image_size, 3)`, n > 0.

    Returns:
        The content of an `.onnx` file with the same inputs, outputs and properties, for any batch, and the
        property `calibration_method`.

    Raises:
        FERError: if onnxruntime is not installed.
        ValueError: if there are no images or they have another shape.
    """
    images = require_calibration_images(calibration_images, image_size)
    require_packages("onnx", "onnxruntime")
    ranging, judging = ranging_and_judging(images)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "float32.onnx").write_bytes(model)
        expected = OnnxFile(folder / "float32.onnx").answers(judging)[0]
        divergences = {}
        for method, path in _candidates(folder, ranging):
            divergences[method] = divergence(expected, OnnxFile(path).answers(judging)[0])
        best = min(divergences, key=divergences.__getitem__)
        return _finished(_path(folder, best).read_bytes(), model, best)


def _path(folder: Path, method: str) -> Path:
    return folder / f"{method}.onnx"


def _candidates(folder: Path, images: np.ndarray) -> Iterator[tuple[str, Path]]:
    """Writes a file for each method of calibration."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared = folder / "prepared.onnx"
    with quiet():
        # Symbolic inference is for transformers, and needs sympy.
        quant_pre_process(folder / "float32.onnx", prepared, skip_symbolic_shape=True)
    in_float = _float_nodes(prepared)
    for method in CALIBRATION_METHODS:
        with quiet():
            # Unsigned activations, signed weights, of 7 bits: what onnxruntime advises for x86 without an
            # 8-bit dot product (VNNI). There products are added in pairs and cut off where 16 bits do not
            # hold them: with 8 bits the divergence of the net of docs/export.md was five times as large.
            # Signed activations are converted there before each layer, and were slower than float. With
            # VNNI and on ARM this loses the eighth bit of the weights and nothing else.
            quantize_static(
                prepared,
                _path(folder, method),
                _Batches(images),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=in_float,
                calibrate_method=CalibrationMethod[method],
                # Else the activations of all batches are kept at a time. It serves every method.
                extra_options={"CalibStridedMinMax": 1},
            )
        yield method, _path(folder, method)


def _float_nodes(path: Path) -> list[str]:
    """Names the nodes that stay in float."""
    import onnx

    graph = onnx.load(path).graph
    sizes = {tensor.name: np.prod(tensor.dims) for tensor in graph.initializer}
    weighted = [
        position
        for position, node in enumerate(graph.node)
        if node.op_type in ("Conv", *_DENSE)
        and any(sizes.get(name, 0) >= _FEWEST_WEIGHTS for name in node.input)
    ]
    dense = bool(weighted) and graph.node[weighted[-1]].op_type in _DENSE
    return [graph.node[position].name for position in float_positions(len(graph.node), weighted, dense)]


def _finished(content: bytes, source: bytes, method: str) -> bytes:
    """Restores what the quantiser drops, and drops what it adds."""
    import onnx

    proto, original = onnx.load_from_string(content), onnx.load_from_string(source)
    properties = {entry.key: entry.value for entry in original.metadata_props}
    onnx.helper.set_model_props(proto, {**properties, METHOD_PROPERTY: method})
    proto.doc_string = original.doc_string
    # onnxruntime imports all operator sets that it knows; other runtimes refuse those.
    used = {node.domain for node in proto.graph.node}
    kept = [entry for entry in proto.opset_import if entry.domain in used]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
    onnx.checker.check_model(proto)
    return proto.SerializeToString(deterministic=True)


class _Batches:
    """Gives images to the quantiser, which asks for one range of batches after the other."""

    def __init__(self, images: np.ndarray) -> None:
        self._batches = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        self._left: Iterator[np.ndarray] = iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Starts over with some of the batches."""
        self._left = iter(self._batches[start_index:end_index])

    def get_next(self) -> dict[str, Any] | None:
        """Returns the next batch by the name of the input; None at the end."""
        batch = next(self._left, None)
        return None if batch is None else {INPUT_NAME: batch.astype(np.float32)}
