"""Any images in one folder per class: `{train,val,test}/{class}/` or `{class}/`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_fer.data.readers.class_folders import ClassFolders, find_class_folders, find_split_folders
from keras_fer.data.readers.class_names import class_label_names
from keras_fer.data.readers.folders import RootFolder, layout_error
from keras_fer.data.readers.splits import TEST_SHARE, hashed_split, require_share
from keras_fer.data.records import Record
from keras_fer.errors import FERError


@dataclass(frozen=True)
class FolderReader:
    """Reads class folders of any names.

    Names that are all expressions, in any case and by any alias, become the canonical label names in
    the canonical order; other names are kept, sorted. Without a folder `test` the folder `val` is the
    test split.

    Args:
        root: folder with the class folders, or with one folder per split that holds them.
        test_share: without a folder `val` or `test`, the share of the images that become the test split,
            in [0, 1), chosen by a hash of their names.

    Raises:
        FERError: if there are no class folders, or one of them has no image.
    """

    root: Path
    test_share: float = TEST_SHARE
    name: str = field(default="folder", init=False)
    label_names: tuple[str, ...] = field(init=False)
    release: str = field(init=False)
    _folders: ClassFolders = field(init=False, repr=False)
    _labels: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_share(self.test_share)
        RootFolder(self.root)
        folders = find_split_folders(self.root)
        release = "class folders per split"
        if folders is None:
            folders, release = find_class_folders(self.root), "class folders without splits"
        if folders is None:
            raise layout_error("folder", self.root, "{train,val,test}/{class}/images; {class}/images")
        folders.require_images()
        label_names, labels = class_label_names(folders.class_names, f"The folder {str(self.root)!r}")
        if missing := [name for name in folders.class_names if name not in folders.folders["train"]]:
            raise FERError(f"The classes {', '.join(missing)} of {str(self.root)!r} have no training images.")
        object.__setattr__(self, "label_names", label_names)
        object.__setattr__(self, "release", release)
        object.__setattr__(self, "_folders", folders)
        object.__setattr__(self, "_labels", labels)

    def __iter__(self) -> Iterator[Record]:
        folder = RootFolder(self.root)
        for record in self._folders.records(folder, self._labels.__getitem__):
            if len(self._folders.folders) == 1:
                split = hashed_split(PurePosixPath(record.source).name, self.test_share)
                record = Record(record.source, split, record.image, record.label, dropped=record.dropped)
            yield record
