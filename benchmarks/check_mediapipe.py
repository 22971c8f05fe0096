"""Runs exported files in MediaPipe's image classifier and compares labels and scores with the runtime's.

Opt-in: `mediapipe` is no dependency of the project, since newer versions report their use to its maker. It is
installed from the package index that pip is set up for, into an environment in a temporary folder:

    python benchmarks/check_mediapipe.py exported/*.tflite

MediaPipe reads labels and normalisation from the TFLite metadata in the files, and nothing of our contract.
The rendered faces have the size of the input, so that neither program resizes. Files with a second output,
the representation, are not for it. Expected: every line ok, a minute. Exit code 1 otherwise.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from answer_comparison import Answers, arguments_parser, checked, parsed, write_rendered_faces

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
    parser = arguments_parser(__doc__)
    parser.add_argument("--mediapipe", default="mediapipe", help="what pip is to install (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = installed_mediapipe(folder / "environment", arguments.mediapipe)
        return checked(
            arguments.models,
            lambda model: write_rendered_faces(folder, arguments.num_faces, read_contract(model).image_size),
            lambda model, images: mediapipe_answers(python, model, images),
        )


if __name__ == "__main__":
    sys.exit(main())
