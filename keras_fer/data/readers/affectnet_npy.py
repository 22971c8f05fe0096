"""AffectNet, the npy release of 2021: cropped faces and four small arrays for each.

`{train_set,val_set}/images/N.jpg` of 224×224 pixels and `annotations/N_{exp,val,aro,lnd}.npy`. The
arrays are 0-d strings in the release, numbers in some copies; they are never unpickled.
"""

import io
import math
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_fer.data.readers import reasons
from keras_fer.data.readers.affectnet_labels import affectnet_label
from keras_fer.data.readers.boxes import (
    Points,
    box_of_landmarks,
    landmarks,
    roll_degrees,
    valence_arousal,
)
from keras_fer.data.readers.folders import RootFolder, candidates, entries, image_names, text_name
from keras_fer.data.readers.tables import number
from keras_fer.data.records import Record
from keras_fer.data.stored_text import is_readable_text
from keras_fer.errors import FERError

SPLIT_FOLDERS = {"test": "val_set", "train": "train_set"}
_LABEL_SUFFIX = "_exp.npy"
_LARGEST_BYTES = 1 << 16


@dataclass(frozen=True)
class NpyRelease:
    """The npy release below a folder; iterates over its records."""

    folder: RootFolder
    base: Path
    label_names: tuple[str, ...]
    box_of_landmarks: bool
    release: str = "npy release (2021)"
    has_automatic: bool = False
    has_landmarks: bool = True

    def __iter__(self) -> Iterator[Record]:
        for split, split_folder in SPLIT_FOLDERS.items():
            if not (self.base / split_folder).is_dir():
                continue
            prefix = (self.base / split_folder).relative_to(self.folder.path).as_posix()
            images = {
                os.path.splitext(name)[0]: name for name in image_names(self.base / split_folder / "images")
            }
            annotated = {
                entry.name.removesuffix(_LABEL_SUFFIX)
                for entry in entries(self.base / split_folder / "annotations")
                if entry.name.endswith(_LABEL_SUFFIX)
            }
            for stem in sorted(images.keys() | annotated, key=lambda stem: (len(stem), stem)):
                yield self._record(split, prefix, stem, images.get(stem))

    def _record(self, split: str, prefix: str, stem: str, image_name: str | None) -> Record:
        relative = f"{prefix}/images/{image_name or stem + '.jpg'}"
        source = text_name(relative)
        image, reason = self.folder.locate(relative)
        label, box, points = -1, None, None
        if source != relative:
            reason = reasons.MALFORMED_NAME
        if reason is None:
            exp = self._annotation(prefix, stem, "exp")
            label, reason = affectnet_label(_text(exp), self.label_names)
            reason = reasons.MISSING_ANNOTATION if exp is None else reason
        if reason is None:
            points = _points(self._annotation(prefix, stem, "lnd"))
            if self.box_of_landmarks:
                box, reason = box_of_landmarks(points)
        if reason is not None:
            return Record(source, split, dropped=reason)
        ratings = [number(_text(self._annotation(prefix, stem, kind))) for kind in ("val", "aro")]
        return Record(
            source,
            split,
            image=image,
            label=label,
            box=box,
            valence_arousal=valence_arousal(*ratings),
            factors={"roll": roll_degrees(points)},
        )

    def _annotation(self, prefix: str, stem: str, kind: str) -> np.ndarray | None:
        path, _ = self.folder.locate(f"{prefix}/annotations/{stem}_{kind}.npy")
        return None if path is None else read_small_npy(path)


def find_npy_release(
    folder: RootFolder, label_names: tuple[str, ...], box_of_landmarks: bool
) -> NpyRelease | None:
    """Finds the npy release in the root or one folder below it.

    Raises:
        FERError: if a split has annotations but no image folder or no image in it.
    """
    for base in candidates(folder.path):
        if not (base / "train_set" / "annotations").is_dir():
            continue
        for split_folder in SPLIT_FOLDERS.values():
            images = base / split_folder / "images"
            if images.parent.is_dir() and not (images.is_dir() and image_names(images)):
                raise FERError(f"{str(images.parent)!r} has no image in its folder images.")
        return NpyRelease(folder, base, label_names, box_of_landmarks)
    return None


def read_small_npy(path: Path) -> np.ndarray | None:
    """Reads a small array file, None if it is damaged, holds Python objects, or is too large."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(_LARGEST_BYTES + 1)
    except OSError:
        return None
    return parse_npy(content) if len(content) <= _LARGEST_BYTES else None


def parse_npy(content: bytes) -> np.ndarray | None:
    """Returns the array in the bytes of a `.npy` file, None if it is damaged or holds Python objects."""
    stream = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy warns of headers that Python 2 wrote
            if np.lib.format.read_magic(stream) == (1, 0):
                shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(stream)
            else:
                shape, fortran_order, dtype = np.lib.format.read_array_header_2_0(stream)
        values = content[stream.tell() :]
        # The size is checked before anything is allocated: a header may claim any shape.
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(values) or not values:
            return None
        flat = np.frombuffer(values, dtype)
        return (
            None if not is_readable_text(flat) else flat.reshape(shape, order="F" if fortran_order else "C")
        )
    except Exception:  # NumPy's header parser raises anything from SyntaxError to RecursionError
        return None


def _text(array: np.ndarray | None) -> str:
    """Returns the one value of an array as text, empty if it has none or several."""
    if array is None or array.size != 1:
        return ""
    value = array.item()
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _points(array: np.ndarray | None) -> Points | None:
    if array is None or array.dtype.kind not in "iuf":
        return None
    return landmarks([float(value) for value in array.ravel()])
