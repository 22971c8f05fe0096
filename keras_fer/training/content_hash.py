"""What is at a path, as a hash: where it lies does not matter, whether it has changed does."""

import hashlib
from pathlib import Path

from keras_fer.training.run_folder import BEST_MODEL

_MODEL_SUFFIXES = (".keras", ".tflite")


def model_hash(path: str) -> str | None:
    """Returns the SHA-256 of a model; None where there is none.

    Args:
        path: run folder, `.keras` or exported file.
    """
    model = Path(path)
    if model.is_dir():
        model = model / BEST_MODEL
    if model.suffix not in _MODEL_SUFFIXES or not model.is_file():
        return None
    with model.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_hash(path: str) -> str:
    """Returns the SHA-256 of the model at a path, or the content hash of a prepared data set.

    Raises:
        FERError: if there is neither.
    """
    # Not at the top: where threads are limited, NumPy must load after the limit is set.
    from keras_fer.data.prepared import open_prepared

    return model_hash(path) or open_prepared(path).content_hash
