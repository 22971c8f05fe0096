"""Gives a finished run a temperature, a threshold for "uncertain", and biases that favour rare classes."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from keras_fer.atomic import atomic_file, fsync
from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.calibration import (
    LEAST_ANSWERS,
    TEMPERATURES,
    Confidences,
    fit_temperature,
    highest_accuracy,
    threshold_of_accuracy,
)
from keras_fer.evaluation.evaluate import EvaluatedPredictions, evaluate
from keras_fer.evaluation.recognizers import KerasRecognizer
from keras_fer.models.loading import load_model
from keras_fer.training import run_folder
from keras_fer.training.checkpoint_folder import is_unfinished
from keras_fer.training.finish import judged_predictions, report_summary, write_run_report
from keras_fer.training.logit_adjustment import (
    TRAINED_BIAS,
    adjust_logits,
    expression_bias,
    take_back_adjustment,
)


@dataclass(frozen=True)
class CalibrationResult:
    """What a calibration came to.

    Args:
        temperature: that the logits are divided by now.
        uncertain_below: the threshold that the model has now; 0 for none.
        split: that both were chosen on.
        num_images: of that split.
        judged_split: where the rest was measured.
        accuracies: accuracy there before and after logit adjustment.
        balanced_accuracies: the same of the balanced accuracy.
        error_before: expected calibration error there, without a temperature.
        error_after: the same with the new one.
        coverage: share of the images there with an answer that is not uncertain.
        accuracy: share of right answers among these; NaN if there are none.
    """

    temperature: float
    uncertain_below: float
    split: str
    num_images: int
    judged_split: str
    accuracies: tuple[float, float]
    balanced_accuracies: tuple[float, float]
    error_before: float
    error_after: float
    coverage: float
    accuracy: float

    @property
    def at_bound(self) -> bool:
        """Whether the temperature is as small or as large as one may be."""
        return bool(np.isclose(self.temperature, TEMPERATURES, rtol=0.01).any())


def require_calibratable(run: Path) -> dict[str, Any]:
    """Returns the config of a run that is finished; does not need TensorFlow.

    Raises:
        FERError: if it is none, or its training has not ended.
    """
    config = run_folder.read_config(run)
    if is_unfinished(run):
        raise FERError(
            f"The run {str(run)!r} is not finished: `keras-fer train --resume {run}` goes on with it, with "
            "--finish it ends where it is."
        )
    return config


def calibrate(
    run: Path,
    dataset: Path | None = None,
    split: str = "validation",
    certain_accuracy: float | None = None,
    logit_adjustment: float = 0.0,
) -> CalibrationResult:
    """Fits the temperature, stores it in the best model and its contract, and evaluates the run again.

    Without logit adjustment the most probable class does not change, and so neither does the accuracy.

    Args:
        run: folder of a finished run.
        dataset: prepared data set to fit and judge on; None takes the run's own.
        split: to fit on; images that training did not see.
        certain_accuracy: the share of right answers that those which do not read "uncertain" shall reach on
            that split; None leaves the model without a threshold, since one of another temperature means
            nothing.
        logit_adjustment: see `adjust_logits`; an earlier one is taken back first.

    Raises:
        FERError: if the run is not finished, the split cannot be evaluated, or no threshold reaches the
            accuracy; the run is then as it was.
    """
    config = require_calibratable(run)
    prepared = open_prepared(dataset or run_folder.judged_dataset(config))
    model = load_model(run)
    _take_back(model, config)
    before = judged_predictions(model, prepared)
    # Before anything is changed: the report at the end needs it.
    report_summary(run, config, before, prepared)
    fitted = evaluate(KerasRecognizer(model), prepared, split)
    bias = expression_bias(model).numpy()
    plain = before
    if logit_adjustment:
        adjust_logits(model, fitted.probabilities, logit_adjustment)
        before = judged_predictions(model, prepared)
        fitted = evaluate(KerasRecognizer(model), prepared, split)
    temperature = fit_temperature(fitted.probabilities, fitted.labels)
    model.contract = replace(model.contract, temperature=temperature)
    if certain_accuracy is not None:
        chosen = evaluate(KerasRecognizer(model), prepared, split)
        threshold = _threshold(chosen, certain_accuracy)
        model.contract = replace(model.contract, uncertain_below=threshold)
    after = judged_predictions(model, prepared)
    result = _result(model.contract, fitted, plain, before, after)
    calibrated = _calibrated(prepared, certain_accuracy, result)
    config = {**config, "calibrated": calibrated}
    if logit_adjustment:
        calibrated["logit_adjustment"] = logit_adjustment
        config[TRAINED_BIAS] = [float(value) for value in bias]
    _store(run, config, model, after, prepared)
    return result


def remove_calibration(run: Path, dataset: Path | None = None) -> None:
    """Takes away what `calibrate` stored, to the bit, and evaluates the run again.

    Args:
        run: folder of a finished run.
        dataset: prepared data set to judge on; None takes the run's own.

    Raises:
        FERError: if the run is not finished or cannot be evaluated; it is then as it was.
    """
    config = require_calibratable(run)
    prepared = open_prepared(dataset or run_folder.judged_dataset(config))
    model = load_model(run)
    _take_back(model, config)
    config.pop("calibrated", None)
    judged = judged_predictions(model, prepared)
    report_summary(run, config, judged, prepared)
    _store(run, config, model, judged, prepared)


def _take_back(model: Any, config: Mapping[str, Any]) -> None:
    """Makes the model what it was before it was calibrated."""
    model.contract = replace(model.contract, temperature=1.0, uncertain_below=0.0)
    take_back_adjustment(model, config)


def _store(
    run: Path, config: dict[str, Any], model: Any, judged: EvaluatedPredictions, dataset: PreparedDataset
) -> None:
    """Writes what depends on the contract of the model; the report last, by itself."""
    # The last gets its name first: with the biases in the config, whichever model is there can be taken back.
    names = (run_folder.EVALUATION, run_folder.CONTRACT, run_folder.BEST_MODEL, run_folder.CONFIG)
    with ExitStack() as stack:
        # All is on the disk before anything gets its name, so that a full one leaves the run as it was.
        files = [stack.enter_context(atomic_file(run / name)) for name in names]
        scores, contract, best, described = files
        run_folder.write_json(scores, judged.evaluation.to_dict())
        run_folder.write_json(described, config)
        contract.write_text(model.contract.to_json(), encoding="utf-8")
        model.save(best)
        for file in files:
            fsync(file)
    write_run_report(run, judged, dataset)


def _threshold(predictions: EvaluatedPredictions, accuracy: float) -> float:
    scores = predictions.evaluation
    confidences = Confidences.of(predictions.probabilities, predictions.labels)
    threshold = threshold_of_accuracy(confidences, accuracy)
    if scores.num_images < LEAST_ANSWERS:
        raise FERError(
            f"A threshold must leave at least {LEAST_ANSWERS} answers, and the {scores.split} split has "
            f"{scores.num_images} images in all. Nothing was changed: leave the threshold out."
        )
    if threshold is None:
        raise FERError(
            f"No threshold makes {accuracy:.1%} of the answers right on the {scores.split} split; of all "
            f"{scores.accuracy:.1%} are, with the best threshold {highest_accuracy(confidences):.1%}. "
            "Nothing was changed: ask for less."
        )
    return threshold


def _calibrated(
    dataset: PreparedDataset, certain_accuracy: float | None, result: CalibrationResult
) -> dict[str, Any]:
    """What the config of the run then says of it."""
    return {
        "dataset": str(dataset.path.resolve()),
        "dataset_hash": dataset.content_hash,
        "split": result.split,
        "certain_accuracy": certain_accuracy,
        "temperature": result.temperature,
        "uncertain_below": result.uncertain_below,
    }


def _result(
    contract: ModelContract,
    fitted: EvaluatedPredictions,
    plain: EvaluatedPredictions,
    before: EvaluatedPredictions,
    after: EvaluatedPredictions,
) -> CalibrationResult:
    confidences = Confidences.of(after.probabilities, after.labels)
    answered = confidences.values >= contract.uncertain_below
    return CalibrationResult(
        temperature=contract.temperature,
        uncertain_below=contract.uncertain_below,
        split=fitted.evaluation.split,
        num_images=fitted.evaluation.num_images,
        judged_split=after.evaluation.split,
        accuracies=(plain.evaluation.accuracy, after.evaluation.accuracy),
        balanced_accuracies=(plain.evaluation.balanced_accuracy, after.evaluation.balanced_accuracy),
        error_before=before.evaluation.expected_calibration_error,
        error_after=after.evaluation.expected_calibration_error,
        coverage=float(answered.mean()),
        accuracy=float(confidences.correct[answered].mean()) if answered.any() else float("nan"),
    )
