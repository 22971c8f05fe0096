"""TFLite metadata: what MediaPipe and other programs read of a model, and our contract beside it.

The metadata is a flatbuffer of its own (`metadata_schema.fbs` of TensorFlow Lite Support), stored in a
buffer of the model. The files that it names are a zip archive behind the model, uncompressed.
"""

import io
import zipfile
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_fer.contract import CONTRACT_FILE, ModelContract
from keras_fer.export.deploy import INPUT_NAME, OUTPUT_NAME, REPRESENTATION_NAME
from keras_fer.runtime.model_file import LABELS_FILE

METADATA_NAME = "TFLITE_METADATA"
_MODEL_IDENTIFIER, _METADATA_IDENTIFIER = b"TFL3", b"M001"
_MIN_PARSER_VERSION = "1.0.0"
# Values of enumerations and unions of metadata_schema.fbs.
_IMAGE_PROPERTIES, _RGB = 2, 1
_NORMALIZATION_OPTIONS = 1
_DESCRIPTIONS, _TENSOR_AXIS_LABELS = 1, 2
_FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class Scalar(NamedTuple):
    """A number in a flatbuffer table, of a type such as `"Uint8"`."""

    kind: str
    value: int


# A table: values by number of the field.
_Fields = dict[int, Any]


@dataclass(frozen=True)
class FileMetadata:
    """What a file says of itself.

    Args:
        name: of the model.
        description: of the model.
        license: terms of the training data, as the contract has them.
        label_names: content of `labels.txt`.
        normalization: mean and standard deviation that the *caller* applies to pixels: 0 and 1.
        input_name: name of the input tensor.
        output_names: names of the output tensors.
        contract: content of `contract.json`.
    """

    name: str
    description: str
    license: str
    label_names: tuple[str, ...]
    normalization: tuple[float, float]
    input_name: str
    output_names: tuple[str, ...]
    contract: ModelContract


def expected_metadata(contract: ModelContract, representation: bool = False) -> FileMetadata:
    """Returns what `add_metadata` writes for a contract, with or without a second output."""
    return FileMetadata(
        name=contract.name,
        description=contract.description or "Recognises the expression of one cropped face.",
        license=contract.training_data or "The terms of the training data are not stated.",
        label_names=contract.label_names,
        normalization=(0.0, 1.0),
        input_name=INPUT_NAME,
        output_names=(OUTPUT_NAME, REPRESENTATION_NAME) if representation else (OUTPUT_NAME,),
        contract=contract,
    )


def add_metadata(model: bytes, contract: ModelContract) -> bytes:
    """Adds names, metadata, `labels.txt` and `contract.json` to a TFLite model.

    Args:
        model: a TFLite model with one input, the pixels, and one output, the probabilities; or a second
            one, the expression representation, if its signature names them as `deploy_model` does.
        contract: what it expects and what its outputs mean.

    Returns:
        The content of a `.tflite` file. The same arguments give the same bytes.
    """
    from ai_edge_litert import schema_py_generated as schema

    representation = schema.Model.GetRootAs(model).Subgraphs(0).OutputsLength() > 1
    expected = expected_metadata(contract, representation)
    archive = io.BytesIO()
    archive.write(_with_buffer(model, _metadata_buffer(expected)))
    # MediaPipe reads stored members only; a fixed date keeps the bytes equal.
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as files:
        labels = "".join(f"{name}\n" for name in contract.label_names)
        files.writestr(zipfile.ZipInfo(LABELS_FILE, _FIRST_ZIP_DATE), labels)
        files.writestr(zipfile.ZipInfo(CONTRACT_FILE, _FIRST_ZIP_DATE), contract.to_json())
    return archive.getvalue()


