"""A scene is who, doing what, taken how: three parts from three random streams, each replaceable alone.

The swap of two scenes is `dataclasses.replace(scene_a, expression=scene_b.expression)`; rendered, it
is the exact picture that a perfect exchange of expressions should give. `intervene` changes a single
factor and nothing else.
"""

from dataclasses import dataclass, fields, replace
from functools import lru_cache

import numpy as np

from keras_fer.data.synthetic.action_units import ACTION_UNITS, POSITION, Expression, sample_expression
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.identity import Identity, sample_identity
from keras_fer.data.synthetic.nuisance import Nuisance, sample_nuisance

_EXPRESSION_STREAM, _NUISANCE_STREAM = 11, 12
_UNIT_FACTORS = {f"action_unit_{unit}": POSITION[unit] for unit in ACTION_UNITS}
_IDENTITY_FACTORS = ("skin_tone", "age", "hair_style", "hair_tone", "glasses", "beard")
_NUISANCE_FACTORS = (
    *("yaw", "pitch", "roll", "scale", "shift_x", "shift_y", "contrast", "warmth"),
    *("background", "blur", "exposure", "gamma", "noise", "grey", "occlusion"),
)


@dataclass(frozen=True)
class Scene:
    """All that is needed to render one image.

    Args:
        identity: the face at rest.
        expression: what the face does.
        nuisance: how the picture is taken.
    """

    identity: Identity
    expression: Expression
    nuisance: Nuisance


def scene(config: SyntheticConfig, index: int) -> Scene:
    """Draws the scene of image `index`.

    Raises:
        IndexError: if the data set has no such image.
    """
    if not 0 <= index < config.num_images:
        raise IndexError(f"There are images 0 to {config.num_images - 1}. Received: index={index}")
    rng = np.random.default_rng([config.seed, _EXPRESSION_STREAM, index])
    return Scene(
        sample_identity(config.seed, config.identity(index)),
        sample_expression(rng, config.clean_label(index), DIFFICULTIES[config.difficulty]),
        _nuisance(config.seed, config.unit(index), config.difficulty),
    )


@lru_cache(maxsize=4)
def _nuisance(seed: int, unit: int, difficulty: str) -> Nuisance:
    """The nuisance of a unit, which the members of a pair share."""
    return sample_nuisance(np.random.default_rng([seed, _NUISANCE_STREAM, unit]), DIFFICULTIES[difficulty])


def intervene(scene: Scene, factor: str, value: float) -> Scene:
    """Returns the scene with one factor changed and everything else as it was.

    Args:
        scene: the scene to start from.
        factor: a field of `Nuisance` or `Identity`, or `"action_unit_12"` and the like (both sides).
        value: the new value; whole numbers for kinds such as `hair_style`.

    Raises:
        ValueError: if there is no such factor.
    """
    if factor in _UNIT_FACTORS:
        units = scene.expression.action_units.copy()
        units[_UNIT_FACTORS[factor]] = value
        return replace(scene, expression=replace(scene.expression, action_units=units))
    for part in ("nuisance", "identity"):
        current = getattr(scene, part)
        kinds = {field.name: type(getattr(current, field.name)) for field in fields(current)}
        if factor in kinds:
            return replace(scene, **{part: replace(current, **{factor: kinds[factor](value)})})
    raise ValueError(f"A scene has no factor {factor!r}.")


def factors(scene: Scene) -> dict[str, np.ndarray]:
    """The known factors of a scene, by name, float32.

    `action_units` has shape `(38,)`: unit by unit in the order of `ACTION_UNITS`, left and right half
    of the image each; `light` `(3,)` and `gaze` `(2,)` are vectors, everything else is a number.
    Angles are radians, `blur` thousandths of the image side, `noise` grey levels, `occlusion` a share
    of the image side; `hair_style`, `glasses`, `beard`, `background` and `grey` are kinds.
    """
    expression, nuisance = scene.expression, scene.nuisance
    values: dict[str, object] = {
        "clean_label": expression.label,
        "intensity": expression.intensity,
        "action_units": expression.action_units.reshape(-1),
        "identity": scene.identity.number,
        "light": nuisance.light,
        "gaze": (nuisance.gaze_x, nuisance.gaze_y),
    }
    values |= {name: getattr(scene.identity, name) for name in _IDENTITY_FACTORS}
    values |= {name: getattr(nuisance, name) for name in _NUISANCE_FACTORS}
    return {name: np.asarray(value, np.float32) for name, value in values.items()}
