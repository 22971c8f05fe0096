"""Runs exported files in MediaPipe's image classifier and compares labels and scores with the runtime's.

Opt-in: `mediapipe` is no dependency of the project, since newer versions report their use to its maker. It is
installed from the package index that pip is set up for, into an environment in a temporary folder:

    python benchmarks/check_mediapipe.py exported/*.tflite

MediaPipe reads labels and normalisation from the TFLite metadata in the files, and nothing of our contract.
The rendered faces have the size of the input, so that neither program resizes. Files with a second output,
the representation, are not for it. Expected: every line ok, a minute. Exit code 1 otherwise.
"""

import argparse
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from answer_comparison import (
    Answers,
    allowed_difference,
    compared,
    parsed,
    predicted,
    table,
    write_rendered_faces,
)

from keras_fer.runtime.model_file import read_contract

_SCRIPT = Path(__file__).with_name("mediapipe_answers.py")


def installed_mediapipe(folder: Path, requirement: str) -> Path:
    """Makes an environment with MediaPipe; returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", requirement], check=True)
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, stdout=subprocess.PIPE, text=True)
    print(next(line for line in listed.stdout.splitlines() if line.startswith("mediapipe==")), flush=True)
    return python


def mediapipe_answers(python: Path, model: Path, images: list[Path]) -> Answers:
    """Returns MediaPipe's answers to face crops."""
    done = subprocess.run([python, "-I", _SCRIPT, model, *images], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}\nMediaPipe refuses {model.name}; see above.")
    return parsed(done.stdout)


def main() -> int:
    """Prints a table; returns 1 if an answer differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, help="exported .tflite files")
    parser.add_argument("--mediapipe", default="mediapipe", help="what pip is to install (%(default)s)")
    parser.add_argument("--num-faces", type=int, default=20, help="rendered faces (%(default)s)")
    arguments = parser.parse_args()
    comparisons = []
    with tempfile.TemporaryDirectory() as name:
        python = installed_mediapipe(Path(name) / "environment", arguments.mediapipe)
        for model in arguments.models:
            images = write_rendered_faces(Path(name), arguments.num_faces, read_contract(model).image_size)
            found = mediapipe_answers(python, model, images)
            comparisons.append(
                compared(model.name, predicted(model, images), found, allowed_difference(model))
            )
    print(f"\n{table(comparisons)}")
    return int(not all(row.fine for row in comparisons))


if __name__ == "__main__":
    sys.exit(main())
