"""The prepared data set: a folder of NumPy files, written whole or not at all and checked when opened."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np

from keras_fer.atomic import atomic_file, require_new_folder
from keras_fer.data import prepared_format
from keras_fer.data.duplicates import perceptual_hashes, pixel_hashes
from keras_fer.data.prepared_format import (
    FACTOR_PREFIX,
    INFO_FILE,
    LABELS_FILE,
    RECORDS_FILE,
    Columns,
)
from keras_fer.data.prepared_partial import DROP_KEYS, PartialFolder
from keras_fer.data.read_ahead import read_ahead
from keras_fer.data.records import SPLITS
from keras_fer.errors import FERError
from keras_fer.version import __version__

SHARD_BYTES = 256 * 2**20
MAX_ROWS_PER_SHARD = 16384


@dataclass(frozen=True, eq=False)
class PreparedDataset:
    """Images and labels of one data set; images stay on disk until they are asked for.

    Args:
        path: the folder.
        info: the content of `dataset.json`.
        label_names: names of the labels, in the order of their ids.
        image_shape: height, width and channels (1 or 3) of the stored images.
        crop_size: side in pixels of the centre square that a model sees; equal to the height or less.
        labels: int64 `(n,)`, −1 where there is none.
        soft_labels: float32 `(n, classes)`, rows sum to 1; None if the data set has none.
        valence_arousal: float32 `(n, 2)` in [−1, 1], NaN where absent; None if the data set has none.
        subjects: int64 `(n,)`, one number per person, −1 where unknown.
        splits: int8 `(n,)`, positions in `SPLITS`.
        pairs: int64 `(n,)`, rows with the same number ≥ 0 form an exact pair, −1 none.
        factors: further known numbers by name, float32 `(n,)` or `(n, d)`, NaN where absent.
        pixel_hashes: uint64 `(n,)`, equal for equal images.
        perceptual_hashes: uint64 `(n,)`, difference hashes.
        content_hash: SHA-256 over images and labels; differs whenever either does.
    """

    path: Path
    info: dict
    label_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    crop_size: int
    labels: np.ndarray
    soft_labels: np.ndarray | None
    valence_arousal: np.ndarray | None
    subjects: np.ndarray
    splits: np.ndarray
    pairs: np.ndarray
    factors: dict[str, np.ndarray]
    pixel_hashes: np.ndarray
    perceptual_hashes: np.ndarray
    content_hash: str
    _shards: tuple[np.ndarray, ...]
    _starts: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def indices(self, split: str) -> np.ndarray:
        """Returns the rows of a split of `SPLITS` in ascending order, int64."""
        if split not in SPLITS:
            raise ValueError(f"`split` must be one of {SPLITS}. Received: {split!r}")
        return np.flatnonzero(self.splits == SPLITS.index(split)).astype(np.int64)

    @property
    def judged_split(self) -> str:
        """The split that models are judged on: test, or validation where there is no test image."""
        return "test" if len(self.indices("test")) else "validation"

    def images(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Reads images, uint8 `(n, height, width, channels)`, in the order of `indices`.

        Raises:
            IndexError: if an index is negative or beyond the last image.
        """
        indices = np.asarray(indices, dtype=np.int64)
        if indices.size and (indices.min() < 0 or indices.max() >= len(self)):
            raise IndexError(f"Indices must be from 0 to {len(self) - 1}. Received: {indices}")
        shard_ids = np.searchsorted(self._starts, indices, side="right") - 1
        positions = (indices - self._starts[shard_ids]).tolist()
        # Plain views: indexing a `np.memmap` costs as much as copying a small image.
        shards = [np.asarray(shard) for shard in self._shards]
        images = np.empty((len(indices), *self.image_shape), np.uint8)
        # Row by row each image is copied once; indexing by arrays of rows would copy the batch twice.
        for row, (shard_id, position) in enumerate(zip(shard_ids.tolist(), positions, strict=True)):
            images[row] = shards[shard_id][position]
        return images

    def read_ahead(self, indices: np.ndarray) -> int:
        """Asks the system to read images soon, int64 in ascending order; returns the bytes asked for."""
        return read_ahead(self._shards, self._starts, indices)

    def class_counts(self, split: str) -> np.ndarray:
        """Returns the number of images of each label in a split, int64 `(classes,)`."""
        labels = self.labels[self.indices(split)]
        return np.bincount(labels[labels >= 0], minlength=len(self.label_names)).astype(np.int64)


