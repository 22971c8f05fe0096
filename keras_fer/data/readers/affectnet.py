"""AffectNet (arXiv 1708.03985): faces from the web with expression, valence and arousal.

Three layouts, detected: the npy release of 2021 (`affectnet_npy`), the CSV release of 2017
(`affectnet_csv`), and class folders by id or name. The official validation part is the test split,
since there is no public test set.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_fer.data.readers.affectnet_csv import find_csv_release
from keras_fer.data.readers.affectnet_labels import affectnet_class
from keras_fer.data.readers.affectnet_npy import find_npy_release
from keras_fer.data.readers.class_folders import ClassFolders, find_split_folders
from keras_fer.data.readers.folders import RootFolder, layout_error, require_choice
from keras_fer.data.records import Record
from keras_fer.errors import FERError
from keras_fer.labels import TAXONOMIES, taxonomy

BOXES = ("annotated", "landmarks")
_LOOKED_FOR = (
    "{train_set,val_set}/images with annotations/*_exp.npy (release of 2021); "
    "training.csv and validation.csv with Manually_Annotated_Images (release of 2017); "
    "{train,val}/{0..7 or expression names}"
)


@dataclass(frozen=True)
class AffectNetReader:
    """Reads AffectNet.

    Args:
        root: folder of the data set.
        taxonomy: `"expressions-8"`, or `"expressions-7"` without contempt.
        automatic: adds the automatically annotated images of the release of 2017 to the training
            split.
        boxes: `"annotated"` crops by the face box of the lists (the npy release is cropped already);
            `"landmarks"` by the box around the 68 landmarks.

    Raises:
        FERError: if none of the layouts is there, or an option asks for what the layout lacks.
    """

    root: Path
    taxonomy: str = "expressions-8"
    automatic: bool = False
    boxes: str = "annotated"
    name: str = field(default="affectnet", init=False)
    label_names: tuple[str, ...] = field(init=False)
    release: str = field(init=False)
    _layout: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_choice("boxes", self.boxes, BOXES)
        require_choice("taxonomy", self.taxonomy, tuple(TAXONOMIES))
        folder, label_names = RootFolder(self.root), taxonomy(self.taxonomy)
        by_landmarks = self.boxes == "landmarks"
        layout = (
            find_npy_release(folder, label_names, by_landmarks)
            or find_csv_release(folder, label_names, by_landmarks, self.automatic)
            or _find_class_folders(folder, label_names)
        )
        if layout is None:
            raise layout_error("affectnet", self.root, _LOOKED_FOR)
        if self.automatic and not layout.has_automatic:
            raise FERError(
                f"{str(self.root)!r} has no automatically_annotated.csv: leave out the option 'automatic'."
            )
        if by_landmarks and not layout.has_landmarks:
            raise FERError(f"{str(self.root)!r} has no landmarks: leave out the option boxes=landmarks.")
        object.__setattr__(self, "label_names", label_names)
        object.__setattr__(self, "release", layout.release)
        object.__setattr__(self, "_layout", layout)

    def __iter__(self) -> Iterator[Record]:
        yield from self._layout


@dataclass(frozen=True)
class _ClassFolderRelease:
    """AffectNet as a folder per class, named by id or by expression, in a folder per split."""

    folder: RootFolder
    folders: ClassFolders
    label_names: tuple[str, ...]
    release: str = "class folders"
    has_automatic: bool = False
    has_landmarks: bool = False

    def __iter__(self) -> Iterator[Record]:
        yield from self.folders.records(self.folder, self._label)

    def _label(self, class_name: str) -> int:
        name = affectnet_class(class_name)
        return self.label_names.index(name) if name in self.label_names else -1


def _find_class_folders(folder: RootFolder, label_names: tuple[str, ...]) -> _ClassFolderRelease | None:
    found = find_split_folders(folder.path)
    if found is None:
        return None
    classes = {class_name: affectnet_class(class_name) for class_name in found.class_names}
    for class_name, name in classes.items():
        if name is None:
            raise FERError(
                f"The class folder {class_name!r} in {str(folder.path)!r} is no id of AffectNet (0 to 10) "
                "and no expression: rename or remove it."
            )
    if missing := [name for name in label_names if name not in classes.values()]:
        raise FERError(f"{str(folder.path)!r} has no class folder for {', '.join(missing)}.")
    found.require_images()
    return _ClassFolderRelease(folder, found, label_names)
