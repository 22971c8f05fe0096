"""Images listed in a CSV file, with at least a column path.

Columns: path, label[, split][, left, top, right, bottom][, valence, arousal][, subject][, soft_*].
Also the way in for the soft labels of AffectNet+ (arXiv 2410.22506): one column for each expression,
such as `soft_happiness`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_fer.data.readers import reasons
from keras_fer.data.readers.boxes import box_from_edges, valence_arousal
from keras_fer.data.readers.class_names import class_label_names
from keras_fer.data.readers.folders import RootFolder, entries, layout_error
from keras_fer.data.readers.listing import Listing
from keras_fer.data.readers.splits import (
    TEST_SHARE,
    hashed_split,
    official_split,
    require_share,
    split_of,
)
from keras_fer.data.readers.tables import Table, number, open_table
from keras_fer.data.records import Box, Record
from keras_fer.errors import FERError
from keras_fer.labels import canonical_expression

SOFT_PREFIX = "soft_"
BOX_COLUMNS = ("left", "top", "right", "bottom")
RATING_COLUMNS = ("valence", "arousal")
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class CsvReader:
    """Reads images listed in a CSV file.

    The label names are those of the `soft_` columns, else of the option `label_names`, else the
    labels in the file; if all are expressions they become the canonical ones in the canonical order.
    A row without label takes the most probable of its soft labels; with ratings only it has none.

    Args:
        root: the CSV file, or a folder with it. Paths of images are relative to its folder.
        file: name of the CSV file where the folder has several.
        label_names: for a file whose labels are numbers: what 0, 1, 2… mean, in that order.
        test_share: for a file where no row states a split, the share of the subjects, or of the images
            where no subject is known, that becomes the test split, in [0, 1), chosen by a hash.

    Raises:
        FERError: if the file, a column, or the meaning of the labels is missing.
    """

    root: Path
    file: str = ""
    label_names: tuple[str, ...] = ()
    test_share: float = TEST_SHARE
    name: str = field(default="csv", init=False)
    release: str = field(init=False)
    _table: Table = field(init=False, repr=False)
    _labels: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _splits: frozenset[str] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_share(self.test_share)
        table = open_table(_find_file(self.root, self.file))
        table.require(("path",), "images")
        for group in (BOX_COLUMNS, RATING_COLUMNS):
            if set(group) & set(table.columns):
                table.require(group, "images")
        if not {"label", *RATING_COLUMNS} & set(table.columns) and not _soft_columns(table):
            table.require(("label",), "images")
        texts, splits = _scan(table)
        label_names, labels = _label_names(table, texts, self.label_names)
        object.__setattr__(self, "label_names", label_names)
        object.__setattr__(self, "release", f"csv with columns {', '.join(filter(None, table.columns))}")
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_labels", labels)
        object.__setattr__(self, "_splits", splits)

    def __iter__(self) -> Iterator[Record]:
        folder, listing = RootFolder(self._table.path.parent), Listing()
        for row_number, cells in self._table.rows():
            row_source = f"{self._table.path.name}#{row_number}"
            if cells is None or not cells["path"]:
                record = Record(row_source, "train", dropped=reasons.MALFORMED_ROW)
            else:
                record = self._record(folder, cells)
            yield listing.add(record, row_source)

    def _record(self, folder: RootFolder, cells: Mapping[str, str]) -> Record:
        relative = PurePosixPath(cells["path"].replace("\\", "/")).as_posix()
        subject = cells.get("subject") or None
        split = self._split(cells, subject or relative)
        ratings = valence_arousal(*(number(cells.get(name, "")) for name in RATING_COLUMNS))
        soft_label, reason = self._soft_label(cells)
        label, box = -1, None
        if split is None:
            split, reason = "train", reasons.UNKNOWN_SPLIT
        if reason is None and (cells.get("label") or soft_label or all(map(math.isnan, ratings))):
            label, reason = self._label(cells.get("label", ""), soft_label)
        image = None
        if reason is None:
            image, reason = folder.locate(relative)
        if reason is None:
            box, reason = _box(cells)
        if reason is not None:
            return Record(relative, split, dropped=reason)
        return Record(
            relative,
            split,
            image=image,
            label=label,
            box=box,
            soft_label=soft_label,
            valence_arousal=ratings if RATING_COLUMNS[0] in cells else None,
            subject=subject,
        )

    def _split(self, cells: Mapping[str, str], group: str) -> str | None:
        if self._splits is None:
            return hashed_split(group, self.test_share)
        split = split_of(cells["split"])
        return None if split is None else official_split(split, self._splits)

    def _label(self, text: str, soft_label: tuple[float, ...] | None) -> tuple[int, str | None]:
        if text:
            if text in self._labels:
                return self._labels[text], None
            name = canonical_expression(text)
            return (
                (self.label_names.index(name), None)
                if name in self.label_names
                else (-1, reasons.UNKNOWN_CLASS)
            )
        if soft_label is not None:
            return soft_label.index(max(soft_label)), None
        return -1, reasons.MALFORMED_LABEL

    def _soft_label(self, cells: Mapping[str, str]) -> tuple[tuple[float, ...] | None, str | None]:
        columns = _soft_columns(self._table)
        if not any(cells[column] for column in columns):
            return None, None
        shares = [0.0] * len(self.label_names)
        for column in columns:
            shares[self._labels[column.removeprefix(SOFT_PREFIX)]] = number(cells[column])
        total = sum(shares)
        if not all(share >= 0 for share in shares) or not 0 < total < float("inf"):
            return None, reasons.MALFORMED_SOFT_LABEL
        return tuple(share / total for share in shares), None


def _find_file(root: Path, file: str) -> Path:
    if os.path.isfile(root):
        return root
    folder = RootFolder(root)
    if file:
        path, reason = folder.locate(file)
        if path is None:
            raise FERError(f"There is no file {file!r} in {str(root)!r}: {reason}.")
        return path
    found = [Path(entry.path) for entry in entries(root) if entry.name.lower().endswith(".csv")]
    if not found:
        raise layout_error("csv", root, "a csv file with the columns path,label")
    if len(found) > 1:
        raise FERError(
            f"{str(root)!r} has several csv files, {', '.join(path.name for path in found[:8])}: "
            "name one with the option 'file'."
        )
    return found[0]


def _soft_columns(table: Table) -> list[str]:
    return [column for column in table.columns if column.startswith(SOFT_PREFIX)]


def _scan(table: Table) -> tuple[set[str], frozenset[str] | None]:
    """Returns the label texts and the splits that occur in the file, None where no row states any."""
    texts: set[str] = set()
    splits: set[str] = set()
    for _, cells in table.rows():
        if cells is None:
            continue
        texts.add(cells.get("label", ""))
        splits.add(cells.get("split", ""))
        if len(texts) > _MOST_CLASSES:
            raise FERError(
                f"{str(table.path)!r} has more than {_MOST_CLASSES} labels: the column 'label' must hold "
                "the name of a class."
            )
    stated = frozenset(split for split in map(split_of, splits) if split) if splits - {""} else None
    return texts - {""}, stated


def _label_names(
    table: Table, texts: set[str], given: tuple[str, ...]
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Returns the label names, and the label of every text that means one of them."""
    where = repr(str(table.path))
    soft_names = [column.removeprefix(SOFT_PREFIX) for column in _soft_columns(table)]
    if len(set(given)) < len(given):
        raise FERError(f"The option 'label_names' names a class twice. Received: {', '.join(given)}")
    if soft_names or given:
        label_names, labels = class_label_names(soft_names or given, where)
    elif texts or "label" in table.columns:
        meanings = {text: canonical_expression(text) for text in texts}
        names = meanings.values() if all(meanings.values()) else texts
        label_names, labels = class_label_names({str(name) for name in names}, where)
    else:
        label_names, labels = (), {}
    for position, name in enumerate(given):
        if name not in labels:
            raise FERError(f"The option 'label_names' has {name!r}, which is no soft_ column of {where}.")
        labels[str(position)] = labels[name]
    if soft_names and not given and any(text.isdigit() for text in texts):
        raise FERError(
            f"The labels of {where} are numbers: say what they mean with the option 'label_names'."
        )
    return label_names, labels


def _box(cells: Mapping[str, str]) -> tuple[Box | None, str | None]:
    if not any(cells.get(name) for name in BOX_COLUMNS):
        return None, None
    left, top, right, bottom = (cells[name] for name in BOX_COLUMNS)
    return box_from_edges(left, top, right, bottom)