def open_prepared(
    path: str | os.PathLike, verify: Literal["sizes", "checksums"] = "sizes"
) -> PreparedDataset:
    """Opens a prepared data set.

    Args:
        path: the folder that `keras-fer prepare` wrote.
        verify: `"sizes"` compares shapes and file sizes with `dataset.json`, `"checksums"` also reads every
            file and compares its SHA-256.

    Raises:
        FERError: if there is no prepared data set, it is damaged, or a newer version wrote it.
    """
    path = Path(path)
    info = prepared_format.read_info(path)
    entries = [*info["shards"], info["labels"], info["records"]]
    for entry in entries:
        prepared_format.check_file(path / entry["name"], entry, checksum=verify == "checksums")
    shape = tuple(info["image_shape"])
    shards = tuple(prepared_format.load_shard(path / entry["name"]) for entry in info["shards"])
    for entry, shard in zip(info["shards"], shards, strict=True):
        if shard.dtype != np.uint8 or shard.shape != (entry["num_images"], *shape):
            raise prepared_format.damaged(path / entry["name"], f"it holds {shard.dtype} {shard.shape}")
    num_images = sum(len(shard) for shard in shards)
    columns = prepared_format.load_row_columns(path / LABELS_FILE, num_images, len(info["label_names"]))
    none = np.full(num_images, -1, np.int64)
    return PreparedDataset(
        path=path,
        info=info,
        label_names=tuple(info["label_names"]),
        image_shape=shape,
        crop_size=info["crop_size"],
        labels=columns["labels"],
        soft_labels=columns.get("soft_labels"),
        valence_arousal=columns.get("valence_arousal"),
        subjects=columns.get("subjects", none),
        splits=columns["splits"],
        pairs=columns.get("pairs", none),
        factors={
            name.removeprefix(FACTOR_PREFIX): values
            for name, values in columns.items()
            if name.startswith(FACTOR_PREFIX)
        },
        pixel_hashes=columns["pixel_hashes"],
        perceptual_hashes=columns["perceptual_hashes"],
        content_hash=info["content_hash"],
        _shards=shards,
        _starts=np.cumsum([0, *(len(shard) for shard in shards[:-1])]),
    )


