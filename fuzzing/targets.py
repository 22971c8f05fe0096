"""What is fuzzed: every parser of this package, each as a function of bytes.

A target may end in a `FERError`; any other exception is a finding, and so is an invariant that does not
hold. Targets need no atheris: the tests run each over its corpus.
"""

import dataclasses
import hashlib
import json
import math
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mutators import Mutate, Mutator, json_mutator, tar_mutator, zip_mutator
from PIL import Image

from keras_fer.cli.train import _config as train_config
from keras_fer.contract import ModelContract
from keras_fer.data import prepared_format
from keras_fer.data.archives import data_folder
from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.data.readers import open_source
from keras_fer.data.records import SPLITS, Record
from keras_fer.errors import FERError
from keras_fer.evaluation.intervention_files import read_study, study_page, study_text, write_study
from keras_fer.evaluation.leakage_files import read_matrix
from keras_fer.evaluation.report import RunReport, report_page
from keras_fer.runtime.images import load_image
from keras_fer.runtime.letterbox import letterboxed
from keras_fer.runtime.model_file import read_contract
from keras_fer.runtime.sources import sources
from keras_fer.training import run_folder
from keras_fer.training.ablation_config import read_ablation
from keras_fer.training.ablation_folder import AblationFolder
from keras_fer.training.checkpoint_folder import newest_checkpoint
from keras_fer.training.resume import stopped_run
from keras_fer.training.run_tables import read_tables
from keras_fer.training.tf_config import tf_config_cluster

Run = Callable[[bytes, Path], None]


