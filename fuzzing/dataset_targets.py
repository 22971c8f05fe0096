"""Targets of what is read to prepare a data set, and of a prepared one."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_target import require
from mutators import Mutate, Mutator, json_mutator, tar_mutator, zip_mutator
from PIL import Image

from keras_fer.data import prepared_format
from keras_fer.data.archives import data_folder
from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.data.readers import open_source
from keras_fer.data.records import SPLITS, Record


def write_picture(path: Path) -> None:
    """Writes a gray picture of 48 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (48, 48), 90).save(path)


def set_up_lists(folder: Path) -> None:
    """Writes the images that lists may name, and two that they must not reach."""
    for name in ("train", "test"):
        write_picture(folder / "rafdb" / "Image" / "aligned" / f"{name}_00001_aligned.jpg")
    (folder / "rafdb" / "EmoLabel").mkdir()
    write_picture(folder / "expw" / "image" / "origin" / "a.jpg")
    write_picture(folder / "csv" / "a.png")
    write_picture(folder / "csv" / "faces" / "b.png")
    write_picture(folder / "affectnet" / "Manually_Annotated_Images" / "1" / "a.jpg")
    for part in ("Train", "Valid", "Test"):
        write_picture(folder / "ferplus" / f"FER2013{part}" / "fer0000000.png")
    (folder / "fer2013").mkdir()
    (folder / "secret.png").write_bytes((folder / "csv" / "a.png").read_bytes())
    (folder / "csv" / "out.png").symlink_to(folder / "secret.png")


_LISTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("fer2013", "fer2013.csv", {}),
    ("ferplus", "fer2013new.csv", {}),
    ("ferplus", "fer2013new.csv", {"mode": "votes", "test_usage": "PrivateTest"}),
    ("affectnet", "training.csv", {}),
    ("affectnet", "training.csv", {"boxes": "landmarks", "taxonomy": "expressions-7"}),
    ("csv", "list.csv", {}),
    ("csv", "list.csv", {"label_names": "happy,sad,angry"}),
)
_LABEL_LISTS = (("rafdb", "EmoLabel/list_patition_label.txt"), ("expw", "label.lst"))


def csv_lists(data: bytes, folder: Path) -> None:
    """The CSV readers; the first byte chooses the data set."""
    source, name, options = _LISTS[data[0] % len(_LISTS)] if data else _LISTS[0]
    (folder / source / name).write_bytes(data[1:])
    _read(source, folder / source, options)


def label_lists(data: bytes, folder: Path) -> None:
    """The readers of lists with blanks between the columns; the first byte chooses the data set."""
    source, name = _LABEL_LISTS[data[0] % 2] if data else _LABEL_LISTS[0]
    (folder / source / name).write_bytes(data[1:])
    _read(source, folder / source, {})


def _read(source: str, root: Path, options: dict[str, Any]) -> None:
    reader = open_source(source, root, **options)
    seen = set()
    for record in reader:
        _check_record(record, root, len(reader.label_names))
        require(record.source not in seen, record)
        seen.add(record.source)


def _check_record(record: Record, root: Path, num_classes: int) -> None:
    record.source.encode("utf-8")
    require(record.split in SPLITS and -1 <= record.label < num_classes, record)
    if isinstance(record.image, Path):
        require(record.image.resolve().is_relative_to(root.resolve()), record)
    if record.dropped is None:
        require(record.image is not None, record)
    if record.box is not None:
        left, top, right, bottom = record.box
        require(left < right and top < bottom and all(map(math.isfinite, record.box)), record)
    if record.soft_label is not None:
        require(abs(sum(record.soft_label) - 1) < 1e-6 and min(record.soft_label) >= 0, record)
    for value in record.valence_arousal or ():
        require(math.isnan(value) or -1 <= value <= 1, record)


def set_up_npy(folder: Path) -> None:
    """Writes an AffectNet of the release of 2021, with one image."""
    write_picture(folder / "train_set" / "images" / "0.jpg")
    annotations = folder / "train_set" / "annotations"
    annotations.mkdir()
    for kind, value in (("exp", "3"), ("val", "0.5"), ("aro", "-0.5")):
        np.save(annotations / f"0_{kind}.npy", np.array(value))
    np.save(annotations / "0_lnd.npy", np.arange(136.0))


def npy_annotations(data: bytes, folder: Path) -> None:
    """The npy layout of AffectNet; the first byte chooses which of the four annotations it is."""
    kind = ("exp", "val", "aro", "lnd")[(data[0] if data else 0) % 4]
    path = folder / "train_set" / "annotations" / f"0_{kind}.npy"
    before = path.read_bytes()
    try:
        path.write_bytes(data[1:])
        _read("affectnet", folder, {"boxes": "landmarks" if data[:1] > b"\x7f" else "annotated"})
    finally:
        path.write_bytes(before)


