"""RAF-DB, basic expressions (Li, Deng and Du, CVPR 2017): 15,339 faces, 7 expressions.

Found as its authors lay it out, `Image/aligned/train_00001_aligned.jpg` with
`EmoLabel/list_patition_label.txt` (the missing letter is theirs), or as class folders
`{train,test}/{1..7}`.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_fer.data.readers import reasons
from keras_fer.data.readers.class_folders import ClassFolders, find_split_folders
from keras_fer.data.readers.folders import RootFolder, candidates, layout_error
from keras_fer.data.readers.listing import Listing
from keras_fer.data.readers.tables import text_lines
from keras_fer.data.records import Record
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7, canonical_expression

CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
LIST_NAMES = ("EmoLabel/list_patition_label.txt", "EmoLabel/list_partition_label.txt")
_LOOKED_FOR = f"{LIST_NAMES[0]} with Image/aligned/; train/ and test/ with the class folders 1 to 7"


@dataclass(frozen=True)
class RafDbReader:
    """Reads RAF-DB: the aligned faces with their basic expressions.

    Args:
        root: folder of the data set, or of its part `basic`.

    Raises:
        FERError: if neither layout is there, or a class folder is missing or has no image.
    """

    root: Path
    name: str = field(default="rafdb", init=False)
    label_names: tuple[str, ...] = field(default=EXPRESSIONS_7, init=False)
    release: str = field(init=False)
    _list: Path | None = field(init=False, repr=False)
    _folders: ClassFolders | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        RootFolder(self.root)
        lists = (base / name for base in candidates(self.root) for name in LIST_NAMES)
        path, folders = next((path for path in lists if path.is_file()), None), None
        if path is None:
            folders = find_split_folders(self.root)
            if folders is None:
                raise layout_error("rafdb", self.root, _LOOKED_FOR)
            _require_classes(folders)
        elif not (path.parent.parent / "Image" / "aligned").is_dir():
            raise FERError(
                f"{str(path)!r} is there but {str(path.parent.parent / 'Image/aligned')!r} is not."
            )
        object.__setattr__(self, "_list", path)
        object.__setattr__(self, "_folders", folders)
        object.__setattr__(self, "release", "class folders" if folders else "aligned images with label list")

    def __iter__(self) -> Iterator[Record]:
        folder = RootFolder(self.root)
        if self._folders is not None:
            yield from self._folders.records(folder, _label)
        elif self._list is not None:
            yield from self._list_records(folder, self._list)

    def _list_records(self, folder: RootFolder, path: Path) -> Iterator[Record]:
        listing, list_source = Listing(), folder.source(path)
        prefix = (path.parent.parent / "Image" / "aligned").relative_to(self.root).as_posix()
        for number, line in text_lines(path):
            row_source, parts = f"{list_source}#{number}", line.split()
            split = parts[0].split("_")[0] if parts else ""
            if len(parts) != 2:
                record = Record(row_source, "train", dropped=reasons.MALFORMED_ROW)
            elif split not in ("train", "test"):
                record = Record(row_source, "train", dropped=reasons.UNKNOWN_SPLIT)
            else:
                relative = PurePosixPath(prefix, _aligned(parts[0])).as_posix()
                record = _record(folder, relative, split, parts[1])
            yield listing.add(record, row_source)


def _aligned(image_name: str) -> str:
    stem, suffix = posixpath.splitext(image_name)
    return image_name if stem.endswith("_aligned") else f"{stem}_aligned{suffix}"


def _record(folder: RootFolder, relative: str, split: str, label_text: str) -> Record:
    label = _label(label_text)
    if label < 0:
        return Record(relative, split, dropped=reasons.MALFORMED_LABEL)
    image, reason = folder.locate(relative)
    if reason is not None:
        return Record(relative, split, dropped=reason)
    return Record(relative, split, image=image, label=label)


def _expression(text: str) -> str | None:
    """Returns the expression that an id of RAF-DB (1 to 7) or a name means, or None."""
    ids = {str(position): name for position, name in enumerate(CLASSES, start=1)}
    name = ids.get(text.strip()) or canonical_expression(text)
    return name if name in CLASSES else None


def _label(text: str) -> int:
    name = _expression(text)
    return -1 if name is None else EXPRESSIONS_7.index(name)


def _require_classes(folders: ClassFolders) -> None:
    for split, classes in folders.folders.items():
        if sorted(_expression(name) or name for name in classes) != sorted(CLASSES):
            raise FERError(
                f"The {split} part of rafdb must have one folder for each of the ids 1 to 7. "
                f"Found: {', '.join(classes)}"
            )
    folders.require_images()
