"""Augmentation that leaves the known factors of an image true."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from keras_fer.data.augmentation import AugmentationConfig

_TURNS = ("flip", "rotation_degrees", "shear")
_COLOURS = ("brightness", "contrast", "saturation")

# By name of the factor the changes that would make what is known of it wrong. A mirrored face looks the
# other way, and a turned one is lit from elsewhere; who it is stays the same.
CHANGED_BY: dict[str, tuple[str, ...]] = {
    "pose": _TURNS,
    "yaw": _TURNS,
    "pitch": _TURNS,
    "roll": _TURNS,
    "light": _TURNS,
    "gaze": _TURNS,
    "shift": (*_TURNS, "zoom", "translation"),
    "shift_x": (*_TURNS, "zoom", "translation"),
    "shift_y": (*_TURNS, "zoom", "translation"),
    "scale": ("shear", "zoom"),
    "blur": ("zoom",),
    "noise": ("zoom", "contrast"),
    "action_units": ("flip",),
    "occlusion": ("erasing",),
    "skin_tone": _COLOURS,
    "hair_tone": _COLOURS,
    "exposure": _COLOURS,
    "gamma": _COLOURS,
    "contrast": _COLOURS,
    "warmth": _COLOURS,
}


def left_out(names: Sequence[str], augmentation: AugmentationConfig) -> tuple[str, ...]:
    """Returns the fields of an augmentation that known factors rule out, in alphabetical order.

    A factor that `CHANGED_BY` does not name is taken as one that no augmentation changes.

    Args:
        names: of the factors.
        augmentation: of which only what it does is named.
    """
    ruled_out = {field for name in names for field in CHANGED_BY.get(name, ())}
    return tuple(sorted(field for field in ruled_out if getattr(augmentation, field)))


def factor_augmentation(names: Sequence[str], augmentation: AugmentationConfig) -> AugmentationConfig:
    """Returns an augmentation without what `left_out` names."""
    nothing: dict[str, Any] = dict.fromkeys(left_out(names, augmentation), 0.0)
    return replace(augmentation, **nothing)
