import dataclasses
import io
import zipfile

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.metadata import add_metadata, expected_metadata, read_metadata

SIZE = 16
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=20)
CONTRACTS = st.builds(
    ModelContract,
    label_names=st.lists(NAMES, min_size=2, max_size=12, unique=True).map(tuple),
    image_size=st.integers(8, 4096),
    temperature=st.floats(0.1, 10),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    description=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    training_data=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
)


def answers(content, images):
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    rows = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None].astype(np.float32))
        interpreter.invoke()
        rows.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(rows)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contract=CONTRACTS)
def test_reads_back_what_was_written(tiny_tflite, contract):
    file = add_metadata(tiny_tflite(), contract)
    assert read_metadata(file) == expected_metadata(contract)
    assert file == add_metadata(tiny_tflite(), contract)


def test_answers_stay_the_same_and_constants_aligned(tiny_tflite, contract):
    images = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3))
    file = add_metadata(tiny_tflite(), contract)
    np.testing.assert_array_equal(answers(file, images), answers(tiny_tflite(), images))
    model = schema.Model.GetRootAs(file)
    buffers = [model.Buffers(index).DataAsNumpy() for index in range(model.BuffersLength())]
    start = np.frombuffer(file, np.uint8).ctypes.data
    places = [data.ctypes.data - start for data in buffers if isinstance(data, np.ndarray)]
    assert len(places) >= 4
    assert all(place % 16 == 0 for place in places)


def test_files_behind_the_model(tiny_tflite, contract):
    with zipfile.ZipFile(io.BytesIO(add_metadata(tiny_tflite(), contract))) as archive:
        assert archive.namelist() == ["labels.txt", "contract.json"]
        assert archive.read("labels.txt") == b"neutral\nhappiness\nsadness\nsurprise\n"
        assert ModelContract.from_json(archive.read("contract.json")) == contract
        # MediaPipe refuses compressed members.
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_flatbuffer_has_the_layout_that_mediapipe_reads(tiny_tflite, contract):
    """Walks the bytes by the numbers of metadata_schema.fbs, without the reader of the package."""
    file = add_metadata(tiny_tflite(), contract)
    model = schema.Model.GetRootAs(file)
    entry = next(
        model.Metadata(index)
        for index in range(model.MetadataLength())
        if model.Metadata(index).Name() == b"TFLITE_METADATA"
    )
    data = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
    assert data[4:8] == b"M001"

    def follow(position, slot):
        table = flatbuffers.table.Table(data, position)
        return table, table.Offset(4 + 2 * slot)

    def child(position, slot):
        table, offset = follow(position, slot)
        return table.Indirect(position + offset)

    def element(position, slot):
        table, offset = follow(position, slot)
        return table.Indirect(table.Vector(offset))

    def byte(position, slot):
        table, offset = follow(position, slot)
        return table.Get(flatbuffers.number_types.Uint8Flags, position + offset)

    def floats(position, slot):
        table, offset = follow(position, slot)
        return np.frombuffer(data, "<f4", table.VectorLen(offset), table.Vector(offset)).tolist()

    root = flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0)
    images = element(element(root, 3), 2)
    content, unit = child(images, 3), element(images, 4)
    assert byte(content, 0) == 2, "ImageProperties"
    assert byte(child(content, 1), 0) == 1, "RGB"
    assert byte(unit, 0) == 1, "NormalizationOptions"
    assert (floats(child(unit, 1), 0), floats(child(unit, 1), 1)) == ([0.0], [1.0])
    labels = element(element(element(root, 3), 3), 6)
    assert byte(labels, 2) == 2, "TENSOR_AXIS_LABELS"


def test_a_file_without_metadata_or_with_other_labels(tiny_tflite, contract):
    with pytest.raises(ValueError, match="0 metadata buffers"):
        read_metadata(tiny_tflite())
    file = add_metadata(tiny_tflite(), contract)
    swapped = file.replace(b"neutral\nhappiness\n", b"happiness\nneutral\n")
    assert swapped != file
    with pytest.raises((zipfile.BadZipFile, AssertionError)):
        assert read_metadata(swapped) == expected_metadata(contract)
    with pytest.raises(zipfile.BadZipFile):
        read_metadata(file[:-30])
    broken = add_metadata(tiny_tflite(), dataclasses.replace(contract, name="x"))
    with pytest.raises((FERError, zipfile.BadZipFile)):
        read_metadata(broken.replace(b'"image_size": 16', b'"image_size": 1x'))
