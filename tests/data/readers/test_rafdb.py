import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.errors import FERError

LIST = "basic/EmoLabel/list_patition_label.txt"
ALIGNED = "basic/Image/aligned"


def test_records(root, trees):
    trees.write_rafdb(root)
    records = list(open_source("rafdb", root))
    # 1..7 = Surprise, Fear, Disgust, Happiness, Sadness, Anger, Neutral
    assert [record.label for record in records[:8]] == [3, 4, 5, 1, 2, 6, 0, 1]
    assert [(record.source, record.split, record.dropped) for record in records[7:]] == [
        (f"{ALIGNED}/test_0001_aligned.jpg", "test", None),
        (f"{ALIGNED}/train_00008_aligned.jpg", "train", "missing file"),
        (f"{LIST}#10", "train", "listed twice"),
        (f"{LIST}#11", "train", "label is not readable"),
        (f"{LIST}#12", "train", "unknown split"),
        (f"{LIST}#13", "train", "malformed row"),
        (f"{ALIGNED}/train_/../../../../x_aligned.jpg", "train", "path leaves the root"),
    ]


def test_class_folders(root, trees):
    trees.write_rafdb_folders(root)
    reader = open_source("rafdb", root)
    assert reader.release == "class folders"
    labels = {record.source: (record.split, record.label) for record in reader}
    assert labels["DATASET/train/1/train_1_aligned.jpg"] == ("train", 3)
    assert labels["DATASET/test/7/test_7_aligned.jpg"] == ("test", 0)


def test_a_missing_class_folder_is_named(root, trees):
    trees.write_rafdb_folders(root)
    (root / "DATASET" / "test" / "7").rename(root / "DATASET" / "test" / "8")
    with pytest.raises(
        FERError, match=r"test part of rafdb must have one folder .+ Found: 1, 2, 3, 4, 5, 6, 8"
    ):
        open_source("rafdb", root)


def test_a_class_folder_without_images_is_named(root, trees):
    trees.write_rafdb_folders(root)
    (root / "DATASET" / "test" / "7" / "test_7_aligned.jpg").unlink()
    with pytest.raises(FERError, match="test/7' has no image"):
        open_source("rafdb", root)


def test_the_list_without_images_is_refused(root, trees):
    trees.write_rafdb(root)
    (root / ALIGNED).rename(root / "basic" / "Image" / "other")
    with pytest.raises(FERError, match="Image/aligned' is not"):
        open_source("rafdb", root)


LINES = st.lists(
    st.sampled_from(["train_00001.jpg", "test_", "../x", "/etc", "1", "9", "\0", "Angry"]), max_size=3
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(LINES.map(" ".join), st.text(max_size=20)), max_size=5), st.binary(max_size=20))
def test_any_list_is_records_or_one_error(rafdb_root, lines, tail):
    (rafdb_root / LIST).write_bytes("\n".join(lines).encode("utf-8", "replace") + b"\n" + tail)
    try:
        sources = [record.source for record in open_source("rafdb", rafdb_root)]
    except FERError:
        return
    assert len(set(sources)) == len(sources)


@pytest.fixture(scope="module")
def rafdb_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("rafdb")
    trees.write_rafdb(root)
    return root
