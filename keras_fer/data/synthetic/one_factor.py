"""Scenes that differ from another one in a single factor, which they take from a third scene."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from keras_fer.data.synthetic.identity import Identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.scene import Scene

# factor: the part of the scene that holds it, and the fields that make it up.
FACTORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "expression": ("expression", ("label", "intensity", "action_units")),
    "identity": ("identity", tuple(field.name for field in fields(Identity))),
    "nuisance": ("nuisance", tuple(field.name for field in fields(Nuisance))),
    "skin_tone": ("identity", ("skin_tone",)),
    "age": ("identity", ("age",)),
    "hair": (
        "identity",
        ("hair_style", "hair_tone", "hair_line", "hair_volume", "hair_shade", "grey"),
    ),
    "glasses": ("identity", ("glasses",)),
    "beard": ("identity", ("beard",)),
    "yaw": ("nuisance", ("yaw",)),
    "pitch": ("nuisance", ("pitch",)),
    "roll": ("nuisance", ("roll",)),
    "framing": ("nuisance", ("scale", "shift_x", "shift_y")),
    "gaze": ("nuisance", ("gaze_x", "gaze_y")),
    "light": ("nuisance", ("light_x", "light_y", "contrast")),
    "warmth": ("nuisance", ("warmth",)),
    "background": ("nuisance", ("background",)),
    "occlusion": ("nuisance", ("occlusion",)),
    "blur": ("nuisance", ("blur",)),
    "exposure": ("nuisance", ("exposure", "gamma")),
    "noise": ("nuisance", ("noise",)),
    "grey": ("nuisance", ("grey",)),
}


def with_factor_of(scene: Scene, factor: str, donor: Scene) -> Scene:
    """Returns the scene with one factor of another scene and everything else as it was.

    Args:
        scene: the scene to start from.
        factor: a key of `FACTORS`; `"identity"` and `"nuisance"` stand for all of that part.
        donor: gives the values, so that they are distributed as in any data set.

    Raises:
        ValueError: if there is no such factor.
    """
    if factor not in FACTORS:
        raise ValueError(f"`factor` must be one of {list(FACTORS)}. Received: factor={factor!r}")
    part, names = FACTORS[factor]
    values: dict[str, Any] = {name: getattr(getattr(donor, part), name) for name in names}
    return replace(scene, **{part: replace(getattr(scene, part), **values)})


def differs(scene: Scene, factor: str, other: Scene) -> bool:
    """Whether two scenes differ in a factor; for the expression, whether its label differs."""
    part, names = FACTORS[factor]
    if factor == "expression":
        names = ("label",)
    return any(getattr(getattr(scene, part), name) != getattr(getattr(other, part), name) for name in names)


def first_that_differs(scene: Scene, factor: str, donors: Sequence[Scene]) -> Scene | None:
    """Returns the first of the donors that differs in a factor, such as one that wears other glasses."""
    return next((donor for donor in donors if differs(scene, factor, donor)), None)
