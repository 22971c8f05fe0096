import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.runtime.model_file import read_contract

CONTRACT = ModelContract(EXPRESSIONS_8, image_size=16, crop_margin=0.1, name="tiny")
# Only the identifier is looked at before the archive, so these tests need no model.
FLATBUFFER = b"\x1c\0\0\0TFL3" + bytes(100)


def test_contract_is_read_from_the_file(model_file):
    assert read_contract(model_file(FLATBUFFER, contract=CONTRACT)) == CONTRACT


def test_labels_are_optional(model_file):
    assert read_contract(model_file(FLATBUFFER, {"contract.json": CONTRACT.to_json()})) == CONTRACT


def test_labels_without_a_last_line_break(model_file):
    members = {"contract.json": CONTRACT.to_json(), "labels.txt": "\n".join(EXPRESSIONS_8)}
    assert read_contract(model_file(FLATBUFFER, members)) == CONTRACT


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no contract .* Write a file with one by `keras-fer export RUN OUT`"),
        ({"labels.txt": "a\nb\n"}, "holds no contract"),
        ({"contract.json": "{"}, "cannot be used. The model contract is not valid JSON"),
        ({"contract.json": "[1]"}, "A model contract is a JSON object"),
        ({"contract.json": '{"label_names": ["a", "b"]}'}, r"lacks \['image_size'\]"),
        ({"contract.json": b"\xff\xfe\xff"}, "not valid JSON"),
        ({"contract.json": " " * (2**20 + 1)}, "its contract.json is larger than 1048576 bytes"),
        ({"contract.json": CONTRACT.to_json(), "labels.txt": " " * 2**21}, "its labels.txt is larger"),
        (
            {"contract.json": CONTRACT.to_json(), "labels.txt": "\n".join(sorted(EXPRESSIONS_8))},
            "contradicts itself: labels.txt says anger, .* the contract says neutral, ",
        ),
    ],
)
def test_contents_that_are_refused(model_file, members, message):
    with pytest.raises(FERError, match=message) as caught:
        read_contract(model_file(FLATBUFFER, members))
    assert "model.tflite" in str(caught.value)


def test_contract_of_a_newer_version(model_file):
    values = {**CONTRACT.to_dict(), "mirror": True}
    with pytest.raises(FERError, match="written by a newer version"):
        read_contract(model_file(FLATBUFFER, {"contract.json": json.dumps(values)}))


def test_truncated_file(model_file):
    path = model_file(FLATBUFFER, contract=CONTRACT)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FERError, match="or it is truncated"):
        read_contract(path)


def test_encrypted_member(model_file):
    path = model_file(FLATBUFFER, contract=CONTRACT)
    content = bytearray(path.read_bytes())
    # The flag "encrypted" of both members, in the central directory and before the content.
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        position = content.find(signature)
        while position >= 0:
            content[position + offset] |= 1
            position = content.find(signature, position + 4)
    path.write_bytes(content)
    with pytest.raises(FERError, match="damaged archive"):
        read_contract(path)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"hello world", b"PK\x03\x04 a keras file"])
def test_what_is_no_tflite_model(tmp_path, content):
    path = tmp_path / "other.tflite"
    path.write_bytes(content)
    with pytest.raises(FERError, match=r"other\.tflite' is not a TFLite model"):
        read_contract(path)


def test_gigantic_file_is_refused(tmp_path):
    path = tmp_path / "sparse.tflite"
    with path.open("wb") as file:
        file.write(FLATBUFFER)
        file.truncate(2**31 + 1)
    with pytest.raises(FERError, match="is not a TFLite model"):
        read_contract(path)


def test_models_that_are_not_exported_yet(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04")
    for path in (tmp_path, tmp_path / "model.keras"):
        with pytest.raises(FERError, match=r"is not an exported model.*`keras-fer export RUN OUT`"):
            read_contract(path)


def test_missing_file(tmp_path):
    with pytest.raises(FERError, match="There is no model file"):
        read_contract(tmp_path / "missing.tflite")


def test_unreadable_file(model_file, monkeypatch):
    path = model_file(FLATBUFFER)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(FERError, match="cannot be read: Permission denied"):
        read_contract(path)


@pytest.fixture(scope="module")
def damaged_file(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "model.tflite"


@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    kept=st.floats(0.5, 1),
)
def test_damaged_bytes_give_the_contract_or_one_error(damaged_file, changes, kept):
    file = io.BytesIO(FLATBUFFER)
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contract.json", CONTRACT.to_json())
        archive.writestr("labels.txt", "\n".join(EXPRESSIONS_8))
    content = bytearray(file.getvalue())
    for position, value in changes:
        # The identifier stays, so that the archive is reached.
        content[max(int(position * len(content)), 8)] = value
    damaged_file.write_bytes(content[: int(len(content) * kept)])
    try:
        contract = read_contract(damaged_file)
    except FERError:
        return
    assert contract == CONTRACT
