import io
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.data.readers.affectnet_npy import parse_npy, read_small_npy
from keras_fer.errors import FERError


def records(root, **options):
    return {record.source: record for record in open_source("affectnet", root, **options)}


def test_records(root, trees):
    trees.write_affectnet_npy(root)
    found = records(root)
    train = [found[f"train_set/images/{number}.jpg"] for number in range(16)]
    assert [record.label for record in train[:8]] == list(range(8))
    assert [record.dropped for record in train[8:]] == [
        "label outside the taxonomy",
        "label outside the taxonomy",
        None,
        None,
        "no readable annotation",
        "no readable annotation",
        "no readable annotation",
        "missing file",
    ]
    assert train[0].valence_arousal == (0.5, -0.25)
    assert train[11].label == 2
    assert train[11].valence_arousal == (0.25, -0.75)
    assert train[0].box is None
    assert train[0].factors["roll"] == pytest.approx(10)
    assert math.isnan(train[7].factors["roll"])
    assert Counter(record.split for record in found.values()) == {"train": 16, "test": 8}


def test_numbers_are_in_their_order(root, trees):
    trees.write_affectnet_npy(root)
    sources = [source for source in records(root) if source.startswith("train_set")]
    assert sources == [f"train_set/images/{number}.jpg" for number in range(16)]


def test_boxes_from_landmarks(root, trees):
    trees.write_affectnet_npy(root)
    found = records(root, boxes="landmarks")
    assert found["val_set/images/0.jpg"].box == (4, 6, 24, 28)
    assert found["train_set/images/7.jpg"].dropped == "no face box"


def test_a_split_without_images_is_refused(root, trees):
    trees.write_affectnet_npy(root)
    (root / "val_set" / "images").rename(root / "val_set" / "pictures")
    with pytest.raises(FERError, match="val_set' has no image"):
        open_source("affectnet", root)


def test_a_link_out_of_the_root_is_refused(root, trees, tmp_path):
    trees.write_affectnet_npy(root)
    trees.write_image(tmp_path / "secret.jpg")
    image = root / "train_set" / "images" / "0.jpg"
    image.unlink()
    image.symlink_to(tmp_path / "secret.jpg")
    assert records(root)["train_set/images/0.jpg"].dropped == "path leaves the root"


@pytest.mark.parametrize(
    "value",
    ["7", b"7", 7, 7.0, np.array(["7"]), np.float32(0.5), np.zeros((2, 3)), np.zeros((2, 3), order="F")],
)
def test_small_arrays(value, trees):
    parsed = parse_npy(trees.npy_bytes(value))
    np.testing.assert_array_equal(parsed, np.asarray(value))


def header(shape, descr="<f8"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00\x76\x00" + text.encode().ljust(118)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04",
        header("(99999999999999,)"),
        header("(-1,)") + bytes(8),
        header("(2,)") + bytes(8),
        header("()", descr="|O") + bytes(8),
        b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118,
    ],
)
def test_damaged_arrays(content):
    assert parse_npy(content) is None


def test_objects_are_never_unpickled(trees):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit",))

    assert parse_npy(trees.npy_bytes(np.array(Bomb(), object))) is None


def test_large_files_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(20_000))
    assert read_small_npy(tmp_path / "a.npy") is None
    assert read_small_npy(tmp_path / "none.npy") is None


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.booleans(), st.integers(0, 200))
def test_any_bytes_are_an_array_or_none(content, with_magic, cut):
    parsed = parse_npy((header("(1,)")[: min(cut, 128)] if with_magic else b"") + content)
    assert parsed is None or isinstance(parsed, np.ndarray)


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.integers(-5, 20).map(str), st.text(max_size=6), st.floats(), st.integers(), st.binary(max_size=4)
    )
)
def test_any_label_is_a_label_or_a_reason(npy_root, trees, value):
    path = npy_root / "train_set" / "annotations" / "0_exp.npy"
    path.write_bytes(trees.npy_bytes(value))
    record = next(r for r in open_source("affectnet", npy_root) if r.source == "train_set/images/0.jpg")
    assert (record.dropped is None) == (0 <= record.label < 8)


@pytest.fixture(scope="module")
def npy_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("npy")
    trees.write_affectnet_npy(root)
    return root


def test_bytes_that_are_no_character():
    # Found by fuzzing: NumPy takes them, and Python fails with a SystemError when it gets them.
    for code_points, dtype in ((b"1\0\0\x10", "<U1"), (b"\x10\0\0\x31", ">U1")):
        stream = io.BytesIO()
        np.lib.format.write_array(stream, np.frombuffer(code_points, dtype))
        assert parse_npy(stream.getvalue()) is None
