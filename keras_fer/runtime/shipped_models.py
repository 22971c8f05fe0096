"""The trained models that are installed with the package."""

from dataclasses import dataclass
from pathlib import Path

from keras_fer.checksum import sha256_file
from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.runtime.model_file import read_contract

FOLDER = Path(__file__).parent.parent / "shipped"
CHECKSUMS = "SHA256SUMS"
# What answers when no model is named: as accurate as float32, four times as fast where there is VNNI.
DEFAULT = "ferplus_static_wi8_ai8"
# When to take which; the numbers are those of docs/model_card.md.
_PURPOSES = {
    "ferplus_static_wi8_ai8": "phones and computers; right on 86.8 % of FER2013Valid",
    "ferplus_float32": "the same net before quantisation; 86.7 %",
    "ferplus-edge_static_wi8_ai8": "boards without an 8-bit dot product: a quarter of the work; 84.4 %",
}


@dataclass(frozen=True)
class ShippedModel:
    """A `.tflite` file of the package.

    Args:
        path: the file.
        sha256: hexadecimal checksum that the package states for it.
    """

    path: Path
    sha256: str

    @property
    def name(self) -> str:
        """What the model is called on the command line: the file without its suffix."""
        return self.path.stem

    @property
    def purpose(self) -> str:
        """When to take this one, and how accurate it is; empty where nothing is known of it."""
        return _PURPOSES.get(self.name, "")

    @property
    def contract(self) -> ModelContract:
        """Labels, input and crop, read from the file; raises FERError if it is damaged."""
        return read_contract(self.path)

    @property
    def is_intact(self) -> bool:
        """Whether the file is there and has the stated checksum."""
        return self.path.is_file() and sha256_file(self.path) == self.sha256


def shipped_models() -> list[ShippedModel]:
    """Returns the models that the package states, intact or not, in the order of their list."""
    rows = (line.split() for line in (FOLDER / CHECKSUMS).read_text(encoding="ascii").splitlines())
    return [ShippedModel(FOLDER / file, sha256) for sha256, file in rows]


def shipped_model(name: str = DEFAULT) -> ShippedModel:
    """Returns the model of that name.

    Raises:
        FERError: if there is none.
    """
    models = {model.name: model for model in shipped_models()}
    if name not in models:
        raise FERError(f"No model {name!r} is installed with keras-fer. There are: {', '.join(models)}.")
    return models[name]
