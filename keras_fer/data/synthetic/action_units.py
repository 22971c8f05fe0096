"""Which facial action units make which expression, and how strongly.

The recipes are those of EMFACS with the minority units of Du, Tao and Martinez: each unit has a
probability of taking part and a strength relative to the intensity of the expression. Every
expression also gets units that mean nothing: speech parts the lips, blinks close the eyes.

Reference:
    Ekman and Friesen, Facial Action Coding System, 1978 (EMFACS: table 11-1).
    Du, Tao and Martinez, Compound facial expressions of emotion, PNAS 111 (15), E1454, 2014.
"""

from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.difficulty import Difficulty
from keras_fer.labels import EXPRESSIONS_8

ACTION_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 20, 23, 24, 25, 26, 43)
POSITION = {unit: position for position, unit in enumerate(ACTION_UNITS)}

# expression: alternatives with equal chance, each a tuple of (unit, probability, relative strength).
Recipe = tuple[tuple[int, float, float], ...]
RECIPES: dict[str, tuple[Recipe, ...]] = {
    "neutral": ((),),
    "happiness": (
        ((6, 0.85, 0.9), (12, 1.0, 1.0), (25, 0.75, 0.9), (26, 0.3, 0.3)),
        ((6, 0.9, 0.8), (12, 1.0, 0.9)),
    ),
    "sadness": (
        ((1, 1.0, 1.0), (4, 0.75, 0.55), (15, 1.0, 1.0), (17, 0.6, 0.7), (43, 0.4, 0.3)),
        ((1, 0.9, 0.9), (4, 0.9, 0.6), (15, 1.0, 0.9), (6, 0.25, 0.4), (43, 0.5, 0.4)),
    ),
    "surprise": (((1, 1.0, 1.0), (2, 1.0, 1.0), (5, 0.9, 0.8), (25, 1.0, 0.8), (26, 1.0, 1.0)),),
    "fear": (
        (
            *((1, 1.0, 1.0), (2, 0.7, 0.45), (4, 0.9, 0.7), (5, 1.0, 1.0), (7, 0.4, 0.3)),
            *((20, 1.0, 1.0), (25, 0.95, 0.9), (26, 0.6, 0.35)),
        ),
        ((1, 1.0, 0.9), (2, 0.6, 0.4), (4, 0.9, 0.7), (5, 1.0, 1.0), (20, 1.0, 0.9), (25, 0.9, 1.0)),
    ),
    "disgust": (
        (
            (9, 1.0, 1.0),
            (10, 0.7, 0.7),
            (4, 0.4, 0.3),
            (7, 0.5, 0.6),
            (15, 0.6, 0.5),
            (16, 0.4, 0.6),
            (17, 0.4, 0.5),
        ),
        ((10, 1.0, 1.0), (9, 0.6, 0.6), (17, 0.9, 0.8), (4, 0.7, 0.4), (7, 0.5, 0.5), (25, 0.35, 0.5)),
    ),
    "anger": (
        ((4, 1.0, 1.0), (5, 0.75, 0.5), (7, 0.9, 0.7), (23, 0.9, 0.9), (24, 0.5, 0.7), (17, 0.4, 0.5)),
        (
            (4, 1.0, 1.0),
            (5, 0.6, 0.5),
            (7, 0.9, 0.8),
            (10, 0.5, 0.4),
            (16, 0.6, 0.7),
            (25, 0.9, 0.9),
            (23, 0.5, 0.5),
        ),
    ),
    "contempt": (((12, 1.0, 0.75), (14, 1.0, 1.0), (2, 0.25, 0.6)),),
}
ONE_SIDED = frozenset({"contempt"})


@dataclass(frozen=True)
class Expression:
    """What a face does.

    Args:
        label: position in `keras_fer.labels.EXPRESSIONS_8`.
        intensity: strength of the expression in [0, 1]; 0 for neutral.
        action_units: float32 `(19, 2)` in [0, 1], units in the order of `ACTION_UNITS`, columns are
            the left and the right half of the **image**.
    """

    label: int
    intensity: float
    action_units: np.ndarray


def sample_expression(rng: np.random.Generator, label: int, difficulty: Difficulty) -> Expression:
    """Draws one way to show an expression.

    The number of random values used does not depend on the label, so that the streams of two labels
    stay comparable: the same background units accompany both.

    Args:
        rng: the expression stream of the image.
        label: position in `EXPRESSIONS_8`.
        difficulty: gives the range of intensity and the share of background units.
    """
    name = EXPRESSIONS_8[label]
    draws = rng.random((3, len(ACTION_UNITS)))
    sides = rng.random((len(ACTION_UNITS), 2))
    choice, strength, side, speech, opening, blink, lids = rng.random(7)

    low, high = difficulty.intensity
    intensity = (low + (high - low) * strength) if name != "neutral" else 0.0
    units = np.zeros((len(ACTION_UNITS), 2))
    for unit, probability, relative in RECIPES[name][int(choice * len(RECIPES[name]))]:
        position = POSITION[unit]
        if draws[0, position] < probability:
            units[position] = intensity * relative * (0.8 + 0.4 * draws[1, position])
    if name in ONE_SIDED:
        units[:, int(side < 0.5)] *= 0.1
    units *= 1 - difficulty.asymmetry * sides
    units = np.maximum(units, _background_units(draws[2], speech, opening, blink, lids, difficulty))
    return Expression(label, float(intensity), np.clip(units, 0, 1).astype(np.float32))


def _background_units(
    draws: np.ndarray, speech: float, opening: float, blink: float, lids: float, difficulty: Difficulty
) -> np.ndarray:
    """Speech, blinks and stray units, which every expression gets alike; shape `(19, 1)`."""
    share = difficulty.background_units
    units = np.where(draws < 0.15 * share, 0.3 * draws / (0.15 * share + 1e-9), 0.0)
    if speech < 0.25 * share:
        units[POSITION[25]] = 0.3 + 0.5 * opening
        units[POSITION[26]] = 0.35 * opening
    if blink < 0.06 * share:
        units[POSITION[43]] = 0.5 + 0.5 * lids
    return units[:, None]
