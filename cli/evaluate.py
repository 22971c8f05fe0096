"""`keras-fer evaluate`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_fer.cli.model_path import ModelPath
from keras_fer.cli.progress import progress_bar
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.labels import TAXONOMIES

if TYPE_CHECKING:
    from keras_fer.evaluation.metrics import Evaluation
    from keras_fer.evaluation.robustness import Robustness

# `keras_fer.data.records.SPLITS`, repeated because that module needs NumPy; a test keeps them equal.
SPLIT_NAMES = ("train", "validation", "test")

_MIRRORED = (
    "Each answer is the mean over the image and its mirror image; a file on a device takes the image alone."
)


@click.command("evaluate")
@click.argument("model", type=ModelPath())
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--split",
    type=click.Choice(SPLIT_NAMES),
    default="test",
    show_default=True,
    help="Part of the data set to judge on.",
)
@click.option(
    "--taxonomy",
    type=click.Choice(list(TAXONOMIES)),
    help="Judge only these classes, such as 7 of 8.  [default: all that model and data set share]",
)
@click.option(
    "--mirrored",
    is_flag=True,
    help="Judge the mean of the answers on each image and its mirror image, which costs twice as much.",
)
@click.option(
    "--robustness",
    "measure_robustness",
    is_flag=True,
    help="Also measure how answers change with crops 15 % smaller and larger, faces tilted by 10 degrees, "
    "and other resize filters; takes up to nine times as long.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the scores to this JSON file, which appears whole or not at all.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of a .tflite."
)
def command(
    model: Path,
    dataset: Path,
    split: str,
    taxonomy: str | None,
    mirrored: bool,
    measure_robustness: bool,
    output_format: str,
    output: Path | None,
    threads: int,
) -> None:
    """Evaluate MODEL on the prepared data set DATASET.

    MODEL is a run folder, a .keras file, an exported .tflite file, or a name that `keras-fer models` lists.
    Classes are matched by name; a model that knows more classes than the data set has is judged on those
    they share, and the result says so.

    \b
        keras-fer evaluate runs/paper prepared/ferplus
        keras-fer evaluate exported/static_wi8_ai8.tflite prepared/rafdb --output scores.json
        keras-fer evaluate exported/static_wi8_ai8.tflite prepared/affectnet --robustness
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.errors import FERError

    if output is not None and not output.parent.is_dir():
        raise FERError(f"There is no folder {str(output.parent)!r} for the output; make it first.")
    images = open_prepared(dataset)

    if model.suffix != ".tflite":
        load_tensorflow()
    from keras_fer.evaluation.evaluate import evaluate
    from keras_fer.evaluation.recognizers import MirroredRecognizer, open_recognizer

    recognizer = open_recognizer(model, threads)
    if mirrored:
        recognizer = MirroredRecognizer(recognizer)
    only = None if taxonomy is None else TAXONOMIES[taxonomy]
    # The bar is on stderr, so that the standard output holds nothing but the result.
    with progress_bar("Images") as progress:
        result = evaluate(recognizer, images, split, only, progress=progress)
    if mirrored:
        notes = (*result.evaluation.notes, _MIRRORED)
        result = replace(result, evaluation=replace(result.evaluation, notes=notes))
    document = {"model": str(model), **result.evaluation.to_dict()}
    text = _table(result.evaluation)
    if measure_robustness:
        from keras_fer.evaluation.robustness import robustness

        with progress_bar("Robustness") as progress:
            measured = robustness(recognizer, images, result, progress=progress)
        document["robustness"] = measured.to_dict()
        text += "\n\n" + _robustness_table(measured)
    if output is not None:
        _write(output, document)
    click.echo(json.dumps(document) if output_format == "json" else text)


def _write(output: Path, document: dict[str, Any]) -> None:
    from keras_fer.atomic import atomic_file

    with atomic_file(output) as temporary:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def _table(evaluation: "Evaluation") -> str:
    """Renders the scores as text."""
    facts = evaluation.dataset
    about = [f"{name.replace('_', ' ')} {facts[name]}" for name in ("source", "release") if name in facts]
    about += [f"crop {facts.get('crop_size', '?')} px", f"hash {facts.get('content_hash', '?')[:12]}"]
    lines = [
        f"{evaluation.num_images} images of the {evaluation.split} split, {evaluation.view}",
        ", ".join(about),
        "",
    ]
    scores = [
        ("accuracy", evaluation.accuracy, evaluation.accuracy_interval),
        ("balanced accuracy", evaluation.balanced_accuracy, evaluation.balanced_accuracy_interval),
        ("macro F1", evaluation.macro_f1, evaluation.macro_f1_interval),
        ("top 2", evaluation.top_2_accuracy, None),
        ("calibration error", evaluation.expected_calibration_error, None),
    ]
    lines += [f"{name:<18}{_share(value)}{_range(interval)}" for name, value, interval in scores]
    width = max(len("class"), *map(len, evaluation.label_names))
    lines += ["", f"{'class':<{width}}  images   recall  95 % interval   precision       F1"]
    for row in evaluation.classes:
        lines.append(
            f"{row.name:<{width}}  {row.support:>6}  {_share(row.recall)}{_range(row.recall_interval):<16}"
            f"{_share(row.precision):>10}  {_share(row.f1)}"
        )
    lines += [f"Note: {note}" for note in evaluation.notes]
    return "\n".join(lines)


def _robustness_table(measured: "Robustness") -> str:
    """Renders what other crops, tilts and filters do as text."""
    lines = [f"{'otherwise':<18}accuracy   change  changed predictions, 95 % interval"]
    for row in measured.conditions:
        lines.append(
            f"{row.name:<18}{_share(row.accuracy):>8}  {100 * row.accuracy_change:+7.2f}  "
            f"{_share(row.changed)}{_range(row.changed_interval)}"
        )
    return "\n".join(lines + [f"Note: {note}" for note in measured.notes])


def _share(value: float) -> str:
    return f"{value:7.2%}" if value == value else "      -"  # NaN differs from itself


def _range(interval: tuple[float, float] | None) -> str:
    if interval is None or interval[0] != interval[0]:
        return ""
    return f"  {100 * interval[0]:.1f} to {100 * interval[1]:.1f}"
