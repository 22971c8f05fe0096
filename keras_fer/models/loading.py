"""Opens saved models, in safe mode, with one clear sentence for what is none."""

import os
import zipfile
from pathlib import Path

from keras_fer.errors import FERError

MODEL_FILE = "model.keras"
_MOST_QUOTED = 160
_EXPORTED_SUFFIXES = (".tflite", ".onnx")


def require_trained(path: str | os.PathLike) -> None:
    """Refuses an exported file where a model that can be trained is needed; does not load TensorFlow.

    Raises:
        FERError: if `path` ends as exported files do.
    """
    if Path(path).suffix.lower() in _EXPORTED_SUFFIXES:
        raise FERError(
            f"{str(path)!r} is an exported file, which holds the answers of a model but cannot be trained or "
            "converted further; name the run folder or .keras file that it was exported from."
        )


def load_model(path: str | os.PathLike):
    """Loads a `DisentanglingModel` or a `FactorModel`.

    Args:
        path: a `.keras` file, or a run folder that holds `model.keras`.

    Returns:
        The model, compiled, with the state of both optimisers.

    Raises:
        FERError: if there is no such file, or it is not a model of this package.
    """
    require_trained(path)
    file = Path(path)
    if os.path.isdir(file):
        file = file / MODEL_FILE
    if not os.path.isfile(file):
        raise FERError(
            f"There is no model at {str(path)!r}. Name a .keras file or a run folder that holds {MODEL_FILE}."
        )
    if not zipfile.is_zipfile(file):
        raise FERError(
            f"{str(file)!r} is not a .keras file (or is truncated). Name one that `keras-fer train` saved."
        )
    import keras

    from keras_fer.models.disentangling import DisentanglingModel
    from keras_fer.models.factor_model import FactorModel

    try:
        model = keras.saving.load_model(file, safe_mode=True)
    except FERError:
        raise
    except Exception as error:  # Keras raises whatever the broken part raises.
        # Where a layer's settings are wrong, Keras quotes all of them.
        reason = str(error).strip().split("\n")[0]
        reason = reason if len(reason) <= _MOST_QUOTED else f"{reason[:_MOST_QUOTED]} ..."
        raise FERError(f"{str(file)!r} cannot be loaded as a model of this package: {reason}") from error
    if not isinstance(model, DisentanglingModel | FactorModel):
        raise FERError(
            f"{str(file)!r} holds a {type(model).__name__}, not a DisentanglingModel or FactorModel. "
            "Name a file that `keras-fer train` saved."
        )
    _require_own_contract(model, file)
    return model


def _require_own_contract(model, file: Path) -> None:
    """A file that was put together by hand may name classes or a size that its graph does not have."""
    stated = (len(model.contract.label_names), model.contract.image_size)
    built = (model.num_expressions, model.input_shape[1])
    if stated != built:
        raise FERError(
            f"The contract of {str(file)!r} does not belong to its graph: it states {stated[0]} classes and "
            f"{stated[1]} pixels, the graph has {built[0]} and {built[1]}. Train or save the model again."
        )
