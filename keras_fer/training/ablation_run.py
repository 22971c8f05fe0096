"""The runs of an ablation that share one training: train once, erase where asked, probe, write results."""

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.factors import EXPRESSION, dataset_factors
from keras_fer.evaluation.leakage import keras_representation_function, measure_leakage
from keras_fer.evaluation.leakage_matrix import matrix_factor, summarize
from keras_fer.evaluation.representation_names import NON_EXPRESSION_REPRESENTATION, non_expression_name
from keras_fer.field_types import parsed_json
from keras_fer.models.loading import load_model
from keras_fer.training import run_folder
from keras_fer.training.ablation_folder import AblationFolder, content_hash
from keras_fer.training.ablation_settings import AblationRun, settings_hash
from keras_fer.training.config import TrainingConfig
from keras_fer.training.epoch_lines import EpochLines
from keras_fer.training.erase import erase
from keras_fer.training.finish import finish
from keras_fer.training.fit import TrainingResult, fit
from keras_fer.training.resume import resume, stopped_run

# Left in a run folder when its training and evaluation are complete.
TRAINED = "trained.json"
# Left there when training begins.
BEGUN = "begun.json"


def run_group(folder: AblationFolder, runs: Sequence[AblationRun]) -> None:
    """Makes runs that share one training, and writes the result of each when it is complete.

    A training that was stopped goes on from its last epoch; anything else that was begun and not completed
    is removed and done anew; results that are there stay.

    Args:
        folder: of the ablation.
        runs: one group of `sharing`.

    Raises:
        FERError: as `fit`, `erase` and `measure_leakage` do.
    """
    home = folder.training_folder(runs[0])
    seconds = _trained(folder, runs[0])
    for run in runs:
        if folder.result(run) is not None:
            continue
        if not run.erase:
            folder.write_result(run, _result(run, home, seconds))
            continue
        start = time.monotonic()
        output = folder.run_folder(run)
        shutil.rmtree(output, ignore_errors=True)
        erase(home, output, Path(run.config.dataset), run.probe.max_rows)
        erasing = time.monotonic() - start
        folder.write_result(run, _result(run, output, seconds + erasing))


def _trained(folder: AblationFolder, run: AblationRun) -> float:
    """Trains and evaluates unless that is done; returns the seconds that training took."""
    home = folder.training_folder(run)
    settings = run.training_settings(content_hash)
    done = _read(home / TRAINED)
    # Whatever damaged an evaluation may have damaged the model: both are made anew.
    if done.get("settings_hash") == settings_hash(settings) and _read(home / run_folder.EVALUATION):
        return float(done["seconds"])
    result = _gone_on(home, settings) or _begun(folder.training_config(run), home, settings)
    if result.interrupted:
        raise FERError("Training was interrupted.")
    finish(home)
    seconds = sum(row["seconds"] for row in run_folder.read_history(home))
    run_folder.write_json(
        home / TRAINED,
        {
            "settings_hash": settings_hash(settings),
            "seconds": round(seconds, 1),
            "best_epoch": result.best_epoch,
            "validation_accuracy": result.best_accuracy,
        },
    )
    return seconds


class _Beginning(keras.callbacks.Callback):
    """Notes in the run folder what its training depends on."""

    def __init__(self, home: Path, settings: Mapping[str, Any]):
        super().__init__()
        self._note, self._values = home / BEGUN, {"settings_hash": settings_hash(settings)}

    def on_train_begin(self, logs=None):
        run_folder.write_json(self._note, self._values)


def _begun(config: TrainingConfig, home: Path, settings: Mapping[str, Any]) -> TrainingResult:
    shutil.rmtree(home, ignore_errors=True)
    return fit(config, callbacks=[EpochLines(), _Beginning(home, settings)], verbose=0)


def _gone_on(home: Path, settings: Mapping[str, Any]) -> TrainingResult | None:
    """Goes on with a training that was stopped; None where there is none, or none that can go on."""
    if _read(home / BEGUN).get("settings_hash") != settings_hash(settings):
        return None
    try:
        stopped_run(home)
    except FERError:
        # Finished but damaged since, or without a whole checkpoint.
        return None
    try:
        return resume(home, [EpochLines()], verbose=0)
    except FERError as error:
        # Such as a full disk: the checkpoints stay.
        raise FERError(
            f"{error} Repeat the command to go on, or remove {str(home)!r} to begin anew."
        ) from error


def _result(run: AblationRun, home: Path, seconds: float) -> dict[str, Any]:
    """Probes the model of a finished run and collects its scores."""
    dataset = open_prepared(run.config.dataset)
    evaluation = _read(home / run_folder.EVALUATION)
    model = load_model(home)
    judged = non_expression_name(model.representations.output)
    factors = dataset_factors(
        dataset, "headline" if run.probe.factors == "headline" else "expression"
    ).factors
    start = time.monotonic()
    probes = measure_leakage(
        keras_representation_function(model),
        dataset,
        model.contract.image_size,
        model=run.variant,
        names=[
            judged if name == NON_EXPRESSION_REPRESENTATION else name for name in run.probe.representations
        ],
        test_split=evaluation["split"],
        seeds=run.probe.seeds,
        max_train_rows=run.probe.max_rows,
        factors=factors,
        control=False,
    )
    summary = summarize(probes, [matrix_factor(factor) for factor in factors])
    expression = next(row for row in probes if (row.representation, row.factor) == (judged, EXPRESSION))
    metrics = {
        "accuracy": evaluation["accuracy"],
        "balanced_accuracy": evaluation["balanced_accuracy"],
        "linear_probe": expression.result.linear_mean,
        "mlp_probe": expression.result.mlp_mean,
        "leakage": expression.result.leakage,
        "effective_rank": expression.effective_rank,
        "retention": summary.retention,
        "utility": summary.utility,
        "nuisance_leakage": summary.nuisance_leakage,
        "seconds": round(seconds, 1),
    }
    return {
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "chance": expression.result.chance,
        "width": expression.width,
        "split": evaluation["split"],
        "num_images": evaluation["num_images"],
        "probe_seconds": round(time.monotonic() - start, 1),
        "probes": [row.to_dict() for row in probes],
        "environment": run_folder.environment(),
    }


def _read(path: Path) -> Mapping[str, Any]:
    """Returns the content of a JSON file; nothing where there is none, or half of one."""
    try:
        values = parsed_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
