"""The splits of a data set: what its folders and lists call them, and a fixed one where it has none."""

import hashlib
from collections.abc import Collection

from keras_fer.errors import FERError

SPLIT_NAMES = {
    "train": ("train", "training", "train_set", "train_class"),
    "validation": ("validation", "val", "valid", "val_set", "val_class", "dev"),
    "test": ("test", "testing", "test_set", "test_class"),
}
_SPLITS = {alias: split for split, aliases in SPLIT_NAMES.items() for alias in aliases}

TEST_SHARE = 0.15


def split_of(name: str) -> str | None:
    """Returns the split that a data set's name for it means, such as `"val"`, or None."""
    return _SPLITS.get(name.strip().lower())


def official_split(split: str, splits: Collection[str]) -> str:
    """Returns the split as records carry it.

    A data set that has a validation but no test part is compared on its validation part: that is
    its test set, and the part for early stopping is carved from the training part later.

    Args:
        split: the split by the data set.
        splits: all splits that the data set has.
    """
    return "test" if split == "validation" and "test" not in splits else split


def hashed_split(group: str, test_share: float) -> str:
    """Returns `"train"` or `"test"` for data without official splits: a function of the name only.

    Args:
        group: what must not be torn apart, such as the photo that holds several faces.
        test_share: share of the groups that become test, in [0, 1).
    """
    draw = int.from_bytes(hashlib.sha256(group.encode("utf-8", "backslashreplace")).digest()[:8], "big")
    return "test" if draw < test_share * 2**64 else "train"


def require_share(test_share: float) -> None:
    """Raises `FERError` unless `test_share` is in [0, 1)."""
    if not 0 <= test_share < 1:
        raise FERError(f"The option 'test_share' must be in [0, 1). Received: test_share={test_share}")
