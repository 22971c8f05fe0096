"""Contact sheets: grids of faces, with captions, for people to look at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from keras_fer.data.synthetic.action_units import ACTION_UNITS, ONE_SIDED, POSITION, RECIPES, Expression
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.identity import BEARDS, GLASSES, HAIR_STYLES, sample_identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.scene import Scene, intervene
from keras_fer.labels import EXPRESSIONS_8

_CAPTION = 16
_LIKELY = 0.5

STUDIO = Nuisance(
    yaw=0.0,
    pitch=0.0,
    roll=0.0,
    scale=0.45,
    shift_x=0.0,
    shift_y=0.0,
    gaze_x=0.0,
    gaze_y=0.0,
    light_x=-0.35,
    light_y=-0.45,
    contrast=0.42,
    warmth=0.0,
    background=4,
    blur=0.0,
    exposure=1.0,
    gamma=1.0,
    noise=0.0,
    grey=False,
    occlusion=0.0,
    seed=0,
)

# The factors of `factor_sheet`, with the values shown.
FACTOR_VALUES: dict[str, tuple[float, ...]] = {
    "yaw": tuple(np.linspace(-0.5, 0.5, 8)),
    "pitch": tuple(np.linspace(-0.3, 0.3, 8)),
    "roll": tuple(np.linspace(-0.3, 0.3, 8)),
    "scale": tuple(np.linspace(0.36, 0.54, 8)),
    "gaze_x": tuple(np.linspace(-1, 1, 8)),
    "light_x": tuple(np.linspace(-0.8, 0.8, 8)),
    "contrast": tuple(np.linspace(0.1, 0.75, 8)),
    "warmth": tuple(np.linspace(-1, 1, 8)),
    "background": tuple(range(8)),
    "blur": tuple(np.linspace(0, 20, 8)),
    "exposure": tuple(np.linspace(0.7, 1.3, 8)),
    "noise": tuple(np.linspace(0, 16, 8)),
    "occlusion": (0.0, *np.linspace(0.1, 0.45, 7)),
    "skin_tone": tuple(np.linspace(0, 1, 8)),
    "age": tuple(np.linspace(0, 1, 8)),
    "hair_style": tuple(range(1, len(HAIR_STYLES))),
    "hair_tone": tuple(np.linspace(0, 1, 8)),
    "glasses": tuple(index % len(GLASSES) for index in range(8)),
    "beard": tuple(index % len(BEARDS) for index in range(8)),
    "mouth_curve": tuple(np.linspace(-0.045, 0.045, 8)),
    "brow_tilt": tuple(np.linspace(-0.05, 0.05, 8)),
}


def full_expression(label: int, intensity: float = 1.0) -> Expression:
    """The first recipe of an expression with all its likely units, alike on both sides.

    Args:
        label: position in `EXPRESSIONS_8`.
        intensity: strength in [0, 1].
    """
    name = EXPRESSIONS_8[label]
    units = np.zeros((len(ACTION_UNITS), 2), np.float32)
    for unit, probability, relative in RECIPES[name][0]:
        if probability >= _LIKELY:
            units[POSITION[unit]] = intensity * relative
    if name in ONE_SIDED:
        units[:, 0] = 0
    return Expression(label, intensity if name != "neutral" else 0.0, units)


def expression_sheet(
    config: SyntheticConfig, identities: Iterable[int] = range(8), intensity: float = 1.0
) -> np.ndarray:
    """Every expression (columns) of several identities (rows) under one nuisance.

    Args:
        config: gives size, difficulty and seed.
        identities: numbers of the people.
        intensity: strength of the expressions in [0, 1].

    Returns:
        uint8 RGB picture.
    """
    expressions = [full_expression(label, intensity) for label in range(len(EXPRESSIONS_8))]
    people = [sample_identity(config.seed, number) for number in identities]
    rows = [
        [render_scene(config, Scene(person, expression, STUDIO)) for expression in expressions]
        for person in people
    ]
    return grid(rows, EXPRESSIONS_8, [f"identity {person.number}" for person in people])


def action_unit_sheet(config: SyntheticConfig, identity: int = 0, steps: int = 6) -> np.ndarray:
    """Every action unit alone (rows) from absent to full strength (columns).

    Returns:
        uint8 RGB picture.
    """
    rest = Scene(sample_identity(config.seed, identity), full_expression(0), STUDIO)
    values = np.linspace(0, 1, steps)
    rows = [
        [render_scene(config, intervene(rest, f"action_unit_{unit}", value)) for value in values]
        for unit in ACTION_UNITS
    ]
    return grid(rows, [f"{value:.1f}" for value in values], [f"action unit {unit}" for unit in ACTION_UNITS])


def factor_sheet(
    config: SyntheticConfig,
    identity: int = 0,
    label: int = 1,
    values: Mapping[str, Sequence[float]] | None = None,
) -> np.ndarray:
    """One factor varied alone per row, everything else held.

    Args:
        config: gives size, difficulty and seed.
        identity: number of the person.
        label: the expression, a position in `EXPRESSIONS_8`.
        values: for each factor the values shown; the same number for all. Default `FACTOR_VALUES`.

    Returns:
        uint8 RGB picture.
    """
    values = FACTOR_VALUES if values is None else values
    start = Scene(sample_identity(config.seed, identity), full_expression(label), replace(STUDIO, seed=1))
    rows = [
        [render_scene(config, intervene(start, factor, value)) for value in row]
        for factor, row in values.items()
    ]
    return grid(rows, (), list(values))


def grid(
    rows: Sequence[Sequence[np.ndarray]], column_names: Sequence[str], row_names: Sequence[str]
) -> np.ndarray:
    """Lays images out as a table with captions.

    Args:
        rows: images of one size, uint8 `(size, size, 3)`, the same number in each row.
        column_names: one per column, or none.
        row_names: one per row.

    Returns:
        uint8 RGB picture.
    """
    lines = []
    if column_names:
        lines.append(np.hstack([_caption(name, len(rows[0][0])) for name in column_names]))
    for name, row in zip(row_names, rows, strict=True):
        lines += [_caption(name, len(row[0]) * len(row)), np.hstack(row)]
    return np.vstack(lines)


def _caption(text: str, width: int) -> np.ndarray:
    """A line of dark text on white, uint8 `(16, width, 3)`."""
    line = np.full((_CAPTION, width, 3), 255, np.uint8)
    cv2.putText(line, text, (3, _CAPTION - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (40, 40, 40), 1, cv2.LINE_AA)
    return line
