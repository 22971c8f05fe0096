import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.errors import FERError


def table(root, trees, *rows, images=("0.png", "1.png")):
    for name in images:
        trees.write_image(root / name)
    return trees.write_text(root / "list.csv", *rows)


def test_records(root, trees):
    trees.write_csv(root)
    reader = open_source("csv", root)
    assert reader.label_names == ("happiness", "sadness")
    records = list(reader)
    assert [(record.source, record.label, record.dropped) for record in records] == [
        ("images/0.png", 0, None),
        ("images/1.png", 1, None),
        ("images/2.png", 1, None),
        ("list.csv#5", 0, "listed twice"),
        ("list.csv#6", 1, None),
        ("list.csv#7", -1, "label that is none of the classes"),
        ("list.csv#8", -1, "listed twice"),
        ("list.csv#9", -1, "label is not readable"),
        ("list.csv#10", -1, "soft label is not readable"),
        ("list.csv#11", -1, "no face box"),
        ("list.csv#12", -1, "unknown split"),
        ("images/9.png", -1, "missing file"),
        ("../images/0.png", -1, "path leaves the root"),
        ("list.csv#15", -1, "malformed row"),
        ("list.csv#16", -1, "malformed row"),
    ]
    first, second, third = records[:3]
    assert first.box == (1, 2, 30, 31)
    assert first.soft_label == (0.75, 0.25)
    assert first.valence_arousal == (0.5, -0.5)
    assert first.subject == "anna"
    assert second.box is None
    assert all(math.isnan(rating) for rating in second.valence_arousal)
    assert third.split == "test"
    assert third.soft_label is None


def test_the_file_itself_can_be_the_root(root, trees):
    trees.write_csv(root)
    assert len(list(open_source("csv", root / "list.csv"))) == 15


def test_a_row_with_ratings_only_has_no_label(root, trees):
    table(root, trees, "path,label,valence,arousal", "0.png,happy,0,0", "1.png,,0.5,NULL", "1.png,sad,0,0")
    record = list(open_source("csv", root))[1]
    assert (record.label, record.dropped) == (-1, None)
    assert record.valence_arousal[0] == 0.5


def test_labels_of_other_names_are_kept_sorted(root, trees):
    table(root, trees, "path,label", "0.png,cat", "1.png,Ape")
    reader = open_source("csv", root)
    assert reader.label_names == ("Ape", "cat")
    assert [record.label for record in reader] == [1, 0]


def test_aliases_of_one_expression_are_one_class(root, trees):
    table(
        root, trees, "path,label", "0.png,Happy", "1.png,joy", "2.png,sad", images=("0.png", "1.png", "2.png")
    )
    reader = open_source("csv", root)
    assert reader.label_names == ("happiness", "sadness")
    assert [record.label for record in reader] == [0, 0, 1]


def test_numbers_are_mapped_by_the_names_given(root, trees):
    table(root, trees, "path,label", "0.png,0", "1.png,1")
    reader = open_source("csv", root, label_names="sad,neutral")
    assert reader.label_names == ("neutral", "sadness")
    assert [record.label for record in reader] == [1, 0]


def test_soft_columns_with_numbers_need_names(root, trees):
    rows = ("path,label,soft_sad,soft_happy", "0.png,0,1,3", "1.png,1,3,1")
    table(root, trees, *rows)
    with pytest.raises(FERError, match="are numbers: say what they mean with the option 'label_names'"):
        open_source("csv", root)
    assert [record.label for record in open_source("csv", root, label_names="happy,sad")] == [0, 1]
    with pytest.raises(FERError, match="has 'anger', which is no soft_ column"):
        open_source("csv", root, label_names="happy,anger")
    with pytest.raises(FERError, match="names a class twice"):
        open_source("csv", root, label_names="happy,happy")


def test_eight_soft_columns_are_the_canonical_taxonomy(root, trees):
    """The way in for AffectNet+: columns in any order, names in any form."""
    names = ("anger", "contempt", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    header = ",".join(["path", *(f"soft_{name}" for name in names)])
    table(root, trees, header, "0.png,.1,0,0,0,.7,.2,0,0")
    [record] = open_source("csv", root)
    assert record.label == 1
    assert record.soft_label == pytest.approx((0.2, 0.7, 0, 0, 0, 0, 0.1, 0))


def test_without_splits_a_subject_is_in_one_split(root, trees):
    rows = [f"{number}.png,{'happy' if number % 2 else 'sad'},{number // 4}" for number in range(400)]
    table(root, trees, "path,label,subject", *rows)
    splits = [record.split for record in open_source("csv", root)]
    assert all(len(set(splits[start : start + 4])) == 1 for start in range(0, 400, 4))
    assert 0.05 < splits.count("test") / 400 < 0.3


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("test", ("test", None)),
        ("train", ("train", None)),
        ("val", ("test", None)),
        ("holdout", ("train", "unknown split")),
    ],
)
def test_a_single_split_is_taken_as_stated(root, trees, stated, read):
    rows = [f"{number}.png,{'happy' if number % 2 else 'sad'},{stated}" for number in range(60)]
    table(root, trees, "path,label,split", *rows, images=[f"{number}.png" for number in range(60)])
    assert {(record.split, record.dropped) for record in open_source("csv", root)} == {read}


