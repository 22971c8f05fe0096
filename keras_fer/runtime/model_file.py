"""Reads the contract out of an exported `.tflite` file.

Such a file is a TFLite flatbuffer with a zip archive appended to it, as TFLite metadata does it, so
`zipfile.ZipFile(path).read("contract.json")` of the standard library works on it.
"""

import os
import zipfile
from pathlib import Path

from keras_fer.contract import CONTRACT_FILE, ModelContract
from keras_fer.errors import FERError

LABELS_FILE = "labels.txt"

_IDENTIFIER = b"TFL3"
_LARGEST_FILE = 2**31  # a flatbuffer cannot be larger
_LARGEST_MEMBER = 2**20
_EXPORT_FIRST = "Write a file with one by `keras-fer export RUN OUT`."


def read_contract(path: str | os.PathLike) -> ModelContract:
    """Reads what a model expects and what its outputs mean from an exported `.tflite` file.

    The model itself is not loaded.

    Args:
        path: a file that `keras-fer export` wrote.

    Returns:
        The contract; if the file also holds `labels.txt`, the two agree.

    Raises:
        FERError: if there is no such file, it is no TFLite model, or it holds no valid contract.
    """
    path = Path(path)
    _require_tflite(path)
    try:
        with zipfile.ZipFile(path) as archive:
            contract_text = _member(archive, CONTRACT_FILE)
            labels_text = _member(archive, LABELS_FILE)
    except zipfile.BadZipFile:
        contract_text = labels_text = None
    except FERError as error:
        raise FERError(f"The model file {str(path)!r} cannot be used: {error}") from error
    except Exception as error:
        # A damaged archive also raises zlib.error, EOFError, NotImplementedError, RuntimeError, OSError...
        reason = str(error) or type(error).__name__
        raise FERError(
            f"The model file {str(path)!r} holds a damaged archive: {reason}. {_EXPORT_FIRST}"
        ) from error
    if contract_text is None:
        raise FERError(
            f"The model file {str(path)!r} holds no contract (labels, input size, crop), so its answers have "
            f"no meaning; or it is truncated. {_EXPORT_FIRST}"
        )
    try:
        contract = ModelContract.from_json(contract_text)
    except FERError as error:
        raise FERError(f"The model file {str(path)!r} cannot be used. {error}") from error
    _require_same_labels(path, contract, labels_text)
    return contract


def _require_tflite(path: Path) -> None:
    """Raises FERError unless the file begins as a TFLite model does."""
    if os.path.isdir(path) or path.suffix == ".keras":
        raise FERError(
            f"{str(path)!r} is not an exported model: a `.tflite` file is expected. {_EXPORT_FIRST}"
        )
    if not os.path.isfile(path):
        raise FERError(f"There is no model file {str(path)!r}. {_EXPORT_FIRST}")
    try:
        with path.open("rb") as file:
            head = file.read(8)
        size = path.stat().st_size
    except OSError as error:
        raise FERError(f"The model file {str(path)!r} cannot be read: {error.strerror}.") from error
    if head[4:8] != _IDENTIFIER or size > _LARGEST_FILE:
        raise FERError(f"The file {str(path)!r} is not a TFLite model. {_EXPORT_FIRST}")


def _member(archive: zipfile.ZipFile, name: str) -> bytes | None:
    """Returns the content of one member, or None where there is none; never more than `_LARGEST_MEMBER`."""
    if name not in archive.namelist():
        return None
    with archive.open(name) as file:
        # Reading is limited as well, since the size that the archive states may be a lie.
        content = file.read(_LARGEST_MEMBER + 1)
    if len(content) > _LARGEST_MEMBER:
        raise FERError(f"its {name} is larger than {_LARGEST_MEMBER} bytes.")
    return content


def _require_same_labels(path: Path, contract: ModelContract, labels_text: bytes | None) -> None:
    """Raises FERError if `labels.txt`, which other programs read, says other names than the contract."""
    if labels_text is None:
        return
    names = tuple(labels_text.decode("utf-8", errors="replace").splitlines())
    if names != contract.label_names:
        raise FERError(
            f"The model file {str(path)!r} contradicts itself: {LABELS_FILE} says {', '.join(names)}, "
            f"the contract says {', '.join(contract.label_names)}. Export it again."
        )
