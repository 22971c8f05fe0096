"""AffectNet, the CSV release of 2017: whole photos with a face box and 68 landmarks for each row.

`training.csv`, `validation.csv` and `automatically_annotated.csv`, in the root or in
`*_Annotated_file_lists/`, with or without a header; photos below `Manually_Annotated_Images/` and
`Automatically_Annotated_Images/`.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from keras_fer.data.readers import reasons
from keras_fer.data.readers.affectnet_labels import affectnet_label
from keras_fer.data.readers.boxes import (
    box_from_size,
    box_of_landmarks,
    landmarks,
    roll_degrees,
    valence_arousal,
)
from keras_fer.data.readers.folders import RootFolder, candidates
from keras_fer.data.readers.listing import Listing
from keras_fer.data.readers.tables import Table, number, open_table
from keras_fer.data.records import Record
from keras_fer.errors import FERError

COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
PATH, LANDMARKS = "subdirectory_filepath", "facial_landmarks"
BOX_COLUMNS = ("face_x", "face_y", "face_width", "face_height")
_LIST_FOLDERS = ("", "Manually_Annotated_file_lists", "Automatically_Annotated_file_lists")
_NUM_TRIED = 50


@dataclass(frozen=True)
class ImageList:
    """One list of the release: its split, its rows, and the folder that its paths start from."""

    split: str
    table: Table
    prefix: str


@dataclass(frozen=True)
class CsvRelease:
    """The CSV release below a folder; iterates over its records, the test list first.

    That order decides which one stays where an image is listed twice: the test split stays whole.
    """

    folder: RootFolder
    lists: tuple[ImageList, ...]
    label_names: tuple[str, ...]
    box_of_landmarks: bool
    release: str
    has_automatic: bool
    has_landmarks: bool

    def __iter__(self) -> Iterator[Record]:
        listing = Listing()
        for image_list in self.lists:
            list_source = self.folder.source(image_list.table.path)
            for row_number, cells in image_list.table.rows():
                row_source = f"{list_source}#{row_number}"
                if cells is None or not cells[PATH]:
                    record = Record(row_source, image_list.split, dropped=reasons.MALFORMED_ROW)
                else:
                    record = self._record(_joined(image_list.prefix, cells[PATH]), image_list, cells)
                yield listing.add(record, row_source)

    def _record(self, relative: str, image_list: ImageList, cells: Mapping[str, str]) -> Record:
        label, reason = affectnet_label(cells["expression"], self.label_names)
        image, box = None, None
        if reason is None:
            image, reason = self.folder.locate(relative)
        points = landmarks([number(text) for text in cells.get(LANDMARKS, "").split(";")])
        if reason is None and self.box_of_landmarks:
            box, reason = box_of_landmarks(points)
        elif reason is None and BOX_COLUMNS[0] in cells:
            box, reason = box_from_size(*(cells[name] for name in BOX_COLUMNS))
        if reason is not None:
            return Record(relative, image_list.split, dropped=reason)
        ratings = [number(cells.get(name, "")) for name in ("valence", "arousal")]
        return Record(
            relative,
            image_list.split,
            image=image,
            label=label,
            box=box,
            valence_arousal=valence_arousal(*ratings),
            factors={"roll": roll_degrees(points)} if self.has_landmarks else {},
        )


def _joined(prefix: str, path: str) -> str:
    # An absolute path stays absolute, so that it is refused instead of looked for below the root.
    return PurePosixPath(prefix, path.replace("\\", "/")).as_posix()


def find_csv_release(
    folder: RootFolder, label_names: tuple[str, ...], box_of_landmarks: bool, automatic: bool
) -> CsvRelease | None:
    """Finds the CSV release in the root or one folder below it; None if there is no `training.csv`.

    Raises:
        FERError: if a list cannot be read, lacks a column, or none of its first photos is there.
    """
    names = {"validation.csv": "test", "training.csv": "train"}
    if automatic:
        names["automatically_annotated.csv"] = "train"
    paths = {name: path for name in names if (path := _find_list(folder.path, name)) is not None}
    if "training.csv" not in paths:
        return None
    lists = [_image_list(folder, paths[name], split) for name, split in names.items() if name in paths]
    columns = [set(image_list.table.columns) for image_list in lists]
    kinds = [
        "manually and automatically annotated"
        if "automatically_annotated.csv" in paths
        else "manually annotated",
        "" if all(set(BOX_COLUMNS) <= names for names in columns) else "without boxes",
        "" if all(image_list.table.has_header for image_list in lists) else "without header",
    ]
    return CsvRelease(
        folder,
        tuple(lists),
        label_names,
        box_of_landmarks,
        release=f"CSV release (2017), {', '.join(kind for kind in kinds if kind)}",
        has_automatic="automatically_annotated.csv" in paths,
        has_landmarks=all(LANDMARKS in names for names in columns),
    )


def _find_list(root: Path, name: str) -> Path | None:
    places = (base / folder / name for base in candidates(root) for folder in _LIST_FOLDERS)
    return next((path for path in places if path.is_file()), None)


def _image_list(folder: RootFolder, path: Path, split: str) -> ImageList:
    table = open_table(path, COLUMNS)
    table.require((PATH, "expression"), "AffectNet images")
    if set(BOX_COLUMNS) & set(table.columns):
        table.require(BOX_COLUMNS, "AffectNet images")
    kind = "Automatically" if path.name.startswith("automatically") else "Manually"
    base = path.parent if path.parent.name not in _LIST_FOLDERS else path.parent.parent
    places = [
        base / f"{kind}_Annotated_Images",
        base / f"{kind}_Annotated" / f"{kind}_Annotated_Images",
        base / f"{kind}_Annotated",
        base / f"{kind}_Annotated_compressed",
        base,
        path.parent,
    ]
    rows = [cells for _, cells in itertools.islice(table.rows(), _NUM_TRIED) if cells]
    for place in places:
        prefix = place.relative_to(folder.path).as_posix()
        if any(folder.locate(_joined(prefix, cells[PATH]))[0] for cells in rows):
            return ImageList(split, table, prefix)
    raise FERError(
        f"None of the first images of {str(path)!r} is there. Looked in: "
        f"{', '.join(str(place) for place in places[:-1])}"
    )
