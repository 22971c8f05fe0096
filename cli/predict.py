"""`keras-fer predict`."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from keras_fer.runtime.recognizer import Prediction


@click.command("predict")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table, or one JSON object per image and line.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Expressions in a row of the table.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answers to this file, which appears whole or not at all.",
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads per image."
)
@click.pass_context
def command(
    context: click.Context,
    model: Path,
    images: tuple[Path, ...],
    output_format: str,
    top: int,
    output: Path | None,
    threads: int,
) -> None:
    """Recognise the expression in face crops with MODEL.

    MODEL is a .tflite file that `keras-fer export` wrote; IMAGE is an image file, or a folder that is
    searched for images. Every image is taken as the crop of one face. An image that cannot be read is
    reported and makes the exit code 1; the others are still answered.

    \b
        keras-fer predict exported/static_wi8_ai8.tflite face.jpg faces/
        keras-fer predict exported/float32.tflite faces/ --format json --output answers.jsonl
    """
    from keras_fer.runtime.recognizer import ExpressionRecognizer

    recognizer = ExpressionRecognizer(model, num_threads=threads)
    click.echo("Every image is taken as the crop of one face; faces are not searched for.", err=True)
    names = recognizer.contract.label_names
    render = _json_line if output_format == "json" else _table_row(max(map(len, names)), min(top, len(names)))
    failed = 0
    with _writer(output) as write:
        for answer in _answers(recognizer.recognize_file, images):
            if answer is None:
                failed += 1
            else:
                write(render(answer))
    if failed:
        click.echo(f"{failed} could not be read.", err=True)
        context.exit(1)


def _answers(
    recognize_file: "Callable[[Path], Prediction]", images: tuple[Path, ...]
) -> "Iterator[Prediction | None]":
    """Yields one answer per image; None after what cannot be read was reported."""
    from keras_fer.errors import FERError
    from keras_fer.runtime.images import image_files

    for image in images:
        try:
            paths = list(image_files(image)) if image.is_dir() else [image]
            if not paths:
                raise FERError(f"The folder {str(image)!r} holds no images.")
        except FERError as error:
            click.echo(f"Error: {error}", err=True)
            yield None
            continue
        for path in paths:
            try:
                answer = recognize_file(path)
            except FERError as error:
                click.echo(f"Error: {error}", err=True)
                yield None
            else:
                yield answer


@contextlib.contextmanager
def _writer(output: Path | None) -> Iterator[Callable[[str], None]]:
    """Yields a function that writes one line to the output file, or to the terminal where there is none."""
    from keras_fer.atomic import atomic_file
    from keras_fer.errors import FERError

    if output is None:
        yield click.echo
        return
    if not output.parent.is_dir():
        raise FERError(f"There is no folder {str(output.parent)!r} for the output; make it first.")
    with atomic_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield lambda line: print(line, file=file)


def _json_line(prediction: "Prediction") -> str:
    """Returns a prediction as one line of JSON."""
    from dataclasses import asdict

    return json.dumps(asdict(prediction))


def _table_row(name_width: int, top: int) -> "Callable[[Prediction], str]":
    """Returns what renders a prediction as a row of the table, most probable expression first."""

    def render(prediction: "Prediction") -> str:
        cells = [f"{name:<{name_width}} {value:6.1%}" for name, value in prediction.top(top).items()]
        mark = "  uncertain" if prediction.uncertain else ""
        return f"{'   '.join(cells)}   {click.format_filename(prediction.path)}{mark}"

    return render
