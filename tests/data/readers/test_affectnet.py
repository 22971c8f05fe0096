import math
from collections import Counter

import pytest

from keras_fer.data.readers import open_source
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8

NAMES = ("Anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def test_layouts_are_detected(tmp_path, trees):
    for name, write in (
        ("npy", trees.write_affectnet_npy),
        ("csv", trees.write_affectnet_csv),
        ("folders", trees.write_affectnet_folders),
    ):
        write(tmp_path / name)
    releases = {name: open_source("affectnet", tmp_path / name).release for name in ("npy", "csv", "folders")}
    assert releases == {
        "npy": "npy release (2021)",
        "csv": "CSV release (2017), manually annotated",
        "folders": "class folders",
    }


def test_class_folders_by_id(root, trees):
    trees.write_affectnet_folders(root)
    records = list(open_source("affectnet", root))
    assert {r.source: r.label for r in records if r.split == "test"} == {
        f"val/{label}/val{label}.jpg": label for label in range(8)
    }
    assert Counter(record.dropped for record in records) == {None: 16, "label outside the taxonomy": 1}


def test_class_folders_by_name(root, trees):
    for split in ("train", "val"):
        for name in NAMES:
            trees.write_image(root / split / name / "a.png")
    reader = open_source("affectnet", root)
    assert reader.label_names == EXPRESSIONS_8
    labels = {record.source: record.label for record in reader}
    assert labels["train/Anger/a.png"] == 6
    assert labels["val/neutral/a.png"] == 0


def test_seven_expressions_leave_contempt_out(root, trees):
    trees.write_affectnet_folders(root)
    reader = open_source("affectnet", root, taxonomy="expressions-7")
    assert reader.label_names == EXPRESSIONS_7
    assert {record.source for record in reader if record.dropped} == {
        "train/7/train7.jpg",
        "train/8/train8.jpg",
        "val/7/val7.jpg",
    }


def test_class_folder_of_an_unknown_name_is_refused(root, trees):
    trees.write_affectnet_folders(root)
    trees.write_image(root / "train" / "bored" / "a.png")
    with pytest.raises(FERError, match=r"The class folder 'bored' .+ is no id of AffectNet"):
        open_source("affectnet", root)


def test_a_missing_class_folder_is_named(root, trees):
    trees.write_affectnet_folders(root)
    for split in ("train", "val"):
        (root / split / "4").rename(root / split / "10")
    with pytest.raises(FERError, match="no class folder for fear"):
        open_source("affectnet", root)


def test_a_class_folder_without_images_is_named(root, trees):
    trees.write_affectnet_folders(root)
    (root / "val" / "5" / "val5.jpg").unlink()
    with pytest.raises(FERError, match="val/5' has no image"):
        open_source("affectnet", root)


@pytest.mark.parametrize(
    ("write", "options", "message"),
    [
        ("write_affectnet_folders", {"automatic": True}, r"no automatically_annotated\.csv"),
        ("write_affectnet_npy", {"automatic": True}, r"no automatically_annotated\.csv"),
        ("write_affectnet_folders", {"boxes": "landmarks"}, "no landmarks"),
    ],
)
def test_options_that_the_layout_lacks_are_refused(root, trees, write, options, message):
    getattr(trees, write)(root)
    with pytest.raises(FERError, match=message):
        open_source("affectnet", root, **options)


def test_ratings_of_class_folders_are_unknown(root, trees):
    trees.write_affectnet_folders(root)
    assert all(record.valence_arousal is None for record in open_source("affectnet", root))


def test_minus_two_is_no_rating(root, trees):
    trees.write_affectnet_npy(root)
    [ratings] = [
        r.valence_arousal for r in open_source("affectnet", root) if r.source.endswith("set/images/10.jpg")
    ]
    assert all(math.isnan(rating) for rating in ratings)