def archives(data: bytes, folder: Path) -> None:
    """Archives of data sets; the first byte chooses the suffix."""
    suffix = (".zip", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz")[(data[0] if data else 0) % 5]
    path = folder / "archives" / f"set{suffix}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data[1:])
    before = sorted(folder.rglob("*"))
    with data_folder(path, folder / "archives" / "extracted") as found:
        for entry in found.rglob("*"):
            require(not entry.is_symlink() and (entry.is_file() or entry.is_dir()), entry)
    require(sorted(folder.rglob("*")) == before, "something is left, or lies elsewhere")


def archive_mutator(mutate: Mutate) -> Mutator:
    """Changes members of archives, which stay archives."""
    in_zip, in_tar = zip_mutator(mutate, prefix=1), tar_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        kind = (data[0] if data else 0) % 5
        chosen = in_zip if kind == 0 else in_tar if kind == 1 else None
        return mutate(data, max_size) if chosen is None else chosen(data, max_size, seed)

    return mutated


# The prepared data set


def set_up_prepared(folder: Path) -> None:
    """Writes a prepared data set, one that was begun, and a copy of that."""
    with _writer(folder / "whole") as writer:
        _append(writer, 6)
        writer.finish()
    writer = _writer(folder / "begun")
    with writer:
        _append(writer, 3)
        writer.drop("no reason", "x.png")
    shutil.copytree(folder / "begun.partial", folder / "kept.partial")


def _writer(output: Path) -> PreparedWriter:
    return PreparedWriter(
        output,
        source="a",
        label_names=("b", "c"),
        image_shape=(4, 4, 1),
        rows_per_shard=2,
        config={"seed": 0},
    )


def _append(writer: PreparedWriter, count: int) -> None:
    writer.append(
        np.arange(count * 16, dtype=np.uint8).reshape(count, 4, 4, 1),
        labels=[row % 2 for row in range(count)],
        splits=[row % 3 for row in range(count)],
        sources=[f"{row}.png" for row in range(count)],
        soft_labels=np.full((count, 2), 0.5),
        factors={"yaw": np.arange(count)},
    )


def prepared(data: bytes, folder: Path) -> None:
    """A prepared data set, whole or begun; the first byte chooses the file that the rest replaces.

    Checksums are set right, as somebody would who means harm.
    """
    kind, content = (data[0] if data else 0) % 5, data[1:]
    if kind < 3:
        copy = folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder / "whole", copy)
        names = (prepared_format.INFO_FILE, prepared_format.LABELS_FILE, prepared_format.shard_name(0))
        (copy / names[kind]).write_bytes(content)
        _seal(copy)
        dataset = open_prepared(copy, verify="checksums")
        images = dataset.images(np.arange(len(dataset)))
        require(
            images.shape == (len(dataset), *dataset.image_shape) and images.dtype == np.uint8, images.shape
        )
        for split in SPLITS:
            require(dataset.class_counts(split).sum() <= len(dataset), split)
        require(dataset.judged_split in SPLITS, dataset.judged_split)
        return
    begun = folder / "begun.partial"
    shutil.rmtree(begun, ignore_errors=True)
    shutil.copytree(folder / "kept.partial", begun)
    (begun / ("partial.json" if kind == 3 else "rows/rows-00000.npz")).write_bytes(content)
    output = folder / "begun"
    shutil.rmtree(output, ignore_errors=True)
    with _writer(output) as writer:
        require(0 <= writer.rows_done <= 3, writer.rows_done)
        if writer.records_done:
            writer.sources()
        else:
            _append(writer, 3)
        writer.finish()


def _seal(copy: Path) -> None:
    """Makes sizes and checksums right, as far as there are entries for them."""
    file = copy / prepared_format.INFO_FILE
    try:
        info = json.loads(file.read_bytes())
        entries = [*info["shards"], info["labels"], info["records"]]
        for entry in entries:
            path = copy / entry["name"]
            if path.parent == copy and path.is_file():
                entry |= prepared_format.file_entry(path)
        info["content_hash"] = prepared_format.content_hash([entry["sha256"] for entry in entries[:-1]])
        info["checksum"] = prepared_format.config_hash(
            {key: value for key, value in info.items() if key != "checksum"}
        )
        file.write_text(json.dumps(info))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        return


def prepared_mutator(mutate: Mutate) -> Mutator:
    """Changes values of JSON and members of npz files, or any byte."""
    in_json, in_zip = json_mutator(mutate, prefix=1), zip_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        kind = (data[0] if data else 0) % 5
        if kind == 2:
            return mutate(data, max_size)
        return (in_json if kind in (0, 3) else in_zip)(data, max_size, seed)

    return mutated
