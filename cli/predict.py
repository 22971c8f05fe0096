"""`keras-fer predict`."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_fer.cli.output_format import format_option
from keras_fer.cli.prediction_rows import FORMATS, head, renderer
from keras_fer.contract import CONTRACT_FILE

if TYPE_CHECKING:
    from keras_fer.runtime.annotated_copies import AnnotatedCopies
    from keras_fer.runtime.answers import Answer
    from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
    from keras_fer.runtime.recognizer import ExpressionRecognizer
    from keras_fer.runtime.sources import Source
    from keras_fer.runtime.window import Window

# What a first argument must end in to be taken for a model; only .tflite files are then accepted.
MODEL_SUFFIXES = (".tflite", ".keras", ".h5", ".onnx")
# Those of the runtime, which would load NumPy; a test keeps them equal.
DETECTORS = ("auto", "blazeface", "haar", "yunet", "none")


@click.command("predict")
@click.argument("arguments", metavar="[MODEL] INPUT...", nargs=-1, required=True)
@click.option(
    "--detector",
    type=click.Choice(DETECTORS),
    default="auto",
    show_default=True,
    help="How faces are found; none takes every image for the crop of one face; auto is blazeface if its "
    "model is installed, else haar if OpenCV 4 is.",
)
@click.option(
    "--detector-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Model file of yunet, which needs one, or of blazeface in the place of the installed one.",
)
@click.option(
    "--small-faces/--no-small-faces",
    default=None,
    help="Whether blazeface also searches tiles of the picture, which takes up to 75 times as long; the "
    "default is yes for photos and no for videos.",
)
@click.option(
    "--detect-every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="In videos, the detector runs on the first of each so many frames.",
)
@click.option(
    "--smoothing",
    type=click.FloatRange(min=0),
    default=0.5,
    show_default=True,
    help="In videos, the time constant in seconds of the smoothing of each person's probabilities; "
    "0 for none.",
)
@click.option("--frames", type=click.IntRange(min=1), help="Stop a video or camera after so many frames.")
@format_option(
    "A table, one JSON object per face and line, or CSV.  [default: by the end of the name of --output, "
    ".json or .jsonl and .csv; else table]",
    FORMATS,
    default=None,
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Expressions in a row of the table and beside an annotated face.",
)
@click.option(
    "--uncertain-below",
    type=click.FloatRange(0, 1),
    help="Answers with a smaller probability are marked uncertain; the default is the model's own limit.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the answers to this file, in place of an older one; it appears whole or not at all.",
)
@click.option(
    "--annotate",
    type=click.Path(path_type=Path),
    help="Write copies with the faces framed and named to this new folder, or that of one photo or video to "
    "this new file, such as .jpg or .mp4.",
)
@click.option("--show", is_flag=True, help="Show the same in a window, where there is a display; q ends it.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads per image."
)
@click.pass_context
def command(
    context: click.Context,
    arguments: tuple[str, ...],
    detector: str,
    detector_model: Path | None,
    small_faces: bool | None,
    detect_every: int,
    smoothing: float,
    frames: int | None,
    output_format: str | None,
    top: int,
    uncertain_below: float | None,
    output: Path | None,
    annotate: Path | None,
    show: bool,
    threads: int,
) -> None:
    """Recognise the expression of each face in photos and videos.

    INPUT is a photo, a folder that is searched for photos, a video, or a camera, camera:0 for the first.
    MODEL is a .tflite file that `keras-fer export` wrote, or a name that `keras-fer models` lists; without
    one, the default of those answers. Videos and cameras need OpenCV. A photo without a face is said to have
    none, which is no error. What cannot be read is reported and makes the exit code 1; the others are still
    answered. A camera runs until Ctrl-C.

    \b
        keras-fer predict photo.jpg
        keras-fer predict exported/static_wi8_ai8.tflite photo.jpg holiday/ --annotate annotated
        keras-fer predict exported/static_wi8_ai8.tflite crops/ --detector none
        keras-fer predict exported/static_wi8_ai8.tflite film.mp4 --output answers.csv
        keras-fer predict exported/static_wi8_ai8.tflite camera:0 --detect-every 5 --show
    """
    from keras_fer.runtime.answers import frame_answers, photo_answer
    from keras_fer.runtime.recognizer import ExpressionRecognizer
    from keras_fer.runtime.sources import require_any

    output_format = output_format or _format_of(output)
    model, inputs = _model_and_inputs(arguments)
    recognizer = ExpressionRecognizer(model, num_threads=threads, uncertain_below=uncertain_below)
    require_any(inputs)
    for_photos, for_frames = _with_detectors(recognizer, detector, detector_model, small_faces, threads)

    def answers(source: "Source") -> "Iterator[Answer]":
        if source.kind == "photo":
            yield photo_answer(source, for_photos)
        else:
            yield from frame_answers(source, for_frames, detect_every, smoothing, frames)

    names = recognizer.contract.label_names
    with contextlib.ExitStack() as opened:
        copies, window = _pictures(annotate, show, inputs, top, opened)
        write = opened.enter_context(_writer(output, inputs))
        for line in head(output_format, names):
            write(line)
        render = renderer(output_format, names, top, for_photos.detector is None)
        failed = _Loop(answers, render, write, copies, window, top).run(inputs)
    if failed:
        click.echo(f"{failed} could not be read.", err=True)
        context.exit(1)


def _format_of(output: Path | None) -> str:
    """Returns the format that the name of a file asks for."""
    suffix = "" if output is None else output.suffix.lower()
    formats = {"": "table", ".txt": "table", ".json": "json", ".jsonl": "json", ".csv": "csv"}
    if suffix not in formats:
        raise click.UsageError(
            f"The end of the name of --output chooses the format: {', '.join(filter(None, formats))}. "
            f"Received: {suffix}. Give --format to write another name."
        )
    return formats[suffix]


def _model_and_inputs(arguments: Sequence[str]) -> tuple[Path, Sequence[str]]:
    """Takes the first argument for the model if it is one; else the shipped one answers, and is named."""
    from keras_fer.runtime.shipped_models import shipped_model, shipped_models

    first, rest = arguments[0], arguments[1:]
    shipped = {model.name: model for model in shipped_models()}
    if first in shipped and not Path(first).exists():
        model = shipped[first].path
    elif Path(first).suffix in MODEL_SUFFIXES or (Path(first) / CONTRACT_FILE).is_file():
        model = Path(first)
    else:
        _require_no_model_name(arguments, list(shipped))
        default = shipped_model()
        click.echo(f"The model is {default.name}; `keras-fer models` tells about it.", err=True)
        return default.path, arguments
    if not rest:
        raise click.UsageError("Missing argument 'INPUT...': name photos, folders, videos or a camera.")
    return model, rest


def _require_no_model_name(arguments: Sequence[str], shipped: Sequence[str]) -> None:
    """Refuses inputs that were meant for a model, which the default would answer in the place of."""
    for text in arguments:
        if Path(text).exists():
            continue
        if text in shipped or Path(text).suffix in MODEL_SUFFIXES:
            raise click.UsageError(f"The model {text!r} must be the first argument.")
    first = arguments[0]
    if not (Path(first).exists() or Path(first).suffix or set(first) & set(":/\\")):
        raise click.UsageError(
            f"There is neither a file {first!r} nor a model of that name; installed are {', '.join(shipped)}."
        )


@dataclass
class _Loop:
    """Takes inputs one after the other and hands their answers on."""

    answers: "Callable[[Source], Iterator[Answer]]"
    render: "Callable[[Answer], list[str]]"
    write: Callable[[str], None]
    copies: "AnnotatedCopies | None"
    window: "Window | None"
    top: int

    def run(self, inputs: Sequence[str]) -> int:
        """Answers all inputs, or those until the user closes the window; returns how many failed."""
        from keras_fer.errors import FERError
        from keras_fer.runtime.sources import sources

        failed = 0
        for text in inputs:
            found = sources(text)
            while True:
                try:
                    source = next(found, None)
                    if source is None:
                        break
                    if not self._answer(source):
                        return failed
                except FERError as error:
                    click.echo(f"Error: {error}", err=True)
                    failed += 1
        return failed

    def _answer(self, source: "Source") -> bool:
        """Answers one source; returns whether to go on."""
        num_faces = 0
        go_on = True
        # Ctrl-C is the usual end of a camera: what was written until then is kept.
        end = contextlib.suppress(KeyboardInterrupt) if source.kind == "camera" else contextlib.nullcontext()
        with self.copies.copy_of(source) if self.copies else contextlib.nullcontext() as copy, end:
            for answer in self.answers(source):
                num_faces += len(answer.faces)
                for line in self.render(answer):
                    self.write(line)
                if copy:
                    copy(answer)
                if self.window and not self._show(answer):
                    go_on = False
                    break
        if num_faces == 0:
            click.echo(f"No face was found in {click.format_filename(source.name)!r}.", err=True)
        return go_on

    def _show(self, answer: "Answer") -> bool:
        """Shows an answer in the window; a photo until a key is pressed."""
        from keras_fer.runtime.annotation import annotated

        faces = [(face, prediction) for face, prediction, _ in answer.faces]
        image = annotated(answer.image, faces, self.top)
        return self.window is None or self.window.show(image, wait=answer.frame is None)


def _with_detectors(
    recognizer: "ExpressionRecognizer", name: str, model: Path | None, small_faces: bool | None, threads: int
) -> "tuple[FaceExpressionRecognizer, FaceExpressionRecognizer]":
    """Puts detectors before a recognizer, for photos and for frames, and says which."""
    from keras_fer.runtime.detectors import face_detector
    from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer

    detectors = [
        face_detector(name, model, small if small_faces is None else small_faces, threads)
        for small in (True, False)
    ]
    if detectors[0] is None:
        click.echo("Every image is taken as the crop of one face; faces are not searched for.", err=True)
    elif name == "auto":
        click.echo(f"Faces are found by {type(detectors[0]).__name__}.", err=True)
    for_photos, for_frames = (FaceExpressionRecognizer(recognizer, detector) for detector in detectors)
    return for_photos, for_frames


def _pictures(
    annotate: Path | None, show: bool, inputs: Sequence[str], top: int, opened: contextlib.ExitStack
) -> "tuple[AnnotatedCopies | None, Window | None]":
    """Opens the places where annotated pictures go."""
    from keras_fer.errors import FERError
    from keras_fer.runtime.annotated_copies import AnnotatedCopies, file_kind
    from keras_fer.runtime.window import Window

    window = opened.enter_context(Window()) if show else None
    if annotate is None:
        return None, window
    kind = file_kind(annotate)
    if kind is not None:
        _require_one_input(annotate, kind, inputs)
    for folder in filter(Path.is_dir, map(Path, inputs)):
        if annotate.resolve().is_relative_to(folder.resolve()):
            raise FERError(
                f"The copies would be written into the input {str(folder)!r}; name another folder."
            )
    return AnnotatedCopies(annotate, top), window


def _require_one_input(annotate: Path, kind: str, inputs: Sequence[str]) -> None:
    """Refuses the file of one annotated photo or video for other inputs."""
    from keras_fer.errors import FERError
    from keras_fer.runtime.sources import sources

    given = next(sources(inputs[0])).kind
    if len(inputs) > 1 or Path(inputs[0]).is_dir() or (given == "photo") != (kind == "photo"):
        what = "a photo" if kind == "photo" else "the frames of one video or camera"
        raise FERError(f"The file {str(annotate)!r} is for {what}; name a folder for other inputs.")


def _is_input(path: Path, inputs: Sequence[str]) -> bool:
    """Returns whether an existing file is an input, or an image in a folder that is one."""
    from keras_fer.runtime.images import image_files

    for text in map(Path, inputs):
        if text.is_file() and path.samefile(text):
            return True
        if text.is_dir() and path.resolve().is_relative_to(text.resolve()):
            return any(path.samefile(file) for file in image_files(text))
    return False


@contextlib.contextmanager
def _writer(output: Path | None, inputs: Sequence[str]) -> Iterator[Callable[[str], None]]:
    """Yields a function that writes one line to the output file, or to the terminal where there is none."""
    from keras_fer.atomic import atomic_file, require_parent
    from keras_fer.errors import FERError

    if output is None:
        yield click.echo
        return
    require_parent(output, "the output")
    if output.exists() and _is_input(output, inputs):
        raise FERError(f"The answers would overwrite the input {str(output)!r}; name another file.")
    with atomic_file(output) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield lambda line: print(line, file=file)
