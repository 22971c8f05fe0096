"""From action units to controls: the few numbers that move the curves of a face linearly.

Lids and lip thickness multiply where several units act on them; everything else adds. The curves of
an identity are `mean + controls @ basis`, see `curves.py`.
"""

import numpy as np

from keras_fer.data.synthetic.action_units import ACTION_UNITS

SIDES = ("left", "right")
_SIDED = (
    "brow_inner",
    "brow_outer",
    "brow_lower",
    "lid_upper",
    "lid_lower",
    "cheek",
    "nose",
    "corner_out",
    "corner_up",
    "corner_down",
    "lip_raise",
)
_CENTRAL = (
    "lip_gap",
    "jaw",
    "lip_drop",
    "chin_raise",
    "upper_lip",
    "lower_lip",
    "gaze_x",
    "gaze_y",
)
CONTROLS = tuple(f"{name}_{side}" for name in _SIDED for side in SIDES) + _CENTRAL
POSITION = {name: position for position, name in enumerate(CONTROLS)}

# How deep a crease is at rest and per unit of age, and what each action unit adds.
_CREASES: dict[str, tuple[float, float, dict[int, float]]] = {
    "nasolabial": (0.1, 0.75, {6: 0.15, 9: 0.7, 10: 0.55, 12: 0.65}),
    "marionette": (0.0, 0.6, {15: 0.7, 17: 0.2}),
    "dimple": (0.0, 0.0, {12: 0.35, 14: 0.9}),
    "crow": (0.0, 0.7, {6: 0.75}),
    "under_eye": (0.12, 0.75, {6: 0.5, 7: 0.35, 9: 0.2}),
    "glabella": (0.0, 0.35, {4: 0.85, 9: 0.3}),
    "bridge": (0.0, 0.0, {9: 0.95}),
    "forehead_inner": (0.0, 0.65, {1: 0.5}),
    "forehead_outer": (0.0, 0.65, {2: 0.55}),
    "chin": (0.0, 0.0, {15: 0.15, 17: 0.8}),
}
CREASES = tuple(_CREASES)
_CREASE_BASE = np.array([(rest, age) for rest, age, _ in _CREASES.values()])
_CREASE_GAIN = np.array(
    [[gains.get(unit, 0.0) for unit in ACTION_UNITS] for _, _, gains in _CREASES.values()]
)


def expression_controls(
    action_units: np.ndarray, gain: float = 1.0, gaze: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Returns the controls, float64 `(len(CONTROLS),)`.

    Args:
        action_units: `(19, 2)` in [0, 1], left and right half of the image.
        gain: factor on displacements; blinks have none, since a closed eye cannot close further.
        gaze: where the eyes look, right and down, in [−1, 1].
    """
    values: list[float] = []
    left = _side_controls(*(action_units[:, 0] * gain).tolist(), closed=float(action_units[-1, 0]))
    right = _side_controls(*(action_units[:, 1] * gain).tolist(), closed=float(action_units[-1, 1]))
    for pair in zip(left, right, strict=True):
        values.extend(pair)
    unit = dict(zip(ACTION_UNITS, (action_units.mean(axis=1) * gain).tolist(), strict=True))
    values += [
        0.05 * unit[25] * (1 - 0.6 * min(1.0, unit[24])) + 0.19 * unit[26],
        0.21 * unit[26],
        unit[16],
        unit[17],
        max(0.2, 1 - 0.25 * unit[12] - 0.3 * unit[23] - 0.45 * unit[24] - 0.2 * unit[20]),
        max(0.25, 1 - 0.2 * unit[12] - 0.3 * unit[23] - 0.4 * unit[24] - 0.2 * unit[20] + 0.15 * unit[17]),
        gaze[0],
        gaze[1],
    ]
    return np.array(values)


def _side_controls(*units: float, closed: float) -> tuple[float, ...]:
    """The sided controls of one half of the face, in the order of `_SIDED`."""
    au1, au2, au4, au5, au6, au7, au9, au10, au12, au14, au15, _, _, au20, au23, au24, _, au26, _ = units
    upper = max(0.2, (1 + 0.6 * au5) * (1 - 0.25 * min(au7, 1.3)) * (1 - 0.12 * au4) * (1 - 0.1 * au12))
    lower = max(0.1, (1 - 0.42 * au7) * (1 - 0.38 * au6) * (1 - 0.3 * au9) * (1 + 0.1 * au5))
    return (
        au1,
        au2,
        au4 + 0.35 * au9,
        upper * (1 - closed),
        lower,
        min(1.6, au6 + 0.35 * au12 + 0.3 * au9),
        au9,
        0.085 * au12 + 0.035 * au14 + 0.075 * au20 - 0.035 * au23 - 0.042 * au24 - 0.07 * au26,
        0.12 * au12 + 0.02 * au14,
        0.095 * au15 + 0.025 * au20,
        au10 + 0.55 * au9,
    )


def crease_depths(action_units: np.ndarray, gain: float, age: float) -> np.ndarray:
    """Returns how deep each of `CREASES` is, float64 `(10, 2)` in [0, 1].

    Age adds to every crease, so that a crease by itself is no expression.
    """
    depths = _CREASE_GAIN @ action_units * gain + (_CREASE_BASE @ (1.0, age))[:, None]
    return depths.clip(0, 1)
