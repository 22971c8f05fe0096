import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.errors import FERError

LIST = "label/label.lst"
PHOTOS = "image/origin"


def test_records(root, trees):
    trees.write_expw(root)
    records = list(open_source("expw", root))
    # 0 angry 1 disgust 2 fear 3 happy 4 sad 5 surprise 6 neutral
    assert [record.label for record in records[:7]] == [6, 5, 4, 1, 2, 3, 0]
    assert [(record.source, record.dropped) for record in records[7:]] == [
        (f"{PHOTOS}/photo0.jpg#1", None),
        (f"{LIST}#9", "listed twice"),
        (f"{PHOTOS}/photo0.jpg#2", "face box without area"),
        (f"{PHOTOS}/photo0.jpg#3", "label is not readable"),
        (f"{PHOTOS}/missing.jpg#0", "missing file"),
        (f"{PHOTOS}/../photo.jpg#0", "path leaves the root"),
        ("/etc/hostname#0", "path leaves the root"),
        (f"{LIST}#15", "malformed row"),
    ]


def test_the_box_order_is_top_left_right_bottom(root, trees):
    trees.write_expw(root)
    records = {record.source: record for record in open_source("expw", root)}
    box = records[f"{PHOTOS}/photo0.jpg#1"].box
    assert (box.left, box.top, box.right, box.bottom) == (1, 0, 11, 10)
    assert records[f"{PHOTOS}/photo0.jpg#1"].factors == {"box_confidence": 10.25}


def test_faces_of_low_confidence_can_be_left_out(root, trees):
    trees.write_expw(root)
    dropped = [
        r.source
        for r in open_source("expw", root, min_confidence=20)
        if r.dropped and "confidence" in r.dropped
    ]
    assert dropped == [f"{PHOTOS}/photo0.jpg#1", f"{LIST}#9"]


def test_faces_of_one_photo_are_in_one_split(root, trees):
    lines = [f"photo{number}.jpg {face} 0 1 11 10 99 3" for number in range(400) for face in range(2)]
    trees.write_text(root / "label.lst", *lines)
    trees.write_image(root / "image" / "photo0.jpg")
    splits = [record.split for record in open_source("expw", root)]
    assert splits[0::2] == splits[1::2]
    assert 0.1 < splits.count("test") / len(splits) < 0.2
    assert [record.split for record in open_source("expw", root, test_share=0)] == ["train"] * 800


def test_the_list_without_photos_is_refused(root, trees):
    trees.write_text(root / "label.lst", "a.jpg 0 0 1 11 10 99 3")
    with pytest.raises(FERError, match="none of the folders image/origin"):
        open_source("expw", root)


CELLS = st.sampled_from(["photo0.jpg", "../x", "/etc", "1", "nan", "-1e400", "\0", "10", "Angry"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(st.lists(CELLS, min_size=7, max_size=9).map(" ".join), st.text(max_size=20)), max_size=5
    )
)
def test_any_list_is_records(expw_root, lines):
    (expw_root / LIST).write_bytes("\n".join(lines).encode("utf-8", "replace"))
    sources = [record.source for record in open_source("expw", expw_root)]
    assert len(set(sources)) == len(sources)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_records_or_one_error(expw_root, content):
    (expw_root / LIST).write_bytes(content)
    with contextlib.suppress(FERError):
        list(open_source("expw", expw_root))


@pytest.fixture(scope="module")
def expw_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("expw")
    trees.write_expw(root)
    return root
