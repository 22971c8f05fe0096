"""Readers: one per data set, each yields `Record`s in a fixed order. `open_source` finds them by name."""

import dataclasses
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from keras_fer.data.records import Record
from keras_fer.errors import FERError


class Reader(Protocol):
    """A data set on disk, as every reader shows it.

    Attributes:
        name: the name in `SOURCES`.
        label_names: what the labels of the records mean.
        release: the layout that was found, for people.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def label_names(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def release(self) -> str: ...  # noqa: D102

    def __iter__(self) -> Iterator[Record]: ...


class SourceInfo(NamedTuple):
    """What is known about a data set before any of its files is read.

    Args:
        module: module of the reader below this package.
        class_name: the reader's class.
        layout: what the folder must hold, one line.
        licence: terms, and how to get the data.
        homepage: where its authors describe it.
    """

    module: str
    class_name: str
    layout: str
    licence: str
    homepage: str


SOURCES: dict[str, SourceInfo] = {
    "affectnet": SourceInfo(
        "affectnet",
        "AffectNetReader",
        "{train_set,val_set}/{images,annotations}; training.csv, validation.csv with "
        "Manually_Annotated_Images; {train,val}/{0..7 or names}",
        "research use, by signed agreement with its authors",
        "arXiv 1708.03985",
    ),
    "csv": SourceInfo(
        "csv_list",
        "CsvReader",
        "a csv with path,label[,split][,left,top,right,bottom][,valence,arousal][,subject][,soft_*]",
        "your own; also for soft labels such as those of AffectNet+ (arXiv 2410.22506)",
        "",
    ),
    "expw": SourceInfo(
        "expw",
        "ExpwReader",
        "label.lst with photos in image/ or image/origin/",
        "research use, from its authors",
        "Expression in the Wild, arXiv 1609.06426",
    ),
    "folder": SourceInfo(
        "folder",
        "FolderReader",
        "{train,val,test}/{class}/images or {class}/images, any classes",
        "your own",
        "",
    ),
    "fer2013": SourceInfo(
        "fer2013",
        "Fer2013Reader",
        "{train,test}/{angry,disgust,...}/*.jpg or a csv with emotion,pixels,Usage",
        "research use; from the Kaggle challenge on representation learning of 2013",
        "arXiv 1307.0414",
    ),
    "ferplus": SourceInfo(
        "ferplus",
        "FerPlusReader",
        "fer2013new.csv with FER2013Train/, FER2013Valid/ and optionally FER2013Test/",
        "labels MIT, images as FER2013; labels from the authors' repository microsoft/FERPlus",
        "arXiv 1608.01041",
    ),
    "rafdb": SourceInfo(
        "rafdb",
        "RafDbReader",
        "EmoLabel/list_patition_label.txt with Image/aligned/ or {train,test}/{1..7}",
        "research use, by agreement with its authors",
        "Real-world Affective Faces, CVPR 2017",
    ),
}


def open_source(name: str, root: str | Path, /, **options: Any) -> Reader:
    """Opens a data set folder with the reader of that name.

    Args:
        name: a name in `SOURCES`.
        root: the folder of the data set, as its authors or its usual copies lay it out.
        options: fields of the reader's class, such as `mode="votes"`. Several names may be one string
            with commas, as on a command line.

    Returns:
        The reader; its layout is checked, its records are read on iteration.

    Raises:
        FERError: for an unknown name or option, a folder that cannot be read, or another layout.
    """
    if name not in SOURCES:
        raise FERError(f"There is no data set {name!r}. There are: {', '.join(sorted(SOURCES))}.")
    known = reader_options(name)
    for option in options:
        if option not in known:
            there_are = f"It has: {', '.join(known)}." if known else "It has none."
            raise FERError(f"The data set {name!r} has no option {option!r}. {there_are}")
    converted = {option: _converted(value, known[option]) for option, value in options.items()}
    return _reader_class(name)(Path(root), **converted)


def reader_options(name: str) -> dict[str, Any]:
    """Returns the options of the reader of a data set with their defaults, in their order."""
    fields = dataclasses.fields(_reader_class(name))
    return {field.name: field.default for field in fields if field.init and field.name != "root"}


def _reader_class(name: str) -> Any:
    info = SOURCES[name]
    return getattr(importlib.import_module(f"{__name__}.{info.module}"), info.class_name)


def _converted(value: Any, default: Any) -> Any:
    """Returns names with commas between them as a tuple where the option is one, anything else as it is."""
    if isinstance(value, str) and isinstance(default, tuple):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value