def test_a_row_of_no_known_split_beside_a_single_one_is_dropped(root, trees):
    table(root, trees, "path,label,split", "0.png,happy,train", "1.png,sad,holdout", "2.png,sad,")
    assert [record.dropped for record in open_source("csv", root)] == [None, "unknown split", "unknown split"]


def test_an_empty_column_states_no_split(root, trees):
    rows = [f"{number}.png,{'happy' if number % 2 else 'sad'}," for number in range(60)]
    table(root, trees, "path,label,split", *rows)
    assert {record.split for record in open_source("csv", root)} == {"train", "test"}


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "is empty"),
        (("label", "happy"), r"lacks the column\(s\) path"),
        (("path", "0.png"), r"lacks the column\(s\) label"),
        (("path,label,left,top,right", "0.png,happy,1,2,3"), r"lacks the column\(s\) bottom"),
        (("path,label,valence", "0.png,happy,1"), r"lacks the column\(s\) arousal"),
        (("path,label,LABEL", "0.png,happy,sad"), r"names the column\(s\) label more than once"),
        (("path,label", "0.png,happy"), "at least two classes. Found: happiness"),
        (("path,label", *(f"0.png,{number}" for number in range(1002))), "more than 1000 labels"),
        (("path,label", '0.png,"happy', "1.png,sad"), "is not valid CSV after row 1"),
        (("path,label", '0.png,"hap"py'), "is not valid CSV after row 1"),
    ],
)
def test_files_that_are_no_list(root, trees, lines, message):
    trees.write_text(root / "list.csv", *lines)
    with pytest.raises(FERError, match=message):
        open_source("csv", root)


def test_several_files_need_a_choice(root, trees):
    trees.write_csv(root)
    trees.write_text(root / "other.csv", "path,label", "images/0.png,cat", "images/1.png,dog")
    with pytest.raises(FERError, match=r"several csv files, list\.csv, other\.csv: name one with the option"):
        open_source("csv", root)
    assert open_source("csv", root, file="other.csv").label_names == ("cat", "dog")
    with pytest.raises(FERError, match=r"no file 'none\.csv'"):
        open_source("csv", root, file="none.csv")
    with pytest.raises(FERError, match="path leaves the root"):
        open_source("csv", root, file="../x.csv")


def test_a_huge_cell_is_refused(root, trees):
    trees.write_text(root / "list.csv", "path,label", "x" * 200_000 + ",happy", "1.png,sad")
    with pytest.raises(FERError, match="is not valid CSV after row 1: field larger"):
        open_source("csv", root)


CELLS = st.one_of(
    st.sampled_from(
        [
            "0.png",
            "./0.png",
            "list.csv#3",
            "happy",
            "sad",
            "train",
            "val",
            "-1",
            "1e999",
            "nan",
            "",
            "\0",
            '"',
        ]
    ),
    st.text(max_size=4),
)
HEADERS = st.permutations(
    [
        "path",
        "label",
        "split",
        "left",
        "top",
        "right",
        "bottom",
        "valence",
        "arousal",
        "subject",
        "soft_a",
        "soft_b",
    ]
).flatmap(lambda names: st.integers(1, 12).map(lambda count: names[:count]))


@settings(max_examples=60, deadline=None)
@given(
    HEADERS,
    st.lists(st.lists(CELLS, min_size=1, max_size=13).map(",".join), max_size=6),
    st.binary(max_size=20),
)
def test_any_file_is_records_or_one_error(csv_root, header, rows, tail):
    text = "\n".join([",".join(header), *rows])
    (csv_root / "list.csv").write_bytes(text.encode("utf-8", "replace") + tail)
    try:
        reader = open_source("csv", csv_root)
        records = list(reader)
    except FERError:
        return
    assert len({record.source for record in records}) == len(records)
    for record in records:
        assert -1 <= record.label < max(len(reader.label_names), 1)
        assert record.soft_label is None or sum(record.soft_label) == pytest.approx(1)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=100))
def test_any_bytes_are_records_or_one_error(csv_root, content):
    (csv_root / "list.csv").write_bytes(content)
    with contextlib.suppress(FERError):
        list(open_source("csv", csv_root))


@pytest.fixture(scope="module")
def csv_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("csv")
    trees.write_image(root / "0.png")
    return root
