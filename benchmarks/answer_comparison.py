"""Answers of another program to rendered faces, held against those of the runtime on this machine."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render

# Between a float on one processor and on another lie roundings; of an int8 file a sum may be rounded to
# the other side, and the answer then moves by up to a step of 1/256.
FLOAT_LIMIT, INT8_LIMIT = 1e-4, 1 / 256
_HEAD = ("file", "largest difference", "allowed", "same expression", "same labels", "")


@dataclass(frozen=True)
class Answers:
    """What a program says of some faces.

    Args:
        label_names: names of the expressions, in the order of the columns.
        probabilities: shape `(num_faces, num_expressions)`.
    """

    label_names: tuple[str, ...]
    probabilities: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """How the answers of two programs to the same faces differ for one file.

    Args:
        name: of the file.
        largest_difference: of any probability; infinite where the numbers of answers differ.
        allowed: limit of it.
        num_same: faces whose most probable expression is the same.
        num_faces: all of them.
        same_labels: whether the names of the expressions and their order are the same.
    """

    name: str
    largest_difference: float
    allowed: float
    num_same: int
    num_faces: int
    same_labels: bool

    @property
    def fine(self) -> bool:
        """Whether nothing differs by more than is allowed; not-a-number is not fine."""
        return (
            self.largest_difference <= self.allowed
            and self.num_same == self.num_faces > 0
            and self.same_labels
        )


def compared(name: str, expected: Answers, found: Answers, allowed: float) -> Comparison:
    """Compares the answers for one file; `allowed` is the limit of the largest difference."""
    ours, theirs = expected.probabilities, found.probabilities
    alike = ours.shape == theirs.shape
    return Comparison(
        name=name,
        largest_difference=float(np.abs(ours - theirs).max(initial=0)) if alike else np.inf,
        allowed=allowed,
        num_same=int((ours.argmax(axis=1) == theirs.argmax(axis=1)).sum()) if alike else 0,
        num_faces=len(ours),
        same_labels=expected.label_names == found.label_names,
    )


def table(comparisons: Sequence[Comparison]) -> str:
    """Returns a row per comparison, ready to be printed and to be put into a page."""
    rows = [_HEAD] + [
        (
            row.name,
            f"{row.largest_difference:.1e}",
            f"{row.allowed:.1e}",
            f"{row.num_same}/{row.num_faces}",
            "yes" if row.same_labels else "NO",
            "ok" if row.fine else "WRONG",
        )
        for row in comparisons
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def arguments_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns what the checks take alike: files, and how many faces; a check adds its own."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, help="exported .tflite files")
    parser.add_argument("--num-faces", type=int, default=20, help="rendered faces (%(default)s)")
    return parser


def checked(
    models: Sequence[Path], images: Callable[[Path], list[Path]], found: Callable[[Path, list[Path]], Answers]
) -> int:
    """Prints a row per file; returns the exit code, 1 if an answer differs.

    Args:
        models: exported files.
        images: returns the face crops for a file.
        found: returns the other program's answers of a file to such crops.
    """
    comparisons = []
    for model in models:
        paths = images(model)
        comparisons.append(
            compared(model.name, predicted(model, paths), found(model, paths), allowed_difference(model))
        )
    print(f"\n{table(comparisons)}")
    return int(not all(row.fine for row in comparisons))


def parsed(lines: str) -> Answers:
    """Reads the lines of `keras-fer predict --format json`."""
    rows = [json.loads(line)["probabilities"] for line in lines.splitlines()]
    label_names = tuple(rows[0]) if rows else ()
    if any(tuple(row) != label_names for row in rows):
        raise ValueError(f"Every line must have the same labels. Received: {rows}")
    return Answers(label_names, np.array([list(row.values()) for row in rows]))


def predicted(
    model: Path,
    images: Sequence[Path],
    python: Sequence[str | Path] = (sys.executable,),
    environment: Mapping[str, str] | None = None,
) -> Answers:
    """Returns the answers of `keras-fer predict` to face crops.

    Args:
        model: an exported file.
        images: picture files.
        python: command that runs Python.
        environment: of that command; None for this process's.
    """
    arguments = ["predict", "--detector", "none", "--format", "json", model, *images]
    command = [*python, "-c", "from keras_fer.cli.main import main; main()", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nkeras-fer predict ended with {done.returncode} for {model.name}.")
    return parsed(done.stdout)


def allowed_difference(model: Path) -> float:
    """Returns by how much a probability may differ: more where integers are computed with."""
    tensors = Interpreter(model_path=str(model)).get_tensor_details()
    return INT8_LIMIT if any(tensor["dtype"] == np.int8 for tensor in tensors) else FLOAT_LIMIT


def write_rendered_faces(folder: Path, count: int, image_size: int) -> list[Path]:
    """Writes rendered faces as PNG files, eight expressions on as many people in turn."""
    config = SyntheticConfig(num_images=count, image_size=image_size, num_identities=count)
    paths = []
    for number in range(count):
        paths.append(folder / f"face{number:02}.png")
        Image.fromarray(render(config, number)[0]).save(paths[-1])
    return paths
