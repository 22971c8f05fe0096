"""`keras-fer evaluate`."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_fer.cli.model_path import ModelPath
from keras_fer.cli.output_format import format_option
from keras_fer.cli.progress import progress_bar
from keras_fer.cli.score_tables import robustness_table, scores_table
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.cli.unfinished_run import warn_if_unfinished
from keras_fer.labels import TAXONOMIES

if TYPE_CHECKING:
    from keras_fer.data.prepared import PreparedDataset

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
@format_option("What to print.")
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
    from keras_fer.atomic import atomic_file, require_parent
    from keras_fer.data.prepared import open_prepared

    if output is not None:
        require_parent(output, "the output")
    images = open_prepared(dataset)
    warn_if_unfinished(model)
    # Begun before the work, so that minutes of it are not lost to a folder that cannot be written.
    with atomic_file(output) if output is not None else nullcontext() as file:
        document, text = _scores(model, images, split, taxonomy, mirrored, measure_robustness, threads)
        click.echo(json.dumps(document) if output_format == "json" else text)
        if file is not None:
            content = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
            file.write_text(content + "\n", encoding="utf-8")


def _scores(
    model: Path,
    images: "PreparedDataset",
    split: str,
    taxonomy: str | None,
    mirrored: bool,
    measure_robustness: bool,
    threads: int,
) -> tuple[dict[str, Any], str]:
    """Evaluates; returns the scores for a file, and as text."""
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
    text = scores_table(result.evaluation)
    if measure_robustness:
        from keras_fer.evaluation.robustness import robustness

        with progress_bar("Robustness") as progress:
            measured = robustness(recognizer, images, result, progress=progress)
        document["robustness"] = measured.to_dict()
        text += "\n\n" + robustness_table(measured)
    return document, text