def _with_buffer(model: bytes, metadata: bytes) -> bytes:
    """Writes the model anew with the metadata in it and with our names for input and output."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    class AlignedBuffer(schema.BufferT):
        """Constants at multiples of 16 bytes, as kernels expect them; the generated code forgets it."""

        def Pack(self, builder):  # noqa: N802
            if self.data is None:
                return super().Pack(builder)
            builder.Prep(16, len(self.data))
            data = builder.CreateByteVector(bytes(self.data))
            schema.BufferStart(builder)
            schema.BufferAddData(builder, data)
            return schema.BufferEnd(builder)

    contents = schema.ModelT.InitFromObj(schema.Model.GetRootAs(model))
    contents.buffers.append(schema.BufferT(data=np.frombuffer(metadata, np.uint8)))
    contents.buffers = [AlignedBuffer(buffer.data) for buffer in contents.buffers]
    entry = schema.MetadataT(name=METADATA_NAME, buffer=len(contents.buffers) - 1)
    contents.metadata = [*(contents.metadata or ()), entry]
    graph = contents.subgraphs[0]
    graph.tensors[graph.inputs[0]].name = INPUT_NAME
    signatures = list(contents.signatureDefs or ())
    if len(graph.outputs) > 1:
        # The converter sorts outputs by its own names; the probabilities come first in our files.
        places = {output.name: output.tensorIndex for output in signatures[0].outputs}
        names = (OUTPUT_NAME, REPRESENTATION_NAME)
        graph.outputs = np.array([places[name.encode()] for name in names], np.int32)
        graph.tensors[graph.outputs[1]].name = REPRESENTATION_NAME
    graph.tensors[graph.outputs[0]].name = OUTPUT_NAME
    for signature in signatures:
        signature.inputs[0].name = INPUT_NAME
        if len(graph.outputs) == 1:
            signature.outputs[0].name = OUTPUT_NAME
    builder = flatbuffers.Builder(len(model) + len(metadata) + 4096)
    builder.Finish(contents.Pack(builder), _MODEL_IDENTIFIER)
    return bytes(builder.Output())


def _metadata_buffer(expected: FileMetadata) -> bytes:
    """Returns the metadata flatbuffer; the numbers of the fields are those of metadata_schema.fbs."""
    import flatbuffers

    def file(name: str, description: str, kind: int) -> _Fields:
        return {0: name, 1: description, 2: Scalar("Int8", kind)}

    size = Scalar("Uint32", expected.contract.image_size)
    picture = {0: Scalar("Int8", _RGB), 1: {0: size, 1: size}}
    mean, std = expected.normalization
    images = {
        0: expected.input_name,
        1: "One face, cropped and resized as contract.json says, RGB, values 0 to 255.",
        3: {0: Scalar("Uint8", _IMAGE_PROPERTIES), 1: picture},
        4: [{0: Scalar("Uint8", _NORMALIZATION_OPTIONS), 1: {0: [mean], 1: [std]}}],
        5: {0: [255.0], 1: [0.0]},
    }
    probabilities = {
        0: OUTPUT_NAME,
        1: "Probability of each expression.",
        5: {0: [1.0], 1: [0.0]},
        6: [file(LABELS_FILE, "Names of the expressions, one per line.", _TENSOR_AXIS_LABELS)],
    }
    # With statistics of a second output MediaPipe would take it for another classification.
    representation = {0: REPRESENTATION_NAME, 1: "Expression representation, one vector per face."}
    outputs = [probabilities, representation][: len(expected.output_names)]
    model = {
        0: expected.name,
        1: expected.description,
        3: [{2: [images], 3: outputs}],
        5: expected.license,
        6: [file(CONTRACT_FILE, "Labels, crop, size and thresholds, read by keras-fer.", _DESCRIPTIONS)],
        7: _MIN_PARSER_VERSION,
    }
    builder = flatbuffers.Builder(1024)
    builder.Finish(_write(builder, model), _METADATA_IDENTIFIER)
    return bytes(builder.Output())


def _write(builder: Any, value: str | list | dict) -> int:
    """Writes a string, a vector of floats, a vector of tables, or a table; returns its offset."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list) and isinstance(value[0], float):
        return builder.CreateNumpyVector(np.array(value, np.float32))
    if isinstance(value, list):
        offsets = [_write(builder, item) for item in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    # What a table refers to must be complete before the table begins.
    fields = {slot: _write(builder, field) for slot, field in value.items() if not isinstance(field, Scalar)}
    builder.StartObject(max(value) + 1)
    for slot, field in value.items():
        if isinstance(field, Scalar):
            getattr(builder, f"Prepend{field.kind}Slot")(slot, field.value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, fields[slot], 0)
    return builder.EndObject()


class _Table:
    """Reads a flatbuffer table by the numbers of its fields."""

    def __init__(self, data: bytes, position: int):
        import flatbuffers

        self._types = flatbuffers.number_types
        self._table = flatbuffers.table.Table(data, position)

    def _field(self, number: int) -> int:
        offset = self._table.Offset(4 + 2 * number)
        if offset == 0:
            raise ValueError(f"field {number} of the metadata is absent")
        return offset + self._table.Pos

    def text(self, number: int) -> str:
        return self._table.String(self._field(number)).decode()

    def table(self, number: int) -> "_Table":
        return _Table(self._table.Bytes, self._table.Indirect(self._field(number)))

    def tables(self, number: int) -> list["_Table"]:
        field = self._field(number) - self._table.Pos
        start = self._table.Vector(field)
        places = [start + 4 * position for position in range(self._table.VectorLen(field))]
        return [_Table(self._table.Bytes, self._table.Indirect(place)) for place in places]

    def first(self, number: int) -> "_Table":
        return self.tables(number)[0]

    def first_float(self, number: int) -> float:
        start = self._table.Vector(self._field(number) - self._table.Pos)
        return float(self._table.Get(self._types.Float32Flags, start))


def read_metadata(file: bytes) -> FileMetadata:
    """Reads back what `add_metadata` wrote, from the flatbuffer and from the archive.

    Raises:
        ValueError, zipfile.BadZipFile, KeyError: if part of it is absent.
        FERError: if the contract is not valid.
    """
    from ai_edge_litert import schema_py_generated as schema
    from flatbuffers import encode, packer

    model = schema.Model.GetRootAs(file)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    buffers = [entry.Buffer() for entry in entries if entry.Name().decode() == METADATA_NAME]
    if len(buffers) != 1:
        raise ValueError(f"the file has {len(buffers)} metadata buffers, not one")
    data = model.Buffers(buffers[0]).DataAsNumpy().tobytes()
    if data[4:8] != _METADATA_IDENTIFIER:
        raise ValueError("the metadata buffer is none")
    root = _Table(data, encode.Get(packer.uoffset, data, 0))
    subgraph = root.first(3)
    images, probabilities = subgraph.first(2), subgraph.first(3)
    normalization = images.first(4).table(1)
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        labels = archive.read(probabilities.first(6).text(0)).decode()
        contract = ModelContract.from_json(archive.read(root.first(6).text(0)))
    return FileMetadata(
        name=root.text(0),
        description=root.text(1),
        license=root.text(5),
        label_names=tuple(labels.splitlines()),
        normalization=(normalization.first_float(0), normalization.first_float(1)),
        input_name=images.text(0),
        output_names=tuple(output.text(0) for output in subgraph.tables(3)),
        contract=contract,
    )
