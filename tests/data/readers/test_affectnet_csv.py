import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.data.records import Record
from keras_fer.errors import FERError

LIST = "Manually_Annotated_file_lists/training.csv"
PHOTOS = "Manually_Annotated_Images"


def records(root, **options):
    return {record.source: record for record in open_source("affectnet", root, **options)}


def test_records(root, trees):
    trees.write_affectnet_csv(root)
    found = records(root)
    train = [record for record in found.values() if record.split == "train"]
    # The test list is read first, so the image that both lists name stays in the test split.
    assert found[f"{PHOTOS}/0/photo0.jpg"].split == "test"
    assert [(record.source, record.label, record.dropped) for record in train] == [
        (f"{LIST}#2", 0, "listed twice"),
        *((f"{PHOTOS}/{label}/photo{label}.jpg", label, None) for label in range(1, 8)),
        (f"{PHOTOS}/9/photo.tif", 1, None),
        (f"{LIST}#11", -1, "no face box"),
        (f"{LIST}#12", 2, None),
        (f"{LIST}#13", 1, "listed twice"),
        (f"{LIST}#14", -1, "label outside the taxonomy"),
        (f"{LIST}#15", -1, "label outside the taxonomy"),
        (f"{LIST}#16", -1, "face box without area"),
        (f"{PHOTOS}/1/missing.jpg", -1, "missing file"),
        (f"{PHOTOS}/../../photo.jpg", -1, "path leaves the root"),
        ("/etc/hostname", -1, "path leaves the root"),
        (f"{LIST}#20", -1, "label is not readable"),
        (f"{LIST}#21", -1, "malformed row"),
    ]
    photo = found[f"{PHOTOS}/3/photo3.jpg"]
    assert photo.box == (4, 6, 24, 28)
    assert photo.valence_arousal == (0.5, -0.25)
    assert photo.factors["roll"] == pytest.approx(10, abs=0.01)


def test_negative_width_is_the_box_from_the_other_corner(root, trees):
    trees.write_affectnet_csv(root)
    photo = records(root)[f"{PHOTOS}/9/photo.tif"]
    assert photo.box == (4, 6, 24, 28)
    assert all(math.isnan(rating) for rating in photo.valence_arousal)


def test_a_missing_header_changes_nothing_but_the_numbers_of_the_rows(tmp_path, trees):
    for header in (True, False):
        trees.write_affectnet_csv(tmp_path / str(header), header=header)
    with_header, without = (list(records(tmp_path / name).values()) for name in ("True", "False"))
    assert [(r.label, r.box, r.dropped) for r in with_header] == [
        (r.label, r.box, r.dropped) for r in without
    ]
    assert open_source("affectnet", tmp_path / "False").release.endswith("without header")


def test_lists_in_the_root(root, trees):
    trees.write_affectnet_csv(root, folders=False)
    assert f"{PHOTOS}/3/photo3.jpg" in records(root)


def test_automatically_annotated_images_are_training_data(root, trees):
    trees.write_affectnet_csv(root)
    assert "Automatically_Annotated_Images/7/auto.jpg" not in records(root)
    added = records(root, automatic=True)["Automatically_Annotated_Images/7/auto.jpg"]
    assert (added.split, added.label) == ("train", 6)


def test_boxes_from_landmarks(root, trees):
    trees.write_affectnet_csv(root)
    found = records(root, boxes="landmarks")
    assert found[f"{PHOTOS}/2/photo2.jpg"].box == (4, 6, 24, 28)
    assert "no face box" not in Counter(record.dropped for record in found.values())


def test_columns_are_found_by_name(root, trees):
    trees.write_image(root / PHOTOS / "a.jpg")
    for name in ("training.csv", "validation.csv"):
        trees.write_text(root / name, "expression,subDirectory_filePath", "3,a.jpg")
    reader = open_source("affectnet", root)
    assert reader.release == "CSV release (2017), manually annotated, without boxes"
    record = next(iter(reader))
    assert (record.label, record.box, record.factors) == (3, None, {})
    assert all(math.isnan(rating) for rating in record.valence_arousal)


def test_missing_photos_say_where_they_were_looked_for(root, trees):
    trees.write_affectnet_csv(root)
    (root / PHOTOS).rename(root / "photos")
    with pytest.raises(
        FERError, match=r"None of the first images of .+Looked in: .+Manually_Annotated_Images"
    ):
        open_source("affectnet", root)


def test_a_list_that_is_not_utf8_is_refused(root, trees):
    trees.write_affectnet_csv(root)
    (root / LIST).write_bytes("é".encode("latin-1") + (root / LIST).read_bytes())
    with pytest.raises(FERError, match="is not UTF-8 text"):
        list(open_source("affectnet", root))


CELLS = st.one_of(
    st.sampled_from(
        ["a.jpg", "../a.jpg", "/a.jpg", "", "NULL", "-2", "3", "1e999", "nan", "3.0", "\\", "\0"]
    ),
    st.text(max_size=5),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(CELLS, max_size=10).map(",".join), max_size=4), st.binary(max_size=30), st.booleans()
)
def test_any_list_is_records_or_one_error(csv_root, trees, rows, tail, header):
    good = trees.affectnet_row("a.jpg", 1)
    text = "\n".join([*([trees.AFFECTNET_HEADER] if header else []), good, *rows])
    (csv_root / "training.csv").write_bytes(text.encode("utf-8", "replace") + b"\n" + tail)
    try:
        found = list(open_source("affectnet", csv_root))
    except FERError:
        return
    assert all(isinstance(record, Record) for record in found)
    assert len({record.source for record in found}) == len(found)


@pytest.fixture(scope="module")
def csv_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("csv")
    trees.write_image(root / PHOTOS / "a.jpg")
    return root


def test_half_a_box_is_refused(root, trees):
    # Found by fuzzing.
    trees.write_affectnet_csv(root)
    file = root / LIST
    file.write_text(file.read_text().replace("face_y", "face_z", 1))
    with pytest.raises(FERError, match=r"lacks the column\(s\) face_y"):
        records(root)
