"""What a training run ends with, to be compared with another one bit for bit."""

import io
import zipfile
from pathlib import Path

import h5py

from keras_fer.training.run_folder import read_history


def model_arrays(path: Path) -> list[bytes]:
    """Returns every array of a saved model, both optimisers and the bank included, whatever its name."""
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    found: list[bytes] = []
    with h5py.File(content) as file:
        file.visititems(
            lambda _, item: found.append(item[()].tobytes()) if isinstance(item, h5py.Dataset) else None
        )
    return sorted(found)


def history_without_seconds(run: Path) -> list[dict[str, float]]:
    """Returns the rows of the history of a run, without what differs each time."""
    return [{name: value for name, value in row.items() if name != "seconds"} for row in read_history(run)]
