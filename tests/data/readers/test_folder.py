from collections import Counter

import pytest

from keras_fer.data.readers import open_source
from keras_fer.errors import FERError
from keras_fer.runtime.images import IMAGE_SUFFIXES


def test_expressions_are_mapped_by_name(root, trees):
    trees.write_folder(root)
    reader = open_source("folder", root)
    assert reader.label_names == ("neutral", "happiness", "sadness")
    labels = {record.source: (record.split, record.label) for record in reader}
    assert labels["train/Sad/train0.png"] == ("train", 2)
    # Without a folder test, val is the test split.
    assert labels["val/happy/val1.png"] == ("test", 1)
    assert len(labels) == 10


def test_a_test_folder_makes_val_the_validation_split(root, trees):
    trees.write_folder(root)
    trees.write_image(root / "test" / "happy" / "a.png")
    assert Counter(record.split for record in open_source("folder", root)) == {
        "train": 6,
        "validation": 4,
        "test": 1,
    }


def test_a_training_folder_alone_gives_a_share_as_test_split(root, trees):
    trees.write_folder(root)
    (root / "val").rename(root / "other")
    for share, splits in ((0.5, {"train", "test"}), (0, {"train"})):
        records = list(open_source("folder", root, test_share=share))
        assert {record.source.split("/")[0] for record in records} == {"train"}
        assert {record.split for record in records} == splits


def test_other_names_are_kept_sorted(root, trees):
    trees.write_folder_plain(root)
    reader = open_source("folder", root)
    assert reader.label_names == ("ape", "cow", "zebra")
    assert reader.release == "class folders without splits"
    records = list(reader)
    assert {record.label for record in records if record.source.startswith("cow/")} == {1}
    assert 0 < sum(record.split == "test" for record in records) < 12


def test_one_name_that_is_no_expression_keeps_all_names(root, trees):
    for name in ("happy", "bored", "10", "9"):
        trees.write_image(root / name / "a.png")
    assert open_source("folder", root).label_names == ("9", "10", "bored", "happy")


def test_two_names_of_one_expression_are_refused(root, trees):
    for name in ("happy", "joy", "sad"):
        trees.write_image(root / name / "a.png")
    with pytest.raises(FERError, match=r"The classes happy, joy .+ mean the same: merge them"):
        open_source("folder", root)


def test_a_single_class_is_refused(root, trees):
    trees.write_image(root / "happy" / "a.png")
    with pytest.raises(FERError, match=r"at least two classes. Found: happy"):
        open_source("folder", root)


def test_a_class_without_images_is_named(root, trees):
    trees.write_folder(root)
    (root / "train" / "fear").mkdir()
    trees.write_text(root / "train" / "fear" / "notes.txt", "x")
    with pytest.raises(FERError, match="train/fear' has no image: add some or remove it"):
        open_source("folder", root)


def test_a_class_without_training_images_is_named(root, trees):
    trees.write_folder(root)
    trees.write_image(root / "val" / "fear" / "a.png")
    with pytest.raises(FERError, match=r"The classes fear .+ have no training images"):
        open_source("folder", root)


def test_two_folders_of_one_split_are_refused(root, trees):
    trees.write_folder(root)
    trees.write_image(root / "validation" / "happy" / "a.png")
    with pytest.raises(FERError, match=r"Both 'val' and 'validation' .+ are the validation split"):
        open_source("folder", root)


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_whatever_can_be_predicted_can_be_prepared(root, suffix):
    for name in ("happy", "sad"):
        (root / name).mkdir(parents=True)
        (root / name / f"0{suffix.upper()}").touch()
    assert len(list(open_source("folder", root))) == 2


def test_hidden_and_other_files_are_no_images(root, trees):
    trees.write_folder(root)
    for name in (".DS_Store", "._a.png", "Thumbs.db", "list.txt"):
        (root / "train" / "happy" / name).write_bytes(b"x")
    (root / "__MACOSX").mkdir()
    assert len(list(open_source("folder", root))) == 10


def test_links_out_of_the_root_are_dropped(root, trees, tmp_path):
    trees.write_folder(root)
    trees.write_image(tmp_path / "secret.png")
    (root / "train" / "happy" / "x.png").symlink_to(tmp_path / "secret.png")
    (root / "train" / "happy" / "y.png").symlink_to(root / "train" / "happy" / "train0.png")
    (root / "train" / "happy" / "z.png").symlink_to(root / "none.png")
    dropped = {record.source: record.dropped for record in open_source("folder", root)}
    assert dropped["train/happy/x.png"] == "path leaves the root"
    assert dropped["train/happy/y.png"] is None
    assert dropped["train/happy/z.png"] == "missing file"


def test_a_class_folder_that_links_out_of_the_root_is_dropped(root, trees, tmp_path):
    trees.write_folder(root)
    trees.write_image(tmp_path / "elsewhere" / "a.png")
    (root / "train" / "fear").symlink_to(tmp_path / "elsewhere")
    dropped = {record.source: record.dropped for record in open_source("folder", root)}
    assert dropped["train/fear/a.png"] == "path leaves the root"


def test_names_that_are_no_text_are_dropped(root, trees):
    trees.write_folder(root)
    image = root / "train" / "happy" / "train0.png"
    image.rename(image.with_name("\udcff.png"))
    record = next(r for r in open_source("folder", root) if "happy" in r.source and "udcff" in r.source)
    assert record.dropped == "file name is not valid text"
    assert record.source.encode("utf-8") == rb"train/happy/\udcff.png"
