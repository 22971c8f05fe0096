"""Scenes of people that are in no data set, with random streams that no data set uses."""

from dataclasses import replace
from enum import IntEnum

import numpy as np

from keras_fer.data.synthetic.action_units import sample_expression
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.identity import sample_identity
from keras_fer.data.synthetic.nuisance import sample_nuisance
from keras_fer.data.synthetic.scene import Scene

# The people of a data set are numbered from 0 on; none has this many.
FIRST_PERSON = 10_000_000
_EXPRESSION_STREAM, _NUISANCE_STREAM = 15, 16


class Use(IntEnum):
    """What scenes are drawn for; no two uses share a draw, so none is judged on what another learned."""

    ORACLE = 0
    SWAP_EXPRESSION = 1
    SWAP_BASE = 2
    INTERVENTION = 3
    GALLERY = 4
    PICTURE = 5


def held_out_scene(config: SyntheticConfig, use: Use, person: int, label: int, draw: int) -> Scene:
    """Draws a scene of somebody whom no encoder has seen, whatever it was trained on.

    Identity, expression and nuisance come from separate streams: scenes of one `person` share the
    identity whatever their use, and of two scenes with one use and draw but different labels all that
    is neither label nor action units is the same.

    Args:
        config: gives difficulty and seed.
        use: what the scene is for.
        person: number of the person, at least 0.
        label: the expression, a position in `EXPRESSIONS_8`.
        draw: number of the draw of expression and nuisance, at least 0.

    Returns:
        A scene for `render_scene`.
    """
    difficulty = DIFFICULTIES[config.difficulty]
    expression, nuisance = (
        np.random.default_rng([config.seed, stream, use, draw])
        for stream in (_EXPRESSION_STREAM, _NUISANCE_STREAM)
    )
    return Scene(
        sample_identity(config.seed, FIRST_PERSON + person),
        sample_expression(expression, label, difficulty),
        sample_nuisance(nuisance, difficulty),
    )


def swapped(scene: Scene, other: Scene) -> Scene:
    """Returns who and how of `scene` with what the face of `other` does: exactly its action units.

    Rendered, it is the picture that a perfect exchange of expressions gives.
    """
    return replace(scene, expression=other.expression)
