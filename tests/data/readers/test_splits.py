import pytest

from keras_fer.data.readers.splits import hashed_split, official_split, require_share, split_of
from keras_fer.errors import FERError


@pytest.mark.parametrize(
    ("name", "split"),
    [("VAL", "validation"), (" train_set", "train"), ("testing", "test"), ("x", None), ("", None)],
)
def test_split_names(name, split):
    assert split_of(name) == split


def test_validation_is_the_test_split_where_there_is_no_other():
    assert official_split("validation", {"train", "validation"}) == "test"
    assert official_split("validation", {"train", "validation", "test"}) == "validation"
    assert official_split("train", {"train"}) == "train"


def test_hashed_split_is_fixed():
    # SHA-256 of "0" begins with 5f, of "1" with 6b, of "2" with d4: shares of .37, .42, .83.
    assert [hashed_split(name, 0.4) for name in "012"] == ["test", "train", "train"]
    assert [hashed_split(name, 0.9) for name in "012"] == ["test", "test", "test"]
    assert hashed_split("\udcff", 0.0) == "train"


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_shares_that_are_none(share):
    with pytest.raises(FERError, match=r"must be in \[0, 1\)"):
        require_share(share)
