"""Exported files as the browser app needs to know them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError


@dataclass(frozen=True)
class WebModel:
    """An exported file that the app can run.

    Args:
        path: the file.
        contract: from inside the file.
        dtype: of the input, `"float32"` or `"uint8"`.
        scale: of a uint8 input: it takes pixel / scale + zero point; 0 of an input that is not quantised.
        zero_point: see `scale`.
    """

    path: Path
    contract: ModelContract
    dtype: str
    scale: float
    zero_point: int

    def to_dict(self, file: str) -> dict[str, Any]:
        """Returns the entry of `models.json` for the place `file` on the server."""
        return {
            "name": self.path.stem,
            "file": file,
            "size_bytes": self.path.stat().st_size,
            "contract": self.contract.to_dict(),
            "input": {"dtype": self.dtype, "scale": self.scale, "zero_point": self.zero_point},
        }


def model_files(paths: Sequence[Path]) -> list[Path]:
    """Returns the `.tflite` files among paths and directly in the folders among them, in that order.

    Raises:
        FERError: if a folder holds none, or two files have the same name.
    """
    found: list[Path] = []
    for path in paths:
        files = sorted(path.glob("*.tflite")) if path.is_dir() else [path]
        if not files:
            raise FERError(
                f"The folder {str(path)!r} holds no .tflite file; write some by `keras-fer export RUN OUT`."
            )
        found += files
    names = [path.name for path in found]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise FERError(f"Several files are called {doubled[0]!r}; rename all but one, or name one only.")
    return found


def web_model(path: Path) -> WebModel:
    """Opens an exported file as the runtime does and says what the app must know.

    Raises:
        FERError: if the file cannot be used, or takes more than one image at a time.
    """
    from keras_fer.runtime.recognizer import ExpressionRecognizer

    recognizer = ExpressionRecognizer(path)
    details = recognizer.input_details
    if details.batch_size != 1:
        raise FERError(
            f"The model file {str(path)!r} takes {details.batch_size} images at a time; the browser app "
            "needs one that takes 1, as `keras-fer export` writes it."
        )
    return WebModel(path, recognizer.contract, details.dtype, details.scale, details.zero_point)
