"""The curves of a face: brows, lids, nose, mouth and creases as one matrix product.

Coordinates are those of the frontal face: x to the right of the image, y down, the chin at y = 1 and
half a face height the unit. For an identity all points of all curves are
`mean + controls @ basis`; rendering multiplies once and slices.
"""

from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.controls import CONTROLS, POSITION, SIDES
from keras_fer.data.synthetic.identity import Identity

IRIS_RADIUS = 0.087
_EYE_HALF_WIDTH = 0.185
_UPPER_LID = 0.108
_LOWER_LID = 0.066


@dataclass(frozen=True)
class FaceCurves:
    """All curves of one identity.

    Args:
        mean: float64 `(2 P,)`, interleaved x and y of the face with all controls at zero.
        basis: float64 `(len(CONTROLS), 2 P)`, displacement of every point per unit of a control.
        spans: for each curve the range of its points.
    """

    mean: np.ndarray
    basis: np.ndarray
    spans: dict[str, slice]

    def points(self, controls: np.ndarray) -> np.ndarray:
        """Returns all points, float64 `(P, 2)` in face coordinates."""
        return (self.mean + controls @ self.basis).reshape(-1, 2)

    def on_canvas(self, origin: tuple[float, float], pixels_per_unit: float) -> "FaceCurves":
        """The same curves in sixteenths of a canvas pixel, as OpenCV draws them with `shift=4`."""
        scale = 16 * pixels_per_unit
        shift = np.tile(np.asarray(origin) * scale + 8, len(self.mean) // 2)
        return FaceCurves(self.mean * scale - shift, self.basis * scale, self.spans)


class _CurveBuilder:
    """Collects curves with their displacements."""

    def __init__(self) -> None:
        self._means: list[np.ndarray] = []
        self._bases: list[np.ndarray] = []
        self._spans: dict[str, slice] = {}
        self._count = 0

    def add(self, name: str, x: np.ndarray, y: np.ndarray, moves: dict[str, tuple]) -> None:
        """Adds a curve; `moves` has (dx, dy) per control, arrays over the points or numbers."""
        size = len(x)
        basis = np.zeros((len(CONTROLS), size, 2))
        for control, (dx, dy) in moves.items():
            basis[POSITION[control], :, 0] += dx
            basis[POSITION[control], :, 1] += dy
        self._means.append(np.stack([x, y], axis=1))
        self._bases.append(basis)
        self._spans[name] = slice(self._count, self._count + size)
        self._count += size

    def build(self) -> FaceCurves:
        mean = np.concatenate(self._means).reshape(-1)
        basis = np.concatenate(self._bases, axis=1).reshape(len(CONTROLS), -1)
        return FaceCurves(mean, basis, self._spans)


def face_curves(identity: Identity) -> FaceCurves:
    """Builds the curves of an identity."""
    builder = _CurveBuilder()
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        _add_brow(builder, identity, side, sign)
        _add_eye(builder, identity, side, sign)
        _add_cheek_creases(builder, identity, side, sign)
        _add_forehead_creases(builder, identity, side, sign)
    _add_nose(builder, identity)
    _add_mouth(builder, identity)
    return builder.build()


def _brow_moves(side: str, sign: int, t: np.ndarray) -> dict[str, tuple]:
    """How a brow moves; `t` is 0 at the nose and 1 at the temple."""
    inner = np.clip(1 - t, 0, 1)
    return {
        f"brow_inner_{side}": (0.0, -0.085 * inner**1.3),
        f"brow_outer_{side}": (0.0, -0.094 * np.clip(t - 0.15, 0, 1) ** 0.8),
        f"brow_lower_{side}": (-0.035 * sign * inner, 0.075 * inner**0.8 + 0.025),
    }


def _add_brow(builder: _CurveBuilder, identity: Identity, side: str, sign: int) -> None:
    t = np.linspace(0, 1, 9)
    x = sign * (0.15 + (identity.eye_spacing + 0.105) * t)
    arch = identity.brow_arch * np.sin(np.pi * t**1.4)
    y = identity.eye_height - identity.brow_height - arch - identity.brow_tilt * (t - 0.45)
    half = (
        0.038 * identity.brow_thickness * (0.35 + 0.65 * np.clip(t / 0.22, 0, 1)) * (1 - t**2.2) ** 0.6
        + 0.006
    )
    both = np.concatenate([t, t[::-1]])
    builder.add(
        f"brow_{side}",
        np.concatenate([x, x[::-1]]),
        np.concatenate([y - half, (y + 0.7 * half)[::-1]]),
        _brow_moves(side, sign, both),
    )


def _add_eye(builder: _CurveBuilder, identity: Identity, side: str, sign: int) -> None:
    s = np.linspace(-1, 1, 13)  # inner to outer corner
    half_width = _EYE_HALF_WIDTH * identity.eye_size
    x = sign * (identity.eye_spacing + s * half_width)
    axis = identity.eye_height - identity.eye_tilt * s * half_width
    bulge = np.clip(1 - np.abs(s) ** 2.2, 0, 1) ** 0.8
    upper = _UPPER_LID * identity.eye_size * identity.eye_opening * bulge * (1 - 0.12 * s)
    lower = _LOWER_LID * identity.eye_size * np.clip(1 - s**2, 0, 1) ** 0.9 * (1 + 0.1 * s)
    meeting = 0.6 * lower
    pull = {
        f"brow_inner_{side}": (0.0, -0.014 * np.clip(1 - s, 0, 2) * bulge),
        f"brow_lower_{side}": (0.0, 0.012 * np.clip(1 - s, 0, 2) * bulge),
    }
    upper_lid = {f"lid_upper_{side}": (0.0, -upper - meeting), **pull}
    builder.add(f"upper_lid_{side}", x, axis + meeting, upper_lid)
    builder.add(f"lower_lid_{side}", x[::-1], axis[::-1], {f"lid_lower_{side}": (0.0, lower[::-1])})

    lash = 0.011 + 0.02 * np.clip(s + 0.8, 0, 2) ** 0.7 * bulge**0.3
    flick = sign * 0.022 * np.clip(s - 0.6, 0, 1) / 0.4
    builder.add(f"lash_{side}", (x + flick)[::-1], (axis + meeting - lash)[::-1], _reverse(upper_lid))
    crease = axis - upper - 0.03 - 0.028 * identity.lid_crease * (0.6 + 0.4 * bulge)
    builder.add(
        f"lid_crease_{side}",
        x[1:],
        crease[1:] + 0.3 * upper[1:],
        {
            f"lid_upper_{side}": (0.0, -0.3 * upper[1:]),
            **{name: (0.0, (2.0 * np.asarray(dy))[1:]) for name, (_, dy) in pull.items()},
        },
    )
    builder.add(
        f"iris_{side}",
        np.array([sign * identity.eye_spacing]),
        np.array([identity.eye_height - 0.016]),
        {"gaze_x": (0.075, 0.0), "gaze_y": (0.0, 0.035)},
    )


def _reverse(moves: dict[str, tuple]) -> dict[str, tuple]:
    """The same moves for the points in opposite order."""
    return {
        name: (np.asarray(dx)[..., ::-1] if np.ndim(dx) else dx, dy[::-1]) for name, (dx, dy) in moves.items()
    }


def _add_cheek_creases(builder: _CurveBuilder, identity: Identity, side: str, sign: int) -> None:
    nose, mouth, width = identity.nose_base, identity.mouth_height, identity.mouth_width
    follow = np.array([0.0, 0.25, 0.7, 1.0, 1.0])
    builder.add(
        f"nasolabial_{side}",
        sign * np.array([0.15 * identity.nose_width + 0.01, 0.235, 0.305, width + 0.06, width + 0.075]),
        np.array([nose - 0.075, nose - 0.01, nose + 0.09, mouth - 0.03, mouth + 0.05]),
        {
            f"corner_out_{side}": (sign * follow, 0.0),
            f"corner_up_{side}": (0.0, -0.55 * follow),
            f"nose_{side}": (0.0, -0.035),
            f"lip_raise_{side}": (0.018 * sign * (1 - np.abs(follow - 0.4)), -0.02 * (1 - follow)),
        },
    )
    corner = {
        f"corner_out_{side}": (float(sign), 0.0),
        f"corner_up_{side}": (0.0, -1.0),
        f"corner_down_{side}": (0.0, 1.0),
    }
    builder.add(
        f"marionette_{side}",
        sign * (width + np.array([0.015, 0.045, 0.06, 0.05])),
        mouth + np.array([0.03, 0.08, 0.14, 0.2]),
        corner,
    )
    builder.add(
        f"dimple_{side}",
        sign * (width + np.array([0.05, 0.075, 0.05])),
        mouth + np.array([-0.055, 0.0, 0.05]),
        corner,
    )
    eye, spacing = identity.eye_height, identity.eye_spacing
    outer = spacing + _EYE_HALF_WIDTH * identity.eye_size
    for number, angle in enumerate((-0.06, 0.02, 0.1)):
        builder.add(
            f"crow_{number}_{side}",
            sign * (outer + np.array([0.04, 0.09, 0.14])),
            eye + 0.02 + angle * np.array([0.4, 1.0, 1.5]),
            {f"cheek_{side}": (0.0, -0.012)},
        )
    s = np.linspace(-0.85, 0.75, 7)
    builder.add(
        f"under_eye_{side}",
        sign * (spacing + s * _EYE_HALF_WIDTH),
        eye + 0.075 + 0.05 * (1 - s**2) - identity.eye_tilt * s * 0.1,
        {f"cheek_{side}": (0.0, -0.03)},
    )


def _add_forehead_creases(builder: _CurveBuilder, identity: Identity, side: str, sign: int) -> None:
    brow = identity.eye_height - identity.brow_height
    t = np.linspace(0, 1, 6)
    for number, height in enumerate((0.13, 0.205, 0.28)):
        for part, x, along in (("inner", 0.24 * t, 0.45 * t), ("outer", 0.24 + 0.28 * t, 0.45 + 0.55 * t)):
            lift = {
                f"brow_inner_{side}": (0.0, -0.05 * (1 - along)),
                f"brow_outer_{side}": (0.0, -0.05 * along),
                f"brow_lower_{side}": (0.0, 0.02),
            }
            y = brow - height + 0.07 * np.clip(x - 0.2, 0, 1) + 0.006 * np.cos(np.pi * (8 * x + number))
            builder.add(f"forehead_{part}_{number}_{side}", sign * x, y, lift)
    builder.add(
        f"glabella_{side}",
        sign * np.array([0.06, 0.068, 0.058]),
        brow + np.array([-0.05, 0.03, 0.1]),
        {f"brow_lower_{side}": (-0.012 * sign, 0.02)},
    )
    for number, height in enumerate((0.03, 0.085, 0.14)):
        builder.add(
            f"bridge_{number}_{side}",
            sign * np.array([0.0, 0.05, 0.085]),
            identity.eye_height + height + np.array([-0.012, 0.0, 0.03]),
            {f"nose_{side}": (0.0, -0.02)},
        )


def _add_nose(builder: _CurveBuilder, identity: Identity) -> None:
    base, width = identity.nose_base, identity.nose_width
    for side, sign in zip(SIDES, (-1, 1), strict=True):
        raised = {f"nose_{side}": (0.014 * sign, -0.035), f"lip_raise_{side}": (0.004 * sign, -0.008)}
        angle = np.linspace(0, 2 * np.pi, 9)[:-1]
        builder.add(
            f"nostril_{side}",
            sign * width * (0.068 + 0.036 * np.cos(angle)),
            base - 0.004 + 0.017 * np.sin(angle) - 0.006 * np.cos(angle),
            raised,
        )
        builder.add(
            f"wing_{side}",
            sign * width * np.array([0.115, 0.143, 0.15, 0.132, 0.105]),
            base + np.array([-0.105, -0.08, -0.04, -0.005, 0.006]),
            raised,
        )


def _add_mouth(builder: _CurveBuilder, identity: Identity) -> None:
    s = np.linspace(-1, 1, 17)
    ends = np.stack([np.clip(-s, 0, 1), np.clip(s, 0, 1)])
    bulge = np.clip(1 - s**2, 0, 1)
    # One flank of the mouth per side, so that a unit of one side leaves the other one alone.
    flank = np.stack([0.5 - 0.5 * np.sin(np.pi * s / 2), 0.5 + 0.5 * np.sin(np.pi * s / 2)])
    x = identity.mouth_width * s
    y = identity.mouth_height - identity.mouth_curve * (ends.sum(axis=0) ** 1.8 - 0.35)
    line: dict[str, tuple] = {"chin_raise": (0.0, -0.024 * bulge)}
    for position, (side, sign) in enumerate(zip(SIDES, (-1, 1), strict=True)):
        end = ends[position]
        line[f"corner_out_{side}"] = (sign * end**1.2, 0.0)
        line[f"corner_up_{side}"] = (0.0, -(end**1.7) + 0.12 * bulge)
        line[f"corner_down_{side}"] = (0.0, end**2.0)
    raised = {
        f"lip_raise_{side}": (0.0, -0.026 * flank[position] * bulge**0.4)
        for position, side in enumerate(SIDES)
    }
    cupid = 1 - 0.3 * np.exp(-((s / 0.13) ** 2)) + 0.12 * np.exp(-(((np.abs(s) - 0.22) / 0.14) ** 2))
    upper_shape = identity.upper_lip * bulge**0.75 * cupid
    lower_shape = identity.lower_lip * np.clip(1 - np.abs(s) ** 2.4, 0, 1)
    opening_up = {"lip_gap": (0.0, -0.3 * bulge**0.8), **raised}
    opening_low = {
        "lip_gap": (0.0, 0.7 * np.clip(1 - np.abs(s) ** 2.4, 0, 1) ** 0.85),
        "lip_drop": (0.0, 0.045 * bulge**0.4),
    }
    outer_up = {
        "upper_lip": (0.0, -upper_shape),
        **{name: (0.0, 1.9 * dy) for name, (_, dy) in raised.items()},
    }
    outer_low = {"lower_lip": (0.0, lower_shape)}
    builder.add("outer_upper", x, y, {**line, **opening_up, **outer_up})
    builder.add("inner_upper", x, y, {**line, **opening_up})
    builder.add("inner_lower", x, y, {**line, **opening_low})
    builder.add("outer_lower", x, y, {**line, **opening_low, **outer_low})
    part = slice(4, 13)
    shine = {**line, **opening_low, "lower_lip": (0.0, 0.42 * lower_shape)}
    builder.add("lip_shine", x[part], y[part], {name: _slice(move, part) for name, move in shine.items()})
    fold = {**line, **opening_low, "lower_lip": (0.0, lower_shape)}
    part = slice(5, 12)
    builder.add(
        "chin_fold",
        x[part],
        y[part] + 0.075 - 0.05 * np.abs(s[part]) ** 2,
        {name: _slice(move, part) for name, move in fold.items()},
    )
    _add_chin(builder, identity)


def _slice(move: tuple, part: slice) -> tuple:
    """One part of the displacements of a curve."""
    return tuple(value[part] if np.ndim(value) else value for value in move)


def _add_chin(builder: _CurveBuilder, identity: Identity) -> None:
    centre = 0.5 * (identity.mouth_height + identity.lower_lip + 1.0 + identity.chin_length)
    builder.add(
        "chin",
        np.array([-0.07, 0.0, 0.07]),
        np.array([centre + 0.01, centre - 0.03, centre + 0.01]),
        {"jaw": (0.0, 0.55), "chin_raise": (0.0, -0.03)},
    )
