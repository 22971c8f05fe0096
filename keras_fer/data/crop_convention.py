"""How the crops of a data set lie around the square box that the face detectors of the runtime find."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CropConvention:
    """Where the crop lies; the fields of the same names in `ModelContract`.

    Args:
        crop_margin: share of the side of the box that is added on each side.
        crop_shift: share of that side by which the crop is moved down; negative moves it up.
    """

    crop_margin: float = 0.0
    crop_shift: float = 0.0


# Of sources that come as ready crops: medians over their test images, `benchmarks/crop_convention.py`.
MEASURED = {
    "fer2013": CropConvention(crop_margin=0.09, crop_shift=-0.09),
    "ferplus": CropConvention(crop_margin=0.09, crop_shift=-0.09),
}


def crop_convention(info: Mapping[str, Any]) -> CropConvention:
    """Returns the convention of a prepared data set.

    Args:
        info: the content of its `dataset.json`.

    Returns:
        What was measured for a source of ready crops; the margin it was prepared with where the source has
        face boxes; no margin for other crops, whose convention is not known.
    """
    margin = float(info.get("config", {}).get("crop_margin", 0.0))
    return CropConvention(margin) if margin else MEASURED.get(info.get("source", ""), CropConvention())