class PreparedWriter:
    """Writes a prepared data set; what an interruption leaves in `OUT.partial` is continued by the next run.

    Images are written in whole shards. After an interruption a new writer with the same configuration
    starts at `rows_done` rows and `records_done` records (rows and drops); the caller gives the rest, in the
    same order. Used in a `with` block, a `FERError` removes the partial folder and any other end keeps it.

    Args:
        output: the folder to make; must not exist or be empty.
        source: name of the data set, such as `"ferplus"`.
        label_names: names of the labels.
        image_shape: height, width and channels (1 or 3) of the images.
        crop_size: side in pixels of the centre square that a model sees; by default the shorter side.
        config: everything that decides the result, JSON-serialisable; compared on resuming.
        description: one sentence for people.
        rows_per_shard: images per file; by default as many as fit in 256 MiB, 16,384 at most.

    Raises:
        FERError: if the output is in use, or the partial folder is of another configuration, or is being
            written by another process.
    """

    def __init__(
        self,
        output: str | os.PathLike,
        *,
        source: str,
        label_names: Sequence[str],
        image_shape: tuple[int, int, int],
        crop_size: int | None = None,
        config: Mapping | None = None,
        description: str = "",
        rows_per_shard: int | None = None,
    ) -> None:
        self.output = Path(output)
        require_new_folder(self.output)
        self.label_names, self.image_shape = tuple(label_names), tuple(image_shape)
        height, width, channels = self.image_shape
        self.crop_size = min(height, width) if crop_size is None else crop_size
        if not (0 < self.crop_size <= min(height, width) and channels in (1, 3)):
            raise ValueError(f"Received: image_shape={image_shape}, crop_size={crop_size}")
        if rows_per_shard is None:
            rows_per_shard = max(1, min(MAX_ROWS_PER_SHARD, SHARD_BYTES // (height * width * channels)))
        self._rows_per_shard = rows_per_shard
        self._header = {
            "format": prepared_format.FORMAT,
            "format_version": prepared_format.FORMAT_VERSION,
            "source": source,
            "description": description,
            "label_names": list(self.label_names),
            "image_shape": list(self.image_shape),
            "crop_size": self.crop_size,
            "config": json.loads(json.dumps(dict(config or {}))),
        }
        self._partial = PartialFolder(self.output, {**self._header, "rows_per_shard": rows_per_shard})
        self.rows_done = sum(len(shard.columns["labels"]) for shard in self._partial.shards)
        self.num_dropped = sum(len(shard.drops["drop_positions"]) for shard in self._partial.shards)
        self.records_done = self.rows_done + self.num_dropped
        self.num_rows = self.rows_done
        self._images: list[np.ndarray] = []
        self._columns: list[Columns] = []
        self._drops: list[tuple[int, str, str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FERError):
            self._partial.discard()
        self._partial.close()

    def append(
        self,
        images: np.ndarray,
        *,
        labels: Sequence[int] | np.ndarray,
        splits: Sequence[int] | np.ndarray,
        sources: Sequence[str],
        soft_labels: np.ndarray | None = None,
        valence_arousal: np.ndarray | None = None,
        subjects: Sequence[int] | np.ndarray | None = None,
        pairs: Sequence[int] | np.ndarray | None = None,
        factors: Mapping[str, np.ndarray] | None = None,
        boxes: np.ndarray | None = None,
    ) -> None:
        """Adds rows; columns that other calls have and this one does not are filled as absent.

        Args:
            images: uint8 `(n, height, width, channels)`.
            labels: positions in the label names, −1 where there is none.
            splits: positions in `SPLITS`.
            sources: where each image came from.
            soft_labels: probabilities `(n, classes)`.
            valence_arousal: `(n, 2)`, NaN where absent.
            subjects: one number per person, −1 where unknown.
            pairs: rows with the same number ≥ 0 form an exact pair.
            factors: further known numbers by name, `(n,)` or `(n, d)`.
            boxes: `(n, 4)` left, top, right, bottom in pixels of the source image, NaN where absent.

        Raises:
            ValueError: if an array has a wrong type, shape or value.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            expected = f"uint8 (n, {', '.join(map(str, self.image_shape))})"
            raise ValueError(f"`images` must be {expected}. Received: {images.dtype} {images.shape}")
        given = {"labels": labels, "splits": splits, "sources": sources, "soft_labels": soft_labels}
        given |= {"valence_arousal": valence_arousal, "subjects": subjects, "pairs": pairs, "boxes": boxes}
        for name, values in (factors or {}).items():
            if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                raise ValueError(f"Factor names are letters, digits and _.-. Received: {name!r}")
            given[FACTOR_PREFIX + name] = values
        given |= {"pixel_hashes": pixel_hashes(images), "perceptual_hashes": perceptual_hashes(images)}
        columns = prepared_format.checked_columns(given, len(images), len(self.label_names))
        self._buffer(images, columns)

    def _buffer(self, images: np.ndarray, columns: Columns) -> None:
        """Keeps rows until they fill a shard, and writes each full one."""
        start = 0
        while start < len(images):
            buffered = self.num_rows - self.rows_done
            stop = min(len(images), start + self._rows_per_shard - buffered)
            self._images.append(images[start:stop].copy())
            self._columns.append({name: values[start:stop] for name, values in columns.items()})
            self.num_rows += stop - start
            start = stop
            if self.num_rows - self.rows_done == self._rows_per_shard:
                self._write_shard()

    def drop(self, reason: str, source: str = "") -> None:
        """Counts a record that cannot be used, and why."""
        self._drops.append((self.num_rows, reason, source))
        self.num_dropped += 1

    def _write_shard(self) -> None:
        """Puts the buffered rows and drops on the disk."""
        columns = prepared_format.concatenated(self._columns, len(self.label_names))
        self._partial.add(self._images, columns, self._buffered_drops())
        self._images, self._columns, self._drops = [], [], []
        self.rows_done, self.records_done = self.num_rows, self.num_rows + self.num_dropped

    def _buffered_drops(self) -> Columns:
        """Returns the drops since the last whole shard as columns."""
        positions, reasons, sources = zip(*self._drops, strict=True) if self._drops else ((), (), ())
        arrays = np.array(positions, np.int64), np.array(reasons, np.str_), np.array(sources, np.str_)
        return dict(zip(DROP_KEYS, arrays, strict=True))

    def columns(self) -> Columns:
        """Returns all columns appended so far, those of an interrupted run included."""
        parts = [shard.columns for shard in self._partial.shards] + self._columns
        return prepared_format.concatenated(parts, len(self.label_names))

    def drops(self) -> Columns:
        """Returns all drops so far: the row before which each stands, its reason and its source."""
        parts = [shard.drops for shard in self._partial.shards] + [self._buffered_drops()]
        return {key: np.concatenate([part[key] for part in parts]) for key in DROP_KEYS}

    def sources(self) -> list[str]:
        """Returns the sources of all records so far, rows and drops in their order."""
        rows, drops = self.columns(), self.drops()
        names = np.insert(
            rows["sources"].astype(object), drops["drop_positions"], drops["drop_sources"].astype(object)
        )
        return names.tolist()

    def finish(self, splits: np.ndarray | None = None) -> PreparedDataset:
        """Writes the last shard and all other files, and renames the folder to its final name.

        Args:
            splits: positions in `SPLITS` that replace those given to `append`, one per row.

        Raises:
            FERError: if there are no images.
        """
        if self.num_rows == 0:
            raise FERError(f"There is no usable image for {str(self.output)!r}: all were dropped.")
        if self._images:
            self._write_shard()
        columns = self.columns()
        if splits is not None:
            columns = prepared_format.checked_columns(
                {**columns, "splits": splits}, self.num_rows, len(self.label_names)
            )
        drops = self.drops()
        with atomic_file(self._partial.dataset / RECORDS_FILE) as temporary:
            prepared_format.write_records(temporary, columns, drops, self.label_names)
        stored = {name: values for name, values in columns.items() if name not in ("sources", "boxes")}
        with atomic_file(self._partial.dataset / LABELS_FILE) as temporary:
            prepared_format.write_columns(temporary, stored)
        with atomic_file(self._partial.dataset / INFO_FILE) as temporary:
            info = prepared_format.sealed(self._info(columns, drops))
            temporary.write_text(json.dumps(info, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self._partial.publish()
        return open_prepared(self.output)

    def _info(self, columns: Columns, drops: Columns) -> dict:
        """Returns the content of `dataset.json`."""
        folder = self._partial.dataset
        shards = [shard.entry for shard in self._partial.shards]
        labels, records = (prepared_format.file_entry(folder / name) for name in (LABELS_FILE, RECORDS_FILE))
        counts: dict[str, dict[str, int]] = {}
        unlabelled: dict[str, int] = {}
        for position, split in enumerate(SPLITS):
            in_split = columns["labels"][columns["splits"] == position]
            counts[split] = {
                name: int(np.sum(in_split == label)) for label, name in enumerate(self.label_names)
            }
            unlabelled[split] = int(np.sum(in_split < 0))
        return {
            **self._header,
            "num_images": self.num_rows,
            "counts": counts,
            "unlabelled": unlabelled,
            "dropped": dict(sorted(Counter(drops["drop_reasons"].tolist()).items())),
            "config_hash": prepared_format.config_hash(self._header),
            "content_hash": prepared_format.content_hash([entry["sha256"] for entry in (*shards, labels)]),
            "written_by": f"keras-fer {__version__}",
            "shards": shards,
            "labels": labels,
            "records": records,
        }
