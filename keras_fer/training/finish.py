"""After training: the best model is evaluated, and the run gets its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.calibration import Confidences
from keras_fer.evaluation.evaluate import EvaluatedPredictions, evaluate
from keras_fer.evaluation.intervention_files import read_study
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_files import read_matrix
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.recognizers import KerasRecognizer
from keras_fer.evaluation.report import RunReport, write_report
from keras_fer.evaluation.report_calibration import CalibrationFacts
from keras_fer.evaluation.samples import choose_samples
from keras_fer.models.loading import load_model
from keras_fer.training import run_folder
from keras_fer.training.checkpoint_folder import is_unfinished
from keras_fer.training.run_tables import RunTables, read_tables, write_tables
from keras_fer.training.tensorboard_projector import write_projector


def finish(run: Path) -> Evaluation:
    """Evaluates the best model of a run; writes `evaluation.json`, `report.html` and TensorBoard's projector.

    Args:
        run: the folder that `fit` left.

    Returns:
        The scores on the test split; on the validation split where there is no test split.
    """
    config = run_folder.read_config(run)
    dataset, model = open_prepared(config["dataset"]), load_model(run)
    predictions = judged_predictions(model, dataset)
    run_folder.write_json(run / run_folder.EVALUATION, predictions.evaluation.to_dict())
    write_run_report(run, predictions, dataset)
    if config.get("factors") is None and (run / run_folder.TENSORBOARD).is_dir():
        write_projector(run / run_folder.TENSORBOARD, model, dataset, config["validation_split"])
    return predictions.evaluation


def rewrite_report(run: Path, model: Any) -> bool:
    """Writes the report of a finished run anew, with what was found since and lies in its folder.

    Args:
        run: its folder.
        model: its best model, to predict the images of the report again.

    Returns:
        Whether it was written: not where there is no report yet, or the run's data set is gone.

    Raises:
        FERError: if the data set cannot be read.
    """
    if not (run / run_folder.REPORT).is_file():
        return False
    path = run_folder.judged_dataset(run_folder.read_config(run))
    if not path.is_dir():
        return False
    dataset = open_prepared(path)
    write_run_report(run, judged_predictions(model, dataset), dataset)
    return True


def judged_predictions(model: Any, dataset: PreparedDataset) -> EvaluatedPredictions:
    """Returns what a model says of the split that a run is judged on.

    Args:
        model: of the run.
        dataset: that it is judged on.
    """
    return evaluate(KerasRecognizer(model), dataset, dataset.judged_split)


def _title(config: Mapping[str, Any], dataset: PreparedDataset) -> str:
    erased = f", {config['erased']['factor']} erased" if config.get("erased") else ""
    return f"{config['preset']}{erased} on {dataset.info.get('source', dataset.path.name)}"


def report_summary(
    run: Path, config: Mapping[str, Any], predictions: EvaluatedPredictions, dataset: PreparedDataset
) -> list[tuple[str, str]]:
    """Returns what a report says of how a run was trained and judged, as names and values.

    Args:
        run: its folder, for the message.
        config: its `config.json`.
        predictions: what `evaluate` returned for `dataset`.
        dataset: the data that was evaluated on.

    Raises:
        FERError: if the config lacks something that `fit` writes.
    """
    try:
        environment = config["environment"]
        packages = environment["packages"]
        return [
            ("Preset", config["preset"]),
            ("Backbone", f"{config['backbone']}, {config['num_parameters']:,} parameters in all"),
            *([("Factors", ", ".join(config["factors"]))] if config.get("factors") else []),
            *_made_from(config),
            ("Data set", f"{dataset.info.get('source', '')} at {dataset.path.name}"),
            ("Data hash", dataset.content_hash[:16]),
            *_mixed_with(config),
            (
                "Evaluated on",
                f"{predictions.evaluation.num_images:,} images of split {predictions.evaluation.split}",
            ),
            ("Epochs", _epochs(run, config)),
            ("Epoch chosen on", f"split {config['validation_split']}"),
            ("Seed", str(config["seed"])),
            ("Versions", ", ".join(f"{name} {number}" for name, number in packages.items() if number)),
            ("Git revision", environment["git_revision"] or "not run from a checkout"),
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FERError(
            f"{run_folder.CONFIG} of {str(run)!r} is not as `keras-fer train` wrote it "
            f"({type(error).__name__} {error}). Restore it."
        ) from error


def _made_from(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the rows that tell of the run that this one started from, and of what was done to it since."""
    rows = []
    if config.get("weights"):
        kept = "; its classifier was kept as it was" if config.get("freeze_expression") else ""
        rows.append(("Started from", Path(config["weights"]).name + kept))
    if erased := config.get("erased"):
        rows.append(
            (
                "Erased",
                f"{erased['factor']}, from the non-expression representation of "
                f"{Path(erased['source']).name}: {erased['directions']} directions. What a linear probe "
                f"reads went from {erased['linear_before']:.1%} to {erased['linear_after']:.1%}",
            )
        )
    strength = (config.get("calibrated") or {}).get("logit_adjustment")
    if strength:
        rows.append(("Logit adjustment", f"{strength:g}: rare expressions are favoured"))
    return rows


