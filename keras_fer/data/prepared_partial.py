"""The folder `OUT.partial` in which a prepared data set grows, shard by shard, so that it can be resumed.

partial.json        the configuration, compared on resuming
.lock               held by the process that writes
dataset/            becomes OUT: the image shards, then the files of the finished data set
rows/rows-00000.npz the columns and drops of each whole shard; written after its images
"""

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_fer.atomic import atomic_file, fsync
from keras_fer.data import prepared_format
from keras_fer.data.prepared_format import Columns
from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.folder_lock import folder_lock

DROP_KEYS = ("drop_positions", "drop_reasons", "drop_sources")


class Shard(NamedTuple):
    """One whole shard: its entry in `dataset.json`, the columns of its rows, and the drops among them."""

    entry: dict
    columns: Columns
    drops: Columns


class PartialFolder:
    """Opens or makes the partial folder of an output and finds its whole shards.

    Args:
        output: the folder that will be made in the end.
        config: the configuration, JSON-serialisable; its `label_names` are those of the data set.

    Raises:
        FERError: if the folder is of another configuration, of another program, or in use by a process.
    """

    def __init__(self, output: Path, config: dict) -> None:
        self.output = Path(os.path.abspath(output))
        self.path = self.output.with_name(f"{self.output.name}.partial")
        self.dataset, self._rows = self.path / "dataset", self.path / "rows"
        self._num_classes = len(config["label_names"])
        self._lock = ExitStack()
        config_file = self.path / "partial.json"
        if self.path.exists() and not config_file.is_file() and any(self.path.iterdir()):
            raise FERError(f"{str(self.path)!r} is in the way. Remove it or name another output.")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FERError(f"The folder {str(self.path)!r} cannot be made: {error.strerror}.") from error
        if config_file.is_file():
            self._compare(config_file, config)
        else:
            with atomic_file(config_file) as temporary:
                temporary.write_text(json.dumps(config, indent=1, sort_keys=True), encoding="utf-8")
        self._lock.enter_context(folder_lock(self.path, "writing"))
        self.dataset.mkdir(exist_ok=True)
        self._rows.mkdir(exist_ok=True)
        self.shards = self._whole_shards()

    def _compare(self, config_file: Path, config: dict) -> None:
        """Refuses to continue what another configuration began."""
        try:
            begun = parsed_json(config_file.read_text(encoding="utf-8"))
            if not isinstance(begun, dict):
                raise ValueError("it is no object")
        except (OSError, ValueError) as error:
            raise FERError(f"{str(config_file)!r} is damaged. Remove {str(self.path)!r}.") from error
        config = json.loads(json.dumps(config))
        if begun != config:
            differing = _differing(begun, config)
            raise FERError(
                f"{str(self.path)!r} was begun with another configuration (it differs in "
                f"{', '.join(differing)}). Repeat the former command to resume it, or remove that folder."
            )

    def _whole_shards(self) -> list[Shard]:
        """Reads shards up to the first that is missing or differs from its checksum."""
        shards: list[Shard] = []
        while (rows_file := self._rows_file(len(shards))).is_file():
            try:
                shards.append(self._whole_shard(len(shards), prepared_format.load_columns(rows_file)))
            except (FERError, OSError, KeyError, ValueError):
                break
        return shards

    def _whole_shard(self, index: int, columns: Columns) -> Shard:
        """Returns the next shard; raises `ValueError` or `KeyError` if it is not as `add` left it."""
        entry = parsed_json(str(columns.pop("entry")))
        drops = {key: columns.pop(key) for key in DROP_KEYS}
        num_images = len(columns["labels"])
        file = self.dataset / prepared_format.shard_name(index)
        if entry != prepared_format.file_entry(file, num_images=num_images):
            raise ValueError(f"{file.name} has changed")
        checked = prepared_format.checked_columns(columns, num_images, self._num_classes)
        kinds = [(drops[key].ndim, drops[key].dtype.kind, len(drops[key])) for key in DROP_KEYS]
        are_drops = kinds == [(1, kind, len(drops[DROP_KEYS[0]])) for kind in "iUU"]
        are_texts = columns["sources"].dtype.kind == "U"
        if not (are_drops and are_texts and set(prepared_format.HASH_COLUMNS) <= set(checked)):
            raise ValueError("a column is missing or of another kind")
        return Shard(entry, checked, drops)

    def _rows_file(self, index: int) -> Path:
        """Returns the file of the columns of one shard."""
        return self._rows / f"rows-{index:05d}.npz"

    def add(self, images: Sequence[np.ndarray], columns: Columns, drops: Columns) -> None:
        """Writes the next shard; it counts once its columns are on the disk."""
        file = self.dataset / prepared_format.shard_name(len(self.shards))
        num_images = len(columns["labels"])
        with atomic_file(file) as temporary:
            prepared_format.write_shard(temporary, images, num_images)
        entry = prepared_format.file_entry(file, num_images=num_images)
        with atomic_file(self._rows_file(len(self.shards))) as temporary:
            prepared_format.write_columns(
                temporary, {**columns, **drops, "entry": np.array(json.dumps(entry))}
            )
        self.shards.append(Shard(entry, columns, drops))

    def publish(self) -> None:
        """Renames the finished data set to the output and removes the rest."""
        fsync(self.dataset)
        self.dataset.replace(self.output)
        fsync(self.output.parent)
        self.discard()

    def discard(self) -> None:
        """Removes the partial folder."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Releases the lock."""
        self._lock.close()


def _differing(begun: dict, config: dict) -> list[str]:
    """Returns the names of the entries that differ, those of nested mappings by their own names."""
    names = []
    for key in sorted({*begun, *config}):
        one, other = begun.get(key), config.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            names += _differing(one, other)
        elif one != other:
            names.append(key)
    return names