@dataclasses.dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Args:
        run: takes the input and a folder of its own, which `setup` has filled.
        parsers: what it covers, in words.
        setup: fills the folder, once.
        mutator: makes a mutator from libFuzzer's own; None for that alone.
        max_bytes: largest input.
    """

    run: Run
    parsers: str
    setup: Callable[[Path], None] = lambda folder: None
    mutator: Callable[[Mutate], Mutator] | None = None
    max_bytes: int = 8192


def checked(run: Run, data: bytes, folder: Path) -> FERError | None:
    """Runs a target on one input; returns the error that the input ended in, which must be one sentence."""
    try:
        run(data, folder)
    except FERError as error:
        message = str(error)
        if not message.isprintable() or len(message) > 4000:
            raise AssertionError(f"not one readable sentence: {message[:400]!r}") from error
        return error
    return None


def require(holds: bool, what: object) -> None:
    """Makes an invariant that does not hold a finding."""
    if not holds:
        raise AssertionError(repr(what))


# Data sets


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (48, 48), 90).save(path)


def _set_up_lists(folder: Path) -> None:
    for name in ("train", "test"):
        _picture(folder / "rafdb" / "Image" / "aligned" / f"{name}_00001_aligned.jpg")
    (folder / "rafdb" / "EmoLabel").mkdir()
    _picture(folder / "expw" / "image" / "origin" / "a.jpg")
    _picture(folder / "csv" / "a.png")
    _picture(folder / "csv" / "faces" / "b.png")
    _picture(folder / "affectnet" / "Manually_Annotated_Images" / "1" / "a.jpg")
    for part in ("Train", "Valid", "Test"):
        _picture(folder / "ferplus" / f"FER2013{part}" / "fer0000000.png")
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


def _set_up_npy(folder: Path) -> None:
    _picture(folder / "train_set" / "images" / "0.jpg")
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


def _archive_mutator(mutate: Mutate) -> Mutator:
    in_zip, in_tar = zip_mutator(mutate, prefix=1), tar_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        kind = (data[0] if data else 0) % 5
        chosen = in_zip if kind == 0 else in_tar if kind == 1 else None
        return mutate(data, max_size) if chosen is None else chosen(data, max_size, seed)

    return mutated


# The prepared data set


def _set_up_prepared(folder: Path) -> None:
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


def _prepared_mutator(mutate: Mutate) -> Mutator:
    in_json, in_zip = json_mutator(mutate, prefix=1), zip_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        kind = (data[0] if data else 0) % 5
        if kind == 2:
            return mutate(data, max_size)
        return (in_json if kind in (0, 3) else in_zip)(data, max_size, seed)

    return mutated


# Models


def contract(data: bytes, folder: Path) -> None:
    """The contract of a model."""
    read = ModelContract.from_json(data)
    require(ModelContract.from_json(read.to_json()) == read, read)


def tf_config(data: bytes, folder: Path) -> None:
    """What launchers put into an environment variable."""
    cluster = tf_config_cluster(data.decode("utf-8", "surrogateescape"))
    if cluster is not None:
        require(0 <= cluster.worker < cluster.num_workers, cluster)


def model_file(data: bytes, folder: Path) -> None:
    """The contract inside a `.tflite` file."""
    path = folder / "model.tflite"
    path.write_bytes(data)
    read = read_contract(path)
    require(len(read.label_names) >= 2, read)


# Runs


_RUN_FILES = ("config.json", "history.csv", "checkpoint", "config.json of a stopped run", "report tables")


def _set_up_run(folder: Path) -> None:
    _set_up_prepared(folder)
    (folder / "run").mkdir()


def run_files(data: bytes, folder: Path) -> None:
    """What is read back from a run folder; the first byte chooses the file."""
    kind, content = (data[0] if data else 0) % len(_RUN_FILES), data[1:]
    run = folder / "run"
    shutil.rmtree(run)
    run.mkdir()
    if kind == 0:
        (run / run_folder.CONFIG).write_bytes(content)
        config = run_folder.read_config(run)
        require(isinstance(config, dict), config)
        run_folder.judged_dataset(config).exists()
        train_config(Path("data"), run, run / run_folder.CONFIG, {})
    elif kind == 1:
        (run / run_folder.HISTORY).write_bytes(content)
        report_page(RunReport("a", history=run_folder.read_history(run)))
    elif kind == 2:
        _write_checkpoint(run, content)
        newest_checkpoint(run)
    elif kind == 3:
        (run / run_folder.CONFIG).write_bytes(_with_dataset(content, folder))
        (run / run_folder.CHECKPOINTS).mkdir()
        stopped_run(run)
    else:
        (run / run_folder.REPORT_TABLES).write_bytes(content)
        tables = read_tables(run / run_folder.REPORT_TABLES)
        report_page(RunReport("a", probes=tables.probes, exports=tables.exports))


def _with_dataset(content: bytes, folder: Path) -> bytes:
    """Names a data set that is there, so that the rest is read too."""
    try:
        values = json.loads(content)
        if values["dataset"] == "DATASET":
            dataset = open_prepared(folder / "whole")
            values |= {"dataset": str(dataset.path), "dataset_hash": dataset.content_hash}
        return json.dumps(values).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return content


def _write_checkpoint(run: Path, state: bytes) -> None:
    checkpoint = run / run_folder.CHECKPOINTS / "epoch-00001"
    checkpoint.mkdir(parents=True)
    (run / run_folder.CONFIG).write_bytes(b"{}")
    digest = hashlib.sha256(b"{}").hexdigest().encode()
    contents = {
        "variables.npz": b"",
        "state.json": state.replace(b"CONFIG_SHA256", digest),
        "model.keras": b"",
    }
    for name, content in contents.items():
        (checkpoint / name).write_bytes(content)
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in contents.items())
    (checkpoint / "SHA256SUMS").write_text("".join(sums))


def ablations(data: bytes, folder: Path) -> None:
    """Ablations as JSON or TOML, and results of their runs; the first byte chooses."""
    kind, content = (data[0] if data else 0) % 3, data[1:]
    if kind < 2:
        path = folder / ("ablation.json", "ablation.toml")[kind]
        path.write_bytes(content)
        config = read_ablation(path)
        again = type(config).from_dict(json.loads(json.dumps(config.to_dict())))
        require(again.to_dict() == config.to_dict(), config)
        return
    path = folder / "plain.json"
    path.write_text('{"dataset": "a", "variants": {"b": {}}, "seeds": [0]}')
    config, ablation = read_ablation(path), AblationFolder(folder / "ablation")
    result = ablation.run_folder(config.runs()[0]) / "result.json"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_bytes(content)
    ablation.results(config.runs())


def _ablation_mutator(mutate: Mutate) -> Mutator:
    in_json = json_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate(data, max_size) if data and data[0] % 3 == 1 else in_json(data, max_size, seed)

    return mutated


# Results


def _set_up_results(folder: Path) -> None:
    (folder / "study").mkdir()
    for name in ("neighbours", "swap_grid", "traversal"):
        Image.new("L", (2, 2)).save(folder / "study" / f"{name}.png")
    (folder / "study" / "embedding.svg").write_text("<svg/>")
    (folder / "again").mkdir()


def results(data: bytes, folder: Path) -> None:
    """`probes.json` and `interventions.json`, read back for a report; the first byte chooses."""
    if data and data[0] % 2:
        (folder / "study" / "interventions.json").write_bytes(data[1:])
        study = read_study(folder / "study")
        if study is not None:
            study_page(study, "a"), study_text(study)
            report_page(RunReport("a", study=study))
            write_study(folder / "again", study, "a")
        return
    (folder / "probes.json").write_bytes(data[1:])
    matrix = read_matrix(folder)
    if matrix is not None:
        report_page(RunReport("a", matrix=matrix))
        matrix.to_dict()


# Pictures


def images(data: bytes, folder: Path) -> None:
    """Pictures of every format that is read."""
    path = folder / "picture"
    path.write_bytes(data)
    pixels = load_image(path, max_pixels=1_000_000)
    require(pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, pixels.shape)
    require(0 < pixels.shape[0] * pixels.shape[1] <= 1_000_000, pixels.shape)


def _set_up_sources(folder: Path) -> None:
    _picture(folder / "photos" / "a.jpg")
    _picture(folder / "photos" / "more" / "é.png")
    (folder / "film.mp4").write_bytes(b"")


def source_names(data: bytes, folder: Path) -> None:
    """What a user names as input, looked up below the folder; and parts of pictures in a square."""
    if data and data[0] % 2:
        return _letterbox(data[1:])
    # As the system gives arguments that are not UTF-8.
    text = data[1:].decode("utf-8", "surrogateescape")
    if ".." in text:
        return None
    text = text if text.startswith("camera") else f"{folder}/{text}"
    for source in sources(text):
        require(not source.copy_name.is_absolute() and ".." not in source.copy_name.parts, source)
        if source.kind == "photo":
            load_image(source.name)
    return None


def _letterbox(data: bytes) -> None:
    if len(data) < 14:
        return
    width, height, size, *edges = struct.unpack("<HHHhhhh", data[:14])
    width, height, size = width % 600 + 1, height % 600 + 1, size % 300 + 1
    region = tuple(edge / 8 for edge in edges)
    left, top, right, bottom = region
    inside = max(left, 0) < min(right, width) and max(top, 0) < min(bottom, height)
    square, place = letterboxed(Image.new("RGB", (width, height)), region if inside else None, size)
    require(square.shape == (size, size, 3) and square.dtype == np.uint8, square.shape)
    require(bool(np.isfinite(place.undo(np.array([[0.0, size]]))).all()), place)


TARGETS: dict[str, Target] = {
    "csv_lists": Target(csv_lists, "fer2013, FER+, AffectNet 2017 and generic CSV", _set_up_lists),
    "label_lists": Target(label_lists, "label lists of RAF-DB and ExpW", _set_up_lists, max_bytes=4096),
    "npy_annotations": Target(npy_annotations, "npy labels and landmarks of AffectNet 2021", _set_up_npy),
    "archives": Target(
        archives, "zip and tar archives of data sets", mutator=_archive_mutator, max_bytes=16384
    ),
    "prepared": Target(
        prepared,
        "prepared data set: manifest, labels, shards, what an interruption leaves",
        _set_up_prepared,
        _prepared_mutator,
        16384,
    ),
    "contract": Target(contract, "contract of a model", mutator=json_mutator),
    "tf_config": Target(tf_config, "the variable `TF_CONFIG`", mutator=json_mutator, max_bytes=2048),
    "model_file": Target(model_file, "contract inside a `.tflite` file", mutator=zip_mutator),
    "run_files": Target(
        run_files,
        "run folder: config, history, checkpoint, report tables",
        _set_up_run,
        lambda mutate: json_mutator(mutate, prefix=1),
    ),
    "ablations": Target(
        ablations, "ablation as JSON and TOML, results of its runs", mutator=_ablation_mutator
    ),
    "results": Target(
        results,
        "probes.json and interventions.json",
        _set_up_results,
        lambda mutate: json_mutator(mutate, prefix=1),
        16384,
    ),
    "images": Target(images, "pictures of all formats", max_bytes=32768),
    "source_names": Target(source_names, "names of inputs, letterboxes", _set_up_sources, max_bytes=1024),
}
