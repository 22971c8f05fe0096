"""The files of a prepared data set: names, checksums, and the table of row columns.

dataset.json        what the folder holds, counts, checksums, dropped records by reason
images-00000.npy …  uint8 NHWC, opened as memory maps
labels.npz          one array per column, one entry per image
records.csv         one line per record of the source: where it came from and what became of it
"""

import csv
import hashlib
import json
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.checksum import sha256_file
from keras_fer.data.records import SPLITS
from keras_fer.data.stored_text import is_readable_text
from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.version import __version__

FORMAT = "keras-fer prepared data set"
FORMAT_VERSION = 1
INFO_FILE, LABELS_FILE, RECORDS_FILE = "dataset.json", "labels.npz", "records.csv"
FACTOR_PREFIX = "factor_"
HASH_COLUMNS = ("pixel_hashes", "perceptual_hashes")
UNREADABLE = (
    ValueError, OSError, EOFError, KeyError, SyntaxError, MemoryError, OverflowError, TypeError, IndexError,
    NotImplementedError, RuntimeError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
RECORD_HEADER = (
    "row", "source", "split", "label", "left", "top", "right", "bottom", "pixel_hash", "perceptual_hash",
    "status",
)  # fmt: skip

Columns = dict[str, np.ndarray]


def shard_name(index: int) -> str:
    """Returns the file name of an image shard."""
    return f"images-{index:05d}.npy"


def config_hash(config: Mapping) -> str:
    """Returns the SHA-256 of a JSON-serialisable mapping, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def content_hash(checksums: Sequence[str]) -> str:
    """Returns one hash over the checksums of the shards and of the labels, in that order."""
    return hashlib.sha256("\n".join(checksums).encode()).hexdigest()


def file_entry(path: Path, **extra: int) -> dict:
    """Describes a file as `dataset.json` lists it: name, size and checksum."""
    return {"name": path.name, **extra, "size_bytes": path.stat().st_size, "sha256": sha256_file(path)}


def read_info(path: Path) -> dict:
    """Reads and checks `dataset.json` of the folder `path`.

    Raises:
        FERError: if there is none, it is damaged, or a newer version wrote it.
    """
    file = path / INFO_FILE
    if not os.path.isfile(file):
        raise FERError(
            f"There is no prepared data set in {str(path)!r} (no {INFO_FILE}). "
            "Give the folder that `keras-fer prepare` wrote."
        )
    try:
        info = parsed_json(file.read_text(encoding="utf-8"))
        if info["format"] != FORMAT:
            raise ValueError(f"its format is {info['format']!r}")
        version = int(info["format_version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(file, str(error)) from error
    if version > FORMAT_VERSION:
        raise FERError(
            f"{str(path)!r} has the format version {version}; this keras-fer {__version__} reads up to "
            f"{FORMAT_VERSION}. Update keras-fer."
        )
    try:
        _check_info(info)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise damaged(file, f"{type(error).__name__} {error}") from error
    return info


def sealed(info: dict) -> dict:
    """Returns the content of `dataset.json` with a checksum of itself as last entry."""
    return {**info, "checksum": config_hash(info)}


def _check_info(info: dict) -> None:
    """Refuses a `dataset.json` whose entries contradict the format; names outside the folder are such."""
    if info.get("checksum") != config_hash({key: info[key] for key in info if key != "checksum"}):
        raise ValueError("its checksum differs")
    files = [*info["shards"], info["labels"], info["records"]]
    names = [shard_name(index) for index in range(len(info["shards"]))]
    if [entry["name"] for entry in files] != [*names, LABELS_FILE, RECORDS_FILE]:
        raise ValueError("its files have other names")
    if not all(isinstance(entry["sha256"], str) for entry in files):
        raise ValueError("a checksum is missing")
    numbers = [*info["image_shape"], info["crop_size"], *(entry["size_bytes"] for entry in files)]
    numbers += [entry["num_images"] for entry in info["shards"]]
    if not names or not all(type(number) is int and number > 0 for number in numbers):
        raise ValueError("a size is missing")
    height, width, channels = info["image_shape"]
    if info["crop_size"] > min(height, width) or channels not in (1, 3):
        raise ValueError(f"its images are {info['image_shape']}")
    label_names = info["label_names"]
    if not isinstance(label_names, list) or not all(isinstance(name, str) for name in label_names):
        raise ValueError("its label names are no strings")
    if info["content_hash"] != content_hash([entry["sha256"] for entry in files[:-1]]):
        raise ValueError("its content hash differs from its checksums")


def check_file(file: Path, entry: Mapping, checksum: bool) -> None:
    """Compares a file with its entry in `dataset.json`."""
    if not file.is_file():
        raise damaged(file, "it is missing")
    size = file.stat().st_size
    if size != entry["size_bytes"]:
        raise damaged(file, f"{size} bytes instead of {entry['size_bytes']}")
    if checksum and sha256_file(file) != entry["sha256"]:
        raise damaged(file, "its checksum differs")


def load_shard(path: Path) -> np.ndarray:
    """Opens one image shard as a read-only memory map.

    Raises:
        FERError: if the file is not a whole uint8 NumPy file.
    """
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except UNREADABLE as error:
        raise damaged(path, str(error)) from error


def load_columns(path: Path) -> Columns:
    """Reads the columns of a `.npz` file, never unpickling.

    Raises:
        FERError: if the file is damaged or holds Python objects.
    """
    try:
        return stored_arrays(path)
    except UNREADABLE as error:
        raise damaged(path, str(error)) from error


def stored_arrays(path: Path) -> Columns:
    """Reads the arrays of a `.npz` file, never unpickling; one that unpacks to more than it is is refused.

    Raises:
        Exception: one of `UNREADABLE`.
    """
    with zipfile.ZipFile(path) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError("compressed members")
    stored = np.load(path, allow_pickle=False)
    if isinstance(stored, np.ndarray):  # an archive may follow an array
        raise ValueError("it is a single array")
    with stored:
        arrays = {name: stored[name] for name in stored.files}
    if unreadable := [name for name, array in arrays.items() if not is_readable_text(array)]:
        raise ValueError(f"{unreadable[0]} is no text")
    return arrays


def load_row_columns(path: Path, num_rows: int, num_classes: int) -> Columns:
    """Reads and checks the columns of the rows of a finished data set.

    Raises:
        FERError: if the file is damaged, a column is missing, or one has wrong values.
    """
    columns = load_columns(path)
    try:
        if missing := {"labels", "splits", *HASH_COLUMNS} - set(columns):
            raise ValueError(f"it has no {', '.join(sorted(missing))}")
        return checked_columns(columns, num_rows, num_classes)
    except ValueError as error:
        raise damaged(path, str(error)) from error


def damaged(path: Path, reason: str) -> FERError:
    """Returns the error for a file of a prepared data set that cannot be used."""
    return FERError(f"{str(path)!r} is damaged ({reason}). Prepare the data set again.")


def write_columns(path: Path, columns: Columns) -> None:
    """Writes a `.npz` file, uncompressed and the same bytes for the same columns."""
    np.savez(path, **columns)  # type: ignore[arg-type]


def write_shard(path: Path, images: Sequence[np.ndarray], num_images: int) -> None:
    """Writes batches of uint8 images as one NumPy file without joining them in memory."""
    shape = (num_images, *images[0].shape[1:])
    with open(path, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for batch in images:
            file.write(np.ascontiguousarray(batch).data)


def checked_columns(columns: Mapping[str, object], num_rows: int, num_classes: int) -> Columns:
    """Converts what a caller gave for some rows to arrays of the format's types, leaving out None.

    Raises:
        ValueError: if a column has a wrong shape or value.
    """
    types: dict[str, Any] = {"labels": np.int64, "splits": np.int8, "subjects": np.int64, "pairs": np.int64}
    types |= dict.fromkeys(HASH_COLUMNS, np.uint64)
    types |= {
        "soft_labels": np.float32,
        "valence_arousal": np.float32,
        "boxes": np.float64,
        "sources": np.str_,
    }
    shapes = {"soft_labels": (num_classes,), "valence_arousal": (2,), "boxes": (4,)}
    checked: Columns = {}
    for name, values in columns.items():
        if values is None:
            continue
        array = np.asarray(values)
        kind = types.get(name, np.float32)
        if kind in (np.int64, np.int8, np.uint64) and array.dtype.kind not in "iu" and array.size:
            raise ValueError(f"`{name}` must be integers. Received: {array.dtype}")
        array = array.astype(kind)
        expected = (num_rows, *shapes.get(name, ()))
        if array.shape != expected and not (
            name.startswith(FACTOR_PREFIX) and array.shape[:1] == (num_rows,)
        ):
            raise ValueError(f"`{name}` must have the shape {expected}. Received: {array.shape}")
        checked[name] = array
    _check_values(checked, num_classes)
    return checked


def _check_values(columns: Columns, num_classes: int) -> None:
    """Refuses labels, splits and soft labels out of range."""
    labels, splits = columns["labels"], columns["splits"]
    if np.any((labels < -1) | (labels >= num_classes)):
        raise ValueError(f"`labels` must be from -1 to {num_classes - 1}. Received: {np.unique(labels)}")
    if np.any((splits < 0) | (splits >= len(SPLITS))):
        raise ValueError(f"`splits` must be positions in {SPLITS}. Received: {np.unique(splits)}")
    if "soft_labels" in columns:
        soft_labels = columns["soft_labels"]
        if not np.allclose(soft_labels.sum(axis=1), 1, atol=1e-3) or np.any(soft_labels < 0):
            raise ValueError("`soft_labels` must be probabilities: each row at least 0 and summing to 1.")


def concatenated(parts: Sequence[Columns], num_classes: int) -> Columns:
    """Joins columns of consecutive rows; a column that only some parts have is filled where it is absent.

    Absent soft labels become the label as a probability (uniform where there is none), absent subjects and
    pairs −1, everything else NaN.
    """
    names = sorted({name for part in parts for name in part})
    joined = {}
    for name in names:
        shape = next(part[name].shape[1:] for part in parts if name in part)
        joined[name] = np.concatenate(
            [part[name] if name in part else _filler(name, part, shape, num_classes) for part in parts]
        )
    return joined


def _filler(name: str, part: Columns, shape: tuple[int, ...], num_classes: int) -> np.ndarray:
    """Returns the values of a column for rows that do not have it."""
    labels = part["labels"]
    if name in ("subjects", "pairs"):
        return np.full(len(labels), -1, np.int64)
    if name == "soft_labels":
        table = np.vstack([np.eye(num_classes), np.full((1, num_classes), 1 / num_classes)])
        return table[labels].astype(np.float32)
    return np.full((len(labels), *shape), np.nan, np.float64 if name == "boxes" else np.float32)


def write_records(path: Path, columns: Columns, drops: Columns, label_names: Sequence[str]) -> None:
    """Writes `records.csv` in the order of the source: used rows, and drops at their positions.

    Args:
        path: the file to write.
        columns: all columns of the used rows, with `sources` and hashes.
        drops: `drop_positions` (number of used rows before the drop), `drop_reasons`, `drop_sources`.
        label_names: names for the labels.
    """
    dropped = list(zip(*(drops[key].tolist() for key in ("drop_sources", "drop_reasons")), strict=True))
    positions = drops["drop_positions"].tolist()
    blanks = [""] * (len(RECORD_HEADER) - 3)
    next_drop = 0
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(RECORD_HEADER)
        for row in range(len(columns["labels"]) + 1):
            while next_drop < len(dropped) and positions[next_drop] == row:
                source, reason = dropped[next_drop]
                writer.writerow(["", source, *blanks, reason])
                next_drop += 1
            if row < len(columns["labels"]):
                writer.writerow(_record(row, columns, label_names))


def _record(row: int, columns: Columns, label_names: Sequence[str]) -> list[object]:
    """Returns the line of `records.csv` for one used row."""
    label, box = columns["labels"][row], ["", "", "", ""]
    if "boxes" in columns and not np.isnan(columns["boxes"][row]).any():
        box = [f"{edge:.10g}" for edge in columns["boxes"][row]]
    hashes = [f"{columns[name][row]:016x}" for name in HASH_COLUMNS]
    name = "" if label < 0 else label_names[label]
    return [row, columns["sources"][row], SPLITS[columns["splits"][row]], name, *box, *hashes, "used"]
