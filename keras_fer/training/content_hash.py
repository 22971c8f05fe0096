"""What is at a path, as a hash: where it lies does not matter, whether it has changed does."""

from pathlib import Path

from keras_fer.checksum import sha256_file
from keras_fer.training.run_folder import BEST_MODEL

_MODEL_SUFFIXES = (".keras", ".tflite")


def model_hash(path: str) -> str | None:
    """Returns the SHA-256 of a model; None for anything else, an ONNX file among it.

    Args:
        path: run folder, `.keras` or `.tflite` file.
    """
    model = Path(path)
    if model.is_dir():
        model = model / BEST_MODEL
    if model.suffix not in _MODEL_SUFFIXES or not model.is_file():
        return None
    return sha256_file(model)


def content_hash(path: str) -> str:
    """Returns the SHA-256 of the model at a path, or the content hash of a prepared data set.

    Raises:
        FERError: if there is neither.
    """
    # Not at the top: where threads are limited, NumPy must load after the limit is set.
    from keras_fer.data.prepared import open_prepared

    return model_hash(path) or open_prepared(path).content_hash
