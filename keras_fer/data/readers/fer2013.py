"""FER2013 (arXiv 1307.0414): 35,887 gray faces of 48×48 pixels, 7 expressions.

Found as class folders, `train/angry/Training_3908.jpg`, or as the csv of the challenge with columns
emotion, pixels, Usage; `icml_face_data.csv` (blanks in its header) and `train.csv` (no Usage) too.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from keras_fer.data.readers import reasons
from keras_fer.data.readers.class_folders import ClassFolders, find_split_folders
from keras_fer.data.readers.folders import (
    RootFolder,
    candidates,
    entries,
    layout_error,
    require_choice,
)
from keras_fer.data.readers.tables import Table, number, open_table
from keras_fer.data.records import Record
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7, canonical_expression

USAGES = ("Training", "PublicTest", "PrivateTest")
CSV_CLASSES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
IMAGE_SIZE = 48
_LOOKED_FOR = "train/ and test/ with the class folders angry, disgust, ...; a csv with emotion,pixels,Usage"


def usage_split(usage: str, test_usage: str) -> str | None:
    """Returns the split of a part of FER2013, or None if the part is held out.

    Args:
        usage: one of `USAGES`.
        test_usage: the part that is the test set. With `"PublicTest"` the private part is held out;
            with `"PrivateTest"` the public part is the validation split, as in the challenge.
    """
    if usage == "Training":
        return "train"
    if usage == test_usage:
        return "test"
    return "validation" if usage == "PublicTest" else None


@dataclass(frozen=True)
class Fer2013Reader:
    """Reads FER2013.

    Args:
        root: folder with the class folders or the csv.
        test_usage: `"PublicTest"` (PrivateTest rows are dropped as held out) or `"PrivateTest"`
            (PublicTest becomes the validation split).

    Raises:
        FERError: if neither layout is there, or a class folder is missing or has no image.
    """

    root: Path
    test_usage: str = "PublicTest"
    name: str = field(default="fer2013", init=False)
    label_names: tuple[str, ...] = field(default=EXPRESSIONS_7, init=False)
    release: str = field(init=False)
    _folders: ClassFolders | None = field(init=False, repr=False)
    _table: Table | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_choice("test_usage", self.test_usage, USAGES[1:])
        RootFolder(self.root)
        folders, table = find_split_folders(self.root), None
        if folders:
            _require_classes(folders)
        else:
            table = find_pixel_table(self.root)
            if table is None:
                raise layout_error("fer2013", self.root, _LOOKED_FOR)
        object.__setattr__(self, "_folders", folders)
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "release", "class folders" if folders else "csv with pixels")

    def __iter__(self) -> Iterator[Record]:
        found_test = False
        for record in self._records():
            found_test = found_test or (record.split == "test" and record.dropped is None)
            yield record
        if self.test_usage == "PrivateTest" and not found_test:
            raise FERError(f"{str(self.root)!r} has no PrivateTest images: use test_usage=PublicTest.")

    def _records(self) -> Iterator[Record]:
        if self._folders is not None:
            yield from self._folder_records(self._folders)
        elif self._table is not None:
            yield from self._csv_records(self._table)

    def _folder_records(self, folders: ClassFolders) -> Iterator[Record]:
        for record in folders.records(RootFolder(self.root), _label):
            usage = record.source.rsplit("/", 1)[-1].split("_")[0]
            yield self._in_split(record, usage) if usage in USAGES else record

    def _csv_records(self, table: Table) -> Iterator[Record]:
        list_source = RootFolder(self.root).source(table.path)
        for row_number, cells in table.rows():
            source = f"{list_source}#{row_number}"
            if cells is None:
                yield Record(source, "train", dropped=reasons.MALFORMED_ROW)
                continue
            usage = cells.get("usage", "Training")
            label = number(cells["emotion"])
            pixels = parse_pixels(cells["pixels"])
            if usage not in USAGES:
                yield Record(source, "train", dropped=reasons.UNKNOWN_SPLIT)
            elif label not in range(len(CSV_CLASSES)):
                yield self._in_split(Record(source, "train", dropped=reasons.MALFORMED_LABEL), usage)
            elif pixels is None:
                yield self._in_split(Record(source, "train", dropped=reasons.MALFORMED_PIXELS), usage)
            else:
                record = Record(source, "train", image=pixels, label=_label(CSV_CLASSES[int(label)]))
                yield self._in_split(record, usage)

    def _in_split(self, record: Record, usage: str) -> Record:
        split = usage_split(usage, self.test_usage)
        if split is None:
            return Record(record.source, "test", dropped=reasons.HELD_OUT)
        return dataclasses.replace(record, split=split)


def _label(class_name: str) -> int:
    return EXPRESSIONS_7.index(canonical_expression(class_name) or class_name)


def _require_classes(folders: ClassFolders) -> None:
    for split, classes in folders.folders.items():
        found = [canonical_expression(name) or name for name in classes]
        if sorted(found) != sorted(EXPRESSIONS_7):
            raise FERError(
                f"The {split} part of fer2013 must have one folder for each of {', '.join(EXPRESSIONS_7)}. "
                f"Found: {', '.join(classes)}"
            )
    folders.require_images()


def find_pixel_table(root: Path) -> Table | None:
    """Finds a csv with the columns emotion and pixels in the root or one folder below it.

    Raises:
        FERError: if a csv there cannot be read.
    """
    for base in candidates(root):
        for entry in entries(base):
            if entry.name.lower().endswith(".csv") and entry.is_file():
                table = open_table(Path(entry.path))
                if {"emotion", "pixels"} <= set(table.columns):
                    table.require(("emotion", "pixels"), "FER2013 pixels")
                    return table
    return None


def parse_pixels(text: str) -> np.ndarray | None:
    """Returns the pixels of one row, uint8 `(48, 48)`, or None if they are not 2,304 such values."""
    try:
        values = bytes(map(int, text.split()))
    except ValueError:
        return None
    if len(values) != IMAGE_SIZE**2:
        return None
    return np.frombuffer(bytearray(values), np.uint8).reshape(IMAGE_SIZE, IMAGE_SIZE)
