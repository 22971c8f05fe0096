"""Faces that a list names: unique sources, and nothing twice."""

import dataclasses

from keras_fer.data.readers import reasons
from keras_fer.data.records import Box, Record


class Listing:
    """What a list has named so far.

    The first record of an image is called by its path. A second face in the same photo is called by
    its row; the same face again is dropped.
    """

    def __init__(self) -> None:
        self._sources: set[str] = set()
        self._faces: set[tuple[str, Box | None]] = set()

    def add(self, record: Record, row_source: str) -> Record:
        """Returns the record under a source that no earlier record has.

        Args:
            record: a record whose source is the path of its image, or `row_source`.
            row_source: the row that it comes from, such as `"label.csv#12"`.
        """
        face = (record.source, record.box)
        if record.source in self._sources:
            while row_source in self._sources:  # a file may be called like a row
                row_source += "'"
            twice = reasons.LISTED_TWICE if face in self._faces else None
            record = dataclasses.replace(record, source=row_source, dropped=record.dropped or twice)
        self._sources.add(record.source)
        if record.dropped is None:
            self._faces.add(face)
        return record