def _epochs(run: Path, config: Mapping[str, Any]) -> str:
    """Returns how far the training came."""
    text = f"{len(run_folder.read_history(run))} of at most {config['epochs']}"
    return f"{text}; interrupted" if is_unfinished(run) else text


def _mixed_with(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns the row that tells of the second data set of each batch; its folder may be gone."""
    if config.get("mixed_dataset") is None:
        return []
    withheld = config.get("mixed_images_withheld") or 0
    row = (
        f"{Path(config['mixed_dataset']).name}, {config['mixed_share']:.0%} of each batch, "
        f"weight {config['mixed_expression_weight']:g} in the expression term, "
        f"data hash {(config.get('mixed_dataset_hash') or '')[:16]}"
    )
    left_out = f"; {withheld} images left out that this data set is judged on" if withheld else ""
    return [("Mixed with", row + left_out)]


def write_run_report(
    run: Path,
    predictions: EvaluatedPredictions,
    dataset: PreparedDataset,
    probes: Sequence[RepresentationProbe] | None = None,
    exports: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Writes `report.html` of a run, with what `keras-fer probe` and `intervene` left in its folder.

    Args:
        run: its folder.
        predictions: what `evaluate` returned for `dataset`.
        dataset: the data that was evaluated on.
        probes: rows of `measure_leakage`; None for those of the report before this one, if any.
        exports: one row per exported file; None for those of the report before this one, if any.
    """
    tables = _kept_tables(run, probes, exports)
    config = run_folder.read_config(run)
    summary = report_summary(run, config, predictions, dataset)
    notes = []
    if config["validation_split"] == predictions.evaluation.split:
        notes.append("The best epoch was chosen on the split that is reported: the accuracy is optimistic.")
    report = RunReport(
        title=_title(config, dataset),
        summary=summary,
        config=config,
        history=run_folder.read_history(run),
        evaluation=predictions.evaluation,
        calibration=_calibration(run, predictions),
        samples=choose_samples(predictions, dataset),
        probes=tables.probes,
        matrix=read_matrix(run),
        study=read_study(run),
        exports=tables.exports,
        notes=notes,
    )
    write_report(run / run_folder.REPORT, report)


def _calibration(run: Path, predictions: EvaluatedPredictions) -> CalibrationFacts:
    contract = ModelContract.from_json((run / run_folder.CONTRACT).read_bytes())
    confidences = Confidences.of(predictions.probabilities, predictions.labels)
    return CalibrationFacts(confidences, contract.temperature, contract.uncertain_below)


def _kept_tables(
    run: Path,
    probes: Sequence[RepresentationProbe] | None,
    exports: Sequence[Mapping[str, Any]] | None,
) -> RunTables:
    """Keeps the tables that a report is given, so that they stand in the next one too."""
    path = run / run_folder.REPORT_TABLES
    tables = read_tables(path)
    if probes is None and exports is None:
        return tables
    if probes is not None:
        tables = tables._replace(probes=list(probes))
    if exports is not None:
        tables = tables._replace(exports=list(exports))
    write_tables(path, tables)
    return tables
