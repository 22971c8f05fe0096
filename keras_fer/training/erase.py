"""Erases the expression from the non-expression representation of a finished run, as a new run."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_fer.atomic import atomic_folder, require_new_folder
from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.leakage import MAX_TRAIN_ROWS, keras_representation_function, representations
from keras_fer.evaluation.metrics import Evaluation
from keras_fer.evaluation.probe_classification import usable_classes
from keras_fer.evaluation.probe_protocol import ProbeSplit, named_split
from keras_fer.evaluation.probes import probe
from keras_fer.evaluation.recognizers import KerasRecognizer
from keras_fer.evaluation.representation_names import NON_EXPRESSION_REPRESENTATION
from keras_fer.models.erasure import fit_erasure, fold_erasure
from keras_fer.models.loading import load_model
from keras_fer.models.objective import Objective
from keras_fer.training import run_folder
from keras_fer.training.finish import write_run_report


@dataclass(frozen=True)
class EraseResult:
    """What an erasure came to.

    Args:
        folder: of the new run.
        num_rows: training images that it was fitted on.
        num_directions: how many of the `width` directions it removed.
        width: of the representation.
        linear_before, linear_after: balanced accuracy of a linear probe of the representation, on
            images that the encoder did not see.
        chance: 1 / number of classes that are in both splits, which the probe tells apart.
        split: of those images.
        num_test: number of those images.
        evaluation: of the new run; the expression logits are those of the old one.
    """

    folder: Path
    num_rows: int
    num_directions: int
    width: int
    linear_before: float
    linear_after: float
    chance: float
    split: str
    num_test: int
    evaluation: Evaluation


def require_erasable(config: Mapping[str, Any], run: Path) -> None:
    """Refuses a run that has nothing to erase.

    Args:
        config: its `config.json`.
        run: its folder, for the message.

    Raises:
        FERError: if its representation is erased already or was never trained, or there are several.
    """
    if "erased" in config:
        raise FERError(
            f"The representation of {str(run)!r} is erased already. Name the run that it was made from: "
            f"{config['erased'].get('source')!r}."
        )
    if config.get("factors"):
        raise FERError(
            f"{str(run)!r} has a representation for each of several factors, and erasure knows only the "
            "non-expression representation. Name a run that was trained without `factors`."
        )
    if not Objective.from_dict(config.get("objective", {})).moves_non_expression_branch:
        raise FERError(
            f"The objective of {str(run)!r} ({config.get('preset')}) never trained the non-expression "
            "representation, so there is nothing to keep. Name a run of another preset."
        )


def erase(
    run: Path, output: Path, dataset: Path | None = None, max_rows: int = MAX_TRAIN_ROWS
) -> EraseResult:
    """Fits a linear erasure on the training split and folds it into a copy of the run's best model.

    Args:
        run: folder of a finished run.
        output: folder of the new run; appears whole or not at all.
        dataset: prepared data set to fit and judge on; None takes the run's own.
        max_rows: a random part of this size stands for a larger training split.

    Raises:
        FERError: if the run has nothing to erase, the output is in use, or the data set has fewer than two
            classes in both splits.
    """
    require_new_folder(output)
    config = run_folder.read_config(run)
    require_erasable(config, run)
    prepared = open_prepared(dataset or config["dataset"])
    rows = _labelled_rows(prepared, max_rows)
    train_labels, test_labels = prepared.labels[rows.train], prepared.labels[rows.test]
    model = load_model(run)
    function, image_size = keras_representation_function(model), model.contract.image_size
    train_rows, test_rows = (
        representations(function, prepared, part, image_size)[NON_EXPRESSION_REPRESENTATION]
        for part in (rows.train, rows.test)
    )
    erasure = fit_erasure(train_rows, train_labels)
    fold_erasure(model, erasure)
    predictions = evaluate(KerasRecognizer(model), prepared, rows.names[1])
    result = EraseResult(
        folder=output,
        num_rows=erasure.num_rows,
        num_directions=erasure.num_directions,
        width=train_rows.shape[1],
        linear_before=probe(train_rows, train_labels, test_rows, test_labels),
        linear_after=probe(erasure(train_rows), train_labels, erasure(test_rows), test_labels),
        chance=1 / len(usable_classes(train_labels, test_labels)),
        split=rows.names[1],
        num_test=len(rows.test),
        evaluation=predictions.evaluation,
    )
    with atomic_folder(output) as folder:
        model.save(folder / run_folder.BEST_MODEL)
        for name in (run_folder.CONTRACT, run_folder.HISTORY):
            if (run / name).is_file():
                shutil.copyfile(run / name, folder / name)
        run_folder.write_json(folder / run_folder.CONFIG, _config(config, run, output, prepared, result))
        run_folder.write_json(folder / run_folder.EVALUATION, predictions.evaluation.to_dict())
        write_run_report(folder, predictions, prepared)
    return result


def _labelled_rows(dataset: PreparedDataset, max_rows: int) -> ProbeSplit:
    """Chooses what to fit on and what to judge on, of at least two classes that are in both."""
    split = dataset.judged_split
    rows = named_split(dataset, dataset.labels >= 0, "train", split, max_rows)
    if len(usable_classes(dataset.labels[rows.train], dataset.labels[rows.test])) < 2:
        raise FERError(
            f"{str(dataset.path)!r} has fewer than two classes with images in both its train and its {split} "
            "split, so there is nothing to erase. Name another data set."
        )
    return rows


def _config(
    config: Mapping[str, Any], run: Path, output: Path, dataset: PreparedDataset, result: EraseResult
) -> dict[str, Any]:
    """The config of the training, and beside it what was erased."""
    return {
        **config,
        "output": str(output),
        "erased": {
            "factor": "expression",
            "source": str(run.resolve()),
            "rows": result.num_rows,
            "directions": result.num_directions,
            "dataset": str(dataset.path.resolve()),
            "dataset_hash": dataset.content_hash,
            "linear_before": result.linear_before,
            "linear_after": result.linear_after,
        },
    }
