import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers import open_source
from keras_fer.data.readers.ferplus import expression_of
from keras_fer.data.readers.reasons import BY_PROTOCOL
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8

NO_MAJORITY = "no majority of votes"
NO_EXPRESSION = "votes for unknown or no face"


def votes(**by_name):
    return [float(by_name.get(name, 0)) for name in (*EXPRESSIONS_8, "unknown", "nf")]


@pytest.mark.parametrize(
    ("counts", "label", "soft_label"),
    [
        # Single votes are outliers: 6 of the 8 votes that are left.
        (votes(neutral=6, surprise=1, sadness=1, unknown=2), 0, [1, 0, 0, 0, 0, 0, 0, 0]),
        (votes(surprise=8, fear=2), 3, [0, 0, 0, 0.8, 0.2, 0, 0, 0]),
        # 5 of 10 is no majority, but 5 of 9 is, since the single vote does not count.
        (votes(sadness=5, anger=4, fear=1), 2, [0, 0, 5 / 9, 0, 0, 0, 4 / 9, 0]),
        (votes(neutral=5, sadness=5), None, NO_MAJORITY),
        (votes(neutral=4, anger=3, disgust=2, sadness=1), None, NO_MAJORITY),
        (votes(unknown=9, contempt=1), None, NO_EXPRESSION),
        (votes(nf=10), None, NO_EXPRESSION),
        (votes(unknown=3, neutral=3), None, NO_MAJORITY),
        (votes(**dict.fromkeys(("neutral", "fear", "anger", "unknown"), 1)), None, NO_MAJORITY),
        (votes(), None, "label is not readable"),
        (votes(neutral=float("nan")), None, "label is not readable"),
        (votes(neutral=-5, fear=10), None, "label is not readable"),
    ],
)
def test_majority_is_the_rule_of_the_authors(counts, label, soft_label):
    found = expression_of(counts, "majority")
    if label is None:
        assert found == (-1, None, soft_label)
    else:
        assert found[0] == label
        assert found[1] == pytest.approx(soft_label)
        assert found[2] is None


@pytest.mark.parametrize(
    ("counts", "label", "soft_label"),
    [
        (votes(neutral=5, sadness=5), 0, [0.5, 0, 0.5, 0, 0, 0, 0, 0]),
        (votes(neutral=4, anger=3, disgust=2, sadness=1), 0, [4 / 9, 0, 0, 0, 0, 2 / 9, 3 / 9, 0]),
        (votes(neutral=1, fear=1, anger=1, unknown=1), 0, [1 / 3, 0, 0, 0, 1 / 3, 0, 1 / 3, 0]),
    ],
)
def test_votes_keep_images_without_majority(counts, label, soft_label):
    found_label, found_soft_label, reason = expression_of(counts, "votes")
    assert (found_label, reason) == (label, None)
    assert found_soft_label == pytest.approx(soft_label)


def test_votes_for_no_expression_are_dropped_in_both_modes():
    assert expression_of(votes(unknown=4, neutral=3, fear=3), "votes") == (-1, None, NO_EXPRESSION)


def test_records(root, trees):
    trees.write_ferplus(root)
    records = list(open_source("ferplus", root))
    assert [(record.source, record.split, record.label, record.dropped) for record in records] == [
        ("FER2013Train/fer0000000.png", "train", 0, None),
        ("FER2013Train/fer0000001.png", "train", -1, NO_MAJORITY),
        ("FER2013Train/fer0000002.png", "train", 1, None),
        ("FER2013Train/fer0000003.png", "train", -1, NO_EXPRESSION),
        ("FER2013Train/fer0000004.png", "train", -1, NO_EXPRESSION),
        ("fer2013new.csv#7", "train", -1, "no image name, no usable face"),
        ("FER2013Train/fer0000005.png", "train", -1, NO_MAJORITY),
        ("FER2013Train/fer0000006.png", "train", -1, "missing file"),
        ("fer2013new.csv#10", "train", 1, "listed twice"),
        ("FER2013Valid/fer0000007.png", "test", 7, None),
        ("fer2013new.csv#12", "test", -1, "held out split"),
        ("FER2013Train/fer0000009.png", "train", -1, "label is not readable"),
        ("FER2013Train/../../outside.png", "train", -1, "path leaves the root"),
        ("fer2013new.csv#15", "train", -1, "unknown split"),
        ("fer2013new.csv#16", "train", -1, "malformed row"),
    ]


