import itertools
import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.errors import FERError

SHAPE = (8, 10, 3)
NAMES = ("calm", "joy", "gêne, 困")


def write(output, num_rows=20, rows_per_shard=7, shape=SHAPE, **config):
    """Writes a data set with every column and two drops; returns it and its images."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (num_rows, *shape), dtype=np.uint8)
    with PreparedWriter(
        output,
        source="made",
        label_names=NAMES,
        image_shape=shape,
        crop_size=8,
        config=config,
        rows_per_shard=rows_per_shard,
    ) as writer:
        writer.drop("missing file", "first.png")
        writer.append(
            images,
            labels=np.arange(num_rows) % 4 - 1,
            splits=np.arange(num_rows) % 3,
            sources=[f'{row}, "é".png' for row in range(num_rows)],
            soft_labels=random.dirichlet([1, 1, 1], num_rows),
            valence_arousal=random.uniform(-1, 1, (num_rows, 2)),
            subjects=np.arange(num_rows) // 2,
            pairs=np.arange(num_rows) // 2,
            factors={"yaw": random.normal(size=num_rows), "action_units": random.normal(size=(num_rows, 19))},
            boxes=np.tile([1.5, 2, 30, 40], (num_rows, 1)),
        )
        writer.drop("undecodable image", "last.png")
        return writer.finish(), images


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_is_written_is_read(tmp_path):
    written, images = write(tmp_path / "out")
    dataset = open_prepared(tmp_path / "out", verify="checksums")
    assert len(dataset) == 20
    assert dataset.label_names == NAMES
    assert dataset.image_shape == SHAPE
    assert dataset.crop_size == 8
    assert dataset.content_hash == written.content_hash
    np.testing.assert_array_equal(dataset.images([19, 0, 7, 7, 6]), images[[19, 0, 7, 7, 6]])
    np.testing.assert_array_equal(dataset.images(dataset.indices("test")), images[2::3])
    assert dataset.images([]).shape == (0, *SHAPE)
    assert dataset.labels.dtype == np.int64
    assert dataset.labels[:5].tolist() == [-1, 0, 1, 2, -1]
    assert dataset.class_counts("train").tolist() == [1, 2, 2]
    assert dataset.soft_labels.dtype == np.float32
    assert dataset.valence_arousal.shape == (20, 2)
    assert dataset.subjects[-1] == dataset.pairs[-1] == 9
    assert set(dataset.factors) == {"yaw", "action_units"}
    assert dataset.factors["action_units"].shape == (20, 19)
    assert dataset.info["dropped"] == {"missing file": 1, "undecodable image": 1}
    assert dataset.info["counts"]["train"] == {"calm": 1, "joy": 2, NAMES[2]: 2}
    assert dataset.info["unlabelled"] == {"train": 2, "validation": 2, "test": 1}


def test_records_say_what_became_of_every_record(tmp_path):
    write(tmp_path / "out")
    lines = (tmp_path / "out/records.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 23
    assert lines[0].startswith("row,source,split,label,left,top,right,bottom,pixel_hash")
    assert lines[1] == ",first.png,,,,,,,,,missing file"
    assert lines[4].startswith('2,"2, ""é"".png",test,joy,1.5,2,30,40,')
    assert lines[4].endswith(",used")
    assert lines[-1] == ",last.png,,,,,,,,,undecodable image"


def test_any_numpy_user_can_open_it(tmp_path):
    _, images = write(tmp_path / "out")
    np.testing.assert_array_equal(np.load(tmp_path / "out/images-00001.npy"), images[7:14])
    assert np.load(tmp_path / "out/labels.npz")["labels"].shape == (20,)


def test_same_input_same_bytes(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "other")
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_content_hash_follows_images_and_labels_only(tmp_path):
    hashes = {write(tmp_path / "a")[0].content_hash, write(tmp_path / "b", note="other")[0].content_hash}
    assert len(hashes) == 1
    assert write(tmp_path / "c", num_rows=19)[0].content_hash not in hashes


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_round_trip_of_any_batches(tmp_path_factory, data):
    output = tmp_path_factory.mktemp("made") / "out"
    channels = data.draw(st.sampled_from([1, 3]))
    sizes = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any))
    rows_per_shard = data.draw(st.integers(1, 12))
    labels = [data.draw(st.lists(st.integers(-1, 1), min_size=n, max_size=n)) for n in sizes]
    sources = [
        data.draw(st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=n, max_size=n))
        for n in sizes
    ]
    images = [data.draw(npst.arrays(np.uint8, (n, 4, 3, channels))) for n in sizes]
    with_subjects = [data.draw(st.booleans()) for _ in sizes]
    with PreparedWriter(
        output,
        source="s",
        label_names=("a", "b"),
        image_shape=(4, 3, channels),
        rows_per_shard=rows_per_shard,
    ) as writer:
        for batch, label, source, subject in zip(images, labels, sources, with_subjects, strict=True):
            given_subjects = np.arange(len(label)) if subject else None
            writer.append(
                batch, labels=label, splits=[0] * len(label), sources=source, subjects=given_subjects
            )
        writer.finish()
    dataset = open_prepared(output, verify="checksums")
    np.testing.assert_array_equal(dataset.images(np.arange(sum(sizes))), np.concatenate(images))
    assert dataset.labels.tolist() == list(itertools.chain(*labels))
    expected = [list(range(n)) if known else [-1] * n for n, known in zip(sizes, with_subjects, strict=True)]
    assert dataset.subjects.tolist() == list(itertools.chain(*expected))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "out"
    write(folder, num_rows=9, rows_per_shard=5, shape=(8, 8, 1))
    return folder


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_found(whole, tmp_path_factory, data):
    damaged = tmp_path_factory.mktemp("flip") / "out"
    shutil.copytree(whole, damaged)
    file = damaged / data.draw(st.sampled_from(sorted(os.listdir(whole))))
    content = bytearray(file.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(content)
    try:
        dataset = open_prepared(damaged, verify="checksums")
    except FERError:
        return
    # Only the white space of dataset.json may change without changing what it says.
    assert file.name == "dataset.json"
    assert dataset.info == json.loads((whole / "dataset.json").read_text(encoding="utf-8"))


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_truncated_files_are_found_by_their_size(whole, tmp_path_factory, data):
    damaged = tmp_path_factory.mktemp("cut") / "out"
    shutil.copytree(whole, damaged)
    file = damaged / data.draw(st.sampled_from(sorted(os.listdir(whole))))
    content = file.read_bytes()
    file.write_bytes(content[: data.draw(st.integers(0, len(content) - 2))])
    with pytest.raises(FERError, match="damaged"):
        open_prepared(damaged)


@pytest.mark.parametrize("name", ["images-00001.npy", "labels.npz", "records.csv"])
def test_missing_files_are_found(tmp_path, name):
    write(tmp_path / "out")
    (tmp_path / "out" / name).unlink()
    with pytest.raises(FERError, match=rf"{name}.*it is missing"):
        open_prepared(tmp_path / "out")


def test_no_data_set_here(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FERError, match="There is no prepared data set"):
            open_prepared(path)


def test_the_split_that_is_judged_on(tmp_path):
    dataset, _ = write(tmp_path / "out")
    assert dataset.judged_split == "test"
    assert replace(dataset, splits=np.minimum(dataset.splits, 1)).judged_split == "validation"


def test_indices_out_of_range_are_refused(tmp_path):
    dataset, _ = write(tmp_path / "out")
    for index in (-1, 20):
        with pytest.raises(IndexError, match="from 0 to 19"):
            dataset.images([index])
    with pytest.raises(ValueError, match="Received: 'dev'"):
        dataset.indices("dev")


def minimal_writer(output, **options):
    options = {"source": "s", "label_names": ("a", "b"), "image_shape": (4, 4, 3), **options}
    return PreparedWriter(output, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((2, 4, 4, 3), np.float32)}, "`images` must be uint8"),
        ({"images": np.zeros((2, 4, 4, 1), np.uint8)}, "`images` must be uint8"),
        ({"labels": [0, 2]}, "`labels` must be from -1 to 1"),
        ({"labels": [0]}, "`labels` must have the shape"),
        ({"labels": [0.0, 1.0]}, "`labels` must be integers"),
        ({"splits": [0, 3]}, "`splits` must be positions"),
        ({"sources": ["one"]}, "`sources` must have the shape"),
        ({"soft_labels": np.ones((2, 2))}, "`soft_labels` must be probabilities"),
        ({"soft_labels": np.full((2, 2), np.nan)}, "`soft_labels` must be probabilities"),
        ({"valence_arousal": np.zeros((2, 3))}, "`valence_arousal` must have the shape"),
        ({"factors": {"a b": np.zeros(2)}}, "Factor names"),
        ({"factors": {"yaw": np.zeros(3)}}, "`factor_yaw` must have the shape"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_rows_are_refused(tmp_path, change, message):
    rows = {
        "images": np.zeros((2, 4, 4, 3), np.uint8),
        "labels": [0, 1],
        "splits": [0, 0],
        "sources": ["a", "b"],
    }
    rows |= change
    images = rows.pop("images")
    with minimal_writer(tmp_path / "out") as writer, pytest.raises(ValueError, match=message):
        writer.append(images, **rows)


def test_columns_that_are_absent_in_some_rows_are_filled(tmp_path):
    image = np.zeros((1, 4, 4, 3), np.uint8)
    with minimal_writer(tmp_path / "out", rows_per_shard=2) as writer:
        writer.append(image, labels=[1], splits=[0], sources=["a"])
        writer.append(image, labels=[-1], splits=[0], sources=["b"])
        writer.append(
            image,
            labels=[0],
            splits=[0],
            sources=["c"],
            soft_labels=[[0.75, 0.25]],
            valence_arousal=[[0.5, -0.5]],
            subjects=[4],
            pairs=[3],
            factors={"units": np.ones((1, 2))},
        )
        dataset = writer.finish()
    assert dataset.soft_labels.tolist() == [[0, 1], [0.5, 0.5], [0.75, 0.25]]
    np.testing.assert_array_equal(dataset.valence_arousal, [[np.nan] * 2, [np.nan] * 2, [0.5, -0.5]])
    assert dataset.subjects.tolist() == [-1, -1, 4]
    assert dataset.pairs.tolist() == [-1, -1, 3]
    np.testing.assert_array_equal(dataset.factors["units"], [[np.nan] * 2, [np.nan] * 2, [1, 1]])


def test_a_column_that_no_row_has_is_none(tmp_path):
    with minimal_writer(tmp_path / "out") as writer:
        writer.append(np.zeros((1, 4, 4, 3), np.uint8), labels=[1], splits=[0], sources=["a"])
        dataset = writer.finish()
    assert dataset.soft_labels is None
    assert dataset.valence_arousal is None
    assert dataset.subjects.tolist() == dataset.pairs.tolist() == [-1]
    assert dataset.factors == {}


def test_splits_can_be_given_at_the_end(tmp_path):
    with minimal_writer(tmp_path / "out") as writer:
        writer.append(
            np.zeros((3, 4, 4, 3), np.uint8), labels=[1, 0, 1], splits=[0, 0, 2], sources=list("abc")
        )
        dataset = writer.finish(splits=np.array([0, 1, 2]))
    assert dataset.splits.tolist() == [0, 1, 2]
    assert dataset.info["counts"]["validation"] == {"a": 1, "b": 0}
    assert "1,b,validation,a" in (tmp_path / "out/records.csv").read_text()


def test_nothing_usable_is_refused_and_leaves_nothing(tmp_path):
    def write_nothing():
        with minimal_writer(tmp_path / "out") as writer:
            writer.drop("missing file", "a.png")
            writer.finish()

    with pytest.raises(FERError, match="no usable image"):
        write_nothing()
    assert list(tmp_path.iterdir()) == []


def test_output_in_use_is_refused(tmp_path):
    write(tmp_path / "out")
    with pytest.raises(FERError, match="exists already"):
        minimal_writer(tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_may_be_the_output(tmp_path):
    (tmp_path / "out").mkdir()
    assert len(write(tmp_path / "out")[0]) == 20


def test_wrong_shapes_are_refused(tmp_path):
    for change in ({"image_shape": (4, 4, 2)}, {"crop_size": 5}, {"crop_size": 0}):
        with pytest.raises(ValueError, match="Received: image_shape="):
            minimal_writer(tmp_path / "out", **change)
