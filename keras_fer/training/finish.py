"""After training: the best model is evaluated, and the run gets its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.evaluation.evaluate import EvaluatedPredictions, evaluate
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_files import read_matrix
from keras_fer.evaluation.leakage_matrix import LeakageMatrix
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.recognizers import KerasRecognizer
from keras_fer.evaluation.report import RunReport, write_report
from keras_fer.evaluation.samples import choose_samples
from keras_fer.models.loading import load_model
from keras_fer.training import run_folder


def finish(run: Path) -> Evaluation:
    """Evaluates the best model of a run and writes `evaluation.json` and `report.html`.

    Args:
        run: the folder that `fit` left.

    Returns:
        The scores on the test split; on the validation split where there is no test split.
    """
    dataset = open_prepared(run_folder.read_config(run)["dataset"])
    split = "test" if len(dataset.indices("test")) else "validation"
    predictions = evaluate(KerasRecognizer(load_model(run)), dataset, split)
    run_folder.write_json(run / run_folder.EVALUATION, predictions.evaluation.to_dict())
    write_run_report(run, predictions, dataset)
    return predictions.evaluation


def write_run_report(
    run: Path,
    predictions: EvaluatedPredictions,
    dataset: PreparedDataset,
    probes: Sequence[RepresentationProbe] | None = None,
    exports: Sequence[Mapping[str, Any]] | None = None,
    matrix: LeakageMatrix | None = None,
) -> None:
    """Writes `report.html` of a run.

    Args:
        run: its folder.
        predictions: what `evaluate` returned for `dataset`.
        dataset: the data that was evaluated on.
        probes: rows of `measure_leakage`, or None.
        exports: one row per exported file, or None.
        matrix: the leakage matrix; None for the one that `keras-fer probe` left in the folder, if any.
    """
    config = run_folder.read_config(run)
    environment = config["environment"]
    packages = environment["packages"]
    summary = [
        ("Preset", config["preset"]),
        ("Backbone", f"{config['backbone']}, {config['num_parameters']:,} parameters in all"),
        ("Data set", f"{dataset.info.get('source', '')} at {dataset.path.name}"),
        ("Data hash", dataset.content_hash[:16]),
        (
            "Evaluated on",
            f"{predictions.evaluation.num_images} images of split {predictions.evaluation.split}",
        ),
        ("Epoch chosen on", f"split {config['validation_split']}"),
        ("Seed", str(config["seed"])),
        ("Versions", ", ".join(f"{name} {number}" for name, number in packages.items() if number)),
        ("Git revision", environment["git_revision"] or "not run from a checkout"),
    ]
    notes = []
    if config["validation_split"] == "test":
        notes.append(
            "The best epoch was chosen on the split that is reported, as much of the literature does: "
            "the accuracy is optimistic."
        )
    report = RunReport(
        title=f"{config['preset']} on {dataset.info.get('source', dataset.path.name)}",
        summary=summary,
        config=config,
        history=run_folder.read_history(run),
        evaluation=predictions.evaluation,
        samples=choose_samples(predictions, dataset),
        probes=probes,
        matrix=read_matrix(run) if matrix is None else matrix,
        exports=exports,
        notes=notes,
    )
    write_report(run / run_folder.REPORT, report)
