"""The records of a whole data set in little memory."""

import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.data.records import Box, Record

_CHUNK = 64


class PackedRecords:
    """Records in the order of a reader, packed 64 by 64: about a hundred bytes each instead of a thousand.

    A data set has hundreds of thousands, all of which are looked at before the first image is decoded: to
    count them, to choose a sample, to number the persons. Pixels that a record holds stay as they are.

    Args:
        records: any number; those of one chunk are held at a time.
    """

    def __init__(self, records: Iterable[Record]):
        self._chunks: list[tuple[bytes, list[np.ndarray]]] = []
        self._length = 0
        remaining = iter(records)
        while chunk := list(islice(remaining, _CHUNK)):
            text = json.dumps([_row(record) for record in chunk], separators=(",", ":"))
            pixels = [record.image for record in chunk if isinstance(record.image, np.ndarray)]
            self._chunks.append((zlib.compress(text.encode("ascii"), 1), pixels))
            self._length += len(chunk)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Record]:
        return self.since(0)

    def since(self, position: int) -> Iterator[Record]:
        """Yields the records from a position on."""
        first = position // _CHUNK
        for number in range(first, len(self._chunks)):
            yield from self._unpacked(number)[max(0, position - number * _CHUNK) :]

    def __getitem__(self, position: int) -> Record:
        if not 0 <= position < self._length:
            raise IndexError(f"There are {self._length} records. Received: {position}")
        number, place = divmod(position, _CHUNK)
        return self._unpacked(number)[place]

    def _unpacked(self, number: int) -> list[Record]:
        text, pixels = self._chunks[number]
        remaining = iter(pixels)
        return [_record(row, remaining) for row in json.loads(zlib.decompress(text))]


def _row(record: Record) -> list[Any]:
    """Returns a record as JSON types; its pixels are `True`, to be put in their place again."""
    image: str | bool | None = None
    if record.image is not None:
        image = True if isinstance(record.image, np.ndarray) else str(record.image)
    return [
        record.source,
        record.split,
        image,
        record.label,
        record.box,
        record.soft_label,
        record.valence_arousal,
        record.subject,
        record.factors,
        record.training_only,
        record.dropped,
    ]


def _record(row: list[Any], pixels: Iterator[np.ndarray]) -> Record:
    source, split, image, label, box, soft_label, ratings, subject, factors, training_only, dropped = row
    return Record(
        source=source,
        split=split,
        image=next(pixels) if image is True else image and Path(image),
        label=label,
        box=box and Box(*box),
        soft_label=soft_label and tuple(soft_label),
        valence_arousal=ratings and tuple(ratings),
        subject=subject,
        factors=factors,
        training_only=training_only,
        dropped=dropped,
    )
