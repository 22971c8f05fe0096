"""What a model expects of its input and what its outputs mean, stored with every model."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json

CONTRACT_FILE = "contract.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class ModelContract:
    """Labels, input and crop of a model: the one thing training and use must agree on.

    Stored inside a `.keras` file, beside it as `contract.json`, and inside every exported file.

    Args:
        label_names: names of the outputs, in their order.
        image_size: height and width of the input, pixels.
        crop_margin: the face box, made square, is enlarged by this share of its side on *each*
            side before it is resized to `image_size`; 0 means that the box is the crop.
        crop_shift: the crop is moved down by this share of the side of the square box; negative moves it up.
        align_roll: the crop is turned so that the eyes lie level, where the detector tells them.
        resize_filter: `"triangle"`, bilinear with antialiasing, the only one there is.
        color_order: `"rgb"`, the only one there is; gray pictures repeat their channel.
        value_range: smallest and largest value of the input; normalisation is in the graph.
        temperature: divides the logits before the softmax, inside the exported graph.
        uncertain_below: a largest probability under this reads "uncertain"; 0 turns it off.
        name: short name of the model.
        description: one sentence.
        training_data: what it was trained on, with its terms.
    """

    label_names: tuple[str, ...]
    image_size: int
    crop_margin: float = 0.0
    crop_shift: float = 0.0
    align_roll: bool = False
    resize_filter: str = "triangle"
    color_order: str = "rgb"
    value_range: tuple[float, float] = (0.0, 255.0)
    temperature: float = 1.0
    uncertain_below: float = 0.0
    name: str = "expression-recognizer"
    description: str = ""
    training_data: str = ""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        if not isinstance(self.label_names, list | tuple):
            raise FERError(
                f"The model contract lacks a list of `label_names`. Received: {type(self.label_names)}"
            )
        names = tuple(self.label_names)
        object.__setattr__(self, "label_names", names)
        object.__setattr__(self, "value_range", tuple(float(value) for value in self.value_range))
        problems = [
            (len(names) < 2 or not all(map(_is_line, names)), "label_names"),
            (len(set(names)) != len(names), "label_names"),
            (not isinstance(self.image_size, int) or not 8 <= self.image_size <= 4096, "image_size"),
            (not 0 <= self.crop_margin <= 2, "crop_margin"),
            (not -1 <= self.crop_shift <= 1, "crop_shift"),
            (not isinstance(self.align_roll, bool), "align_roll"),
            (self.resize_filter != "triangle", "resize_filter"),
            (self.color_order != "rgb", "color_order"),
            (self.value_range != (0.0, 255.0), "value_range"),
            (not 0 < self.temperature < float("inf"), "temperature"),
            (not 0 <= self.uncertain_below <= 1, "uncertain_below"),
            (self.format_version != FORMAT_VERSION, "format_version"),
            (not isinstance(self.name, str), "name"),
            (not isinstance(self.description, str), "description"),
            (not isinstance(self.training_data, str), "training_data"),
        ]
        for wrong, field in problems:
            if wrong:
                raise FERError(
                    f"The model contract has no valid `{field}`. Received: {field}={getattr(self, field)!r}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Returns the contract as plain JSON types."""
        return json.loads(json.dumps(asdict(self)))

    def to_json(self) -> str:
        """Returns the contract as an indented JSON document."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, values: Any) -> "ModelContract":
        """Builds a contract from plain JSON types.

        Raises:
            FERError: if a field is missing, unknown, or has a value that no contract can have.
        """
        known = {field.name for field in fields(cls)}
        if not isinstance(values, dict):
            raise FERError(f"A model contract is a JSON object. Received: {type(values).__name__}")
        if unknown := set(values) - known:
            raise FERError(
                f"The model contract has unknown fields {sorted(unknown)}: it was written by a newer version."
            )
        if missing := {"label_names", "image_size"} - set(values):
            raise FERError(f"The model contract lacks {sorted(missing)}.")
        try:
            return cls(**values)
        except (TypeError, ValueError, OverflowError) as error:
            raise FERError(f"The model contract has a field of the wrong type: {error}") from error

    @classmethod
    def from_json(cls, text: str | bytes) -> "ModelContract":
        """Reads a contract from a JSON document; raises `FERError` as `from_dict` does."""
        try:
            values = parsed_json(text)
        except ValueError as error:
            raise FERError(f"The model contract is not valid JSON: {error}") from error
        return cls.from_dict(values)


def _is_line(name: Any) -> bool:
    """Whether a label name fits on one line of `labels.txt`."""
    return isinstance(name, str) and name.splitlines() == [name]
