"""Targets of what is read of models, runs and ablations."""

import hashlib
import json
import shutil
from pathlib import Path

from dataset_targets import set_up_prepared
from fuzz_target import require
from mutators import Mutate, Mutator, json_mutator
from PIL import Image

from keras_fer.cli.train import _config as train_config
from keras_fer.contract import ModelContract
from keras_fer.data.prepared import open_prepared
from keras_fer.evaluation.intervention_files import read_study, study_page, study_text, write_study
from keras_fer.evaluation.leakage_files import read_matrix
from keras_fer.evaluation.report import RunReport, report_page
from keras_fer.runtime.model_file import read_contract
from keras_fer.training import run_folder
from keras_fer.training.ablation_config import read_ablation
from keras_fer.training.ablation_folder import AblationFolder
from keras_fer.training.checkpoint_folder import newest_checkpoint
from keras_fer.training.resume import stopped_run
from keras_fer.training.run_tables import read_tables
from keras_fer.training.tf_config import tf_config_cluster


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


def set_up_run(folder: Path) -> None:
    """Makes an empty run folder beside a prepared data set."""
    set_up_prepared(folder)
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


def ablation_mutator(mutate: Mutate) -> Mutator:
    """Changes values of JSON, or any byte of TOML."""
    in_json = json_mutator(mutate, prefix=1)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate(data, max_size) if data and data[0] % 3 == 1 else in_json(data, max_size, seed)

    return mutated


# Results


def set_up_results(folder: Path) -> None:
    """Writes the pictures of a study."""
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