def test_images_without_a_majority_teach_and_never_judge(root, trees):
    trees.write_ferplus(root)
    by_mode = {mode: list(open_source("ferplus", root, mode=mode)) for mode in ("majority", "votes")}
    sources = [record.source for record in by_mode["majority"]]
    assert [record.source for record in by_mode["votes"]] == sources
    changed = {
        votes.source: (votes.training_only, votes.dropped)
        for majority, votes in zip(by_mode["majority"], by_mode["votes"], strict=True)
        if votes != majority
    }
    assert changed == {
        "FER2013Train/fer0000001.png": (True, None),
        "FER2013Train/fer0000005.png": (True, None),
    }


def test_images_without_a_majority_are_not_judged_by(root, trees):
    trees.write_ferplus(root)
    trees.write_text(
        root / "fer2013new.csv", trees.FERPLUS_HEADER, "PublicTest,fer0000007.png,5,5,0,0,0,0,0,0,0,0"
    )
    (record,) = open_source("ferplus", root, mode="votes")
    assert (record.split, record.dropped, record.training_only) == ("test", NO_MAJORITY, False)


def test_what_the_protocol_drops_is_no_defect():
    assert {NO_MAJORITY, NO_EXPRESSION, "held out split", "label outside the taxonomy"} <= BY_PROTOCOL
    assert not {"missing file", "malformed row", "path leaves the root"} & BY_PROTOCOL


def test_the_layout_of_the_authors_repository(root, trees):
    trees.write_ferplus(root)
    (root / "data").mkdir()
    for name in ("FER2013Train", "FER2013Valid"):
        (root / name).rename(root / "data" / name)
    assert next(iter(open_source("ferplus", root))).source == "data/FER2013Train/fer0000000.png"


def test_missing_image_folders_say_how_to_make_them(root, trees):
    trees.write_ferplus(root)
    (root / "FER2013Train").rename(root / "other")
    with pytest.raises(FERError, match=r"no folder FER2013Train: make it with .+generate_training_data\.py"):
        open_source("ferplus", root)
    (root / "other").rename(root / "FER2013Train")
    with pytest.raises(FERError, match="no folder FER2013Test"):
        open_source("ferplus", root, test_usage="PrivateTest")


def test_a_list_without_votes_names_the_columns_that_it_lacks(root, trees):
    trees.write_ferplus(root)
    trees.write_text(root / "fer2013new.csv", "Usage,Image name,neutral,NF", "Training,a.png,1,2")
    with pytest.raises(FERError, match=r"lacks the column\(s\) happiness, sadness,.+Received columns: usage"):
        open_source("ferplus", root)


CELLS = st.sampled_from(
    ["0", "10", "-1", "nan", "1e999", "", "\0", "../x", "/etc", "fer0000000.png", "Training"]
)
ROWS = st.lists(st.lists(CELLS, min_size=10, max_size=13).map(",".join), max_size=4)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from(["Training", "PublicTest"]), st.binary(max_size=20))
def test_any_list_is_records_or_one_error(ferplus_root, trees, rows, usage, tail):
    text = "\n".join([trees.FERPLUS_HEADER, *(f"{usage},{row}" for row in rows)])
    (ferplus_root / "fer2013new.csv").write_bytes(text.encode() + tail)
    for mode in ("majority", "votes"):
        with contextlib.suppress(FERError):
            sources = [record.source for record in open_source("ferplus", ferplus_root, mode=mode)]
            assert len(set(sources)) == len(sources)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=10, max_size=10))
def test_a_label_is_always_the_most_voted_expression(counts):
    for mode in ("majority", "votes"):
        label, soft_label, reason = expression_of([float(count) for count in counts], mode)
        if reason is None:
            assert counts[label] == max(counts)
            assert sum(soft_label) == pytest.approx(1)
            assert soft_label[label] == max(soft_label)


@pytest.fixture(scope="module")
def ferplus_root(tmp_path_factory, trees):
    root = tmp_path_factory.mktemp("ferplus")
    trees.write_ferplus(root)
    return root
