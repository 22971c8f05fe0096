"""Images in one folder per class, with or without a folder per split above."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from keras_fer.data.readers import reasons
from keras_fer.data.readers.folders import RootFolder, candidates, image_names, subfolders, text_name
from keras_fer.data.readers.splits import SPLIT_NAMES, official_split, split_of
from keras_fer.data.records import Record
from keras_fer.errors import FERError


@dataclass(frozen=True)
class ClassFolders:
    """Class folders found on disk.

    Args:
        folders: split name, as found, to class folder name to folder.
    """

    folders: Mapping[str, Mapping[str, Path]]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the class folders over all splits, sorted."""
        return tuple(sorted({name for classes in self.folders.values() for name in classes}))

    def require_images(self) -> None:
        """Raises `FERError` naming the first class folder that has no image."""
        for classes in self.folders.values():
            for folder in classes.values():
                if not image_names(folder):
                    raise FERError(f"The class folder {str(folder)!r} has no image: add some or remove it.")

    def records(self, root: RootFolder, label_of: Callable[[str], int]) -> Iterator[Record]:
        """Yields every image, split by split, class by class, in the order of the names.

        Args:
            root: the root of the data set.
            label_of: class folder name to label; a negative label is outside the taxonomy.
        """
        for split, classes in self.folders.items():
            written = official_split(split, self.folders)
            for class_name, folder in classes.items():
                label = label_of(class_name)
                prefix = folder.relative_to(root.path).as_posix()
                for file in image_names(folder):
                    yield _record(root, f"{prefix}/{file}", written, label)


def _record(root: RootFolder, name: str, split: str, label: int) -> Record:
    source = text_name(name)
    image, reason = root.locate(name)
    if source != name:
        reason = reasons.MALFORMED_NAME
    elif label < 0:
        reason = reason or reasons.OUTSIDE_TAXONOMY
    if reason:
        return Record(source, split, dropped=reason)
    return Record(source, split, image=image, label=label)


def find_split_folders(root: Path) -> ClassFolders | None:
    """Finds `{train,val,test}/{class}/`, in the root or one folder below it.

    Returns:
        The class folders of the splits in the order train, validation, test; None if there is no
        folder of a training split with folders in it.

    Raises:
        FERError: if two folders mean the same split.
    """
    for base in candidates(root):
        found: dict[str, Path] = {}
        for folder in subfolders(base):
            split = split_of(folder.name)
            if split in found:
                raise FERError(
                    f"Both {found[split].name!r} and {folder.name!r} in {str(base)!r} are the {split} split: "
                    "remove one."
                )
            if split:
                found[split] = folder
        classes = {split: _classes(found[split]) for split in SPLIT_NAMES if split in found}
        if classes.get("train"):
            return ClassFolders({split: folders for split, folders in classes.items() if folders})
    return None


def _classes(folder: Path) -> dict[str, Path]:
    return {child.name: child for child in subfolders(folder)}


def find_class_folders(root: Path) -> ClassFolders | None:
    """Returns the folders in a folder as classes of one training split; None if there are none."""
    classes = _classes(root)
    return ClassFolders({"train": classes}) if classes else None
