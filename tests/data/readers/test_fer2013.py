import contextlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.data.readers.fer2013 import parse_pixels
from keras_fer.errors import FERError


def test_folders(root, trees):
    trees.write_fer2013_folders(root)
    reader = open_source("fer2013", root)
    records = list(reader)
    assert Counter((record.split, record.dropped) for record in records) == {
        ("train", None): 14,
        ("test", None): 7,
        ("test", "held out split"): 1,
    }
    labels = {record.source: record.label for record in records}
    # Alphabetical folders are not in the canonical order.
    assert labels["train/angry/Training_00.jpg"] == 6
    assert labels["train/neutral/Training_40.jpg"] == 0
    assert labels["test/sad/PublicTest_5.jpg"] == 2
    assert reader.release == "class folders"


def test_the_private_part_as_test_makes_the_public_part_the_validation_split(root, trees):
    trees.write_fer2013_folders(root)
    records = open_source("fer2013", root, test_usage="PrivateTest")
    assert Counter(record.split for record in records) == {"train": 14, "validation": 7, "test": 1}


def test_the_private_part_is_refused_where_it_is_missing(root, trees):
    trees.write_fer2013_folders(root)
    (root / "test" / "happy" / "PrivateTest_9.jpg").unlink()
    with pytest.raises(FERError, match="has no PrivateTest images: use test_usage=PublicTest"):
        list(open_source("fer2013", root, test_usage="PrivateTest"))


def test_a_missing_class_is_named(root, trees):
    trees.write_fer2013_folders(root)
    (root / "train" / "disgust").rename(root / "train" / "boredom")
    with pytest.raises(FERError, match=r"train part of fer2013 must have one folder for each .+boredom"):
        open_source("fer2013", root)


def test_a_class_without_images_is_named(root, trees):
    trees.write_fer2013_folders(root)
    for file in (root / "train" / "disgust").iterdir():
        file.unlink()
    with pytest.raises(FERError, match="train/disgust' has no image"):
        open_source("fer2013", root)


def test_csv(root, trees):
    trees.write_fer2013_csv(root)
    reader = open_source("fer2013", root)
    records = list(reader)
    assert Counter((record.split, record.dropped) for record in records) == {
        ("train", None): 7,
        ("test", None): 1,
        ("test", "held out split"): 1,
        ("train", "pixels are not readable"): 2,
        ("train", "label is not readable"): 2,
        ("train", "unknown split"): 1,
        ("train", "malformed row"): 1,
    }
    # 0 Angry 1 Disgust 2 Fear 3 Happy 4 Sad 5 Surprise 6 Neutral
    assert [record.label for record in records[:7]] == [6, 5, 4, 1, 2, 3, 0]
    assert records[0].source == "icml_face_data.csv#2"
    np.testing.assert_array_equal(records[0].image.ravel(), np.arange(48 * 48) % 256)
    assert reader.release == "csv with pixels"


def test_csv_without_usage_is_training_data(root, trees):
    pixels = " ".join(["7"] * 2304)
    trees.write_text(root / "train.csv", "emotion,pixels", f'0,"{pixels}"')
    [record] = open_source("fer2013", root)
    assert (record.split, record.label) == ("train", 6)


@pytest.mark.parametrize("text", ["", "1 2 3", " ".join(["-1"] * 2304), " ".join(["1.0"] * 2304)])
def test_pixels_that_are_none(text):
    assert parse_pixels(text) is None


def test_csv_of_another_kind_is_no_fer2013(root, trees):
    trees.write_text(root / "a.csv", "path,label,label", "x,1,1")
    with pytest.raises(FERError, match="no layout of fer2013"):
        open_source("fer2013", root)


CELLS = st.sampled_from(["0", "6", "7", "nan", "Training", "PublicTest", "", '"', "\0", "1 2", "\u2028", "é"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, max_size=4).map(",".join), max_size=5), st.binary(max_size=20))
def test_any_csv_is_records_or_one_error(csv_root, rows, tail):
    text = "\n".join(["emotion,pixels,Usage", *rows])
    (csv_root / "fer2013.csv").write_bytes(text.encode() + tail)
    with contextlib.suppress(FERError):
        sources = [record.source for record in open_source("fer2013", csv_root)]
        assert len(set(sources)) == len(sources)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_no_pixels(text):
    assert parse_pixels(text) is None


@pytest.fixture(scope="module")
def csv_root(tmp_path_factory):
    return tmp_path_factory.mktemp("fer2013")
