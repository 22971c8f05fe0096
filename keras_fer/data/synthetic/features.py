"""Paints an expression over the face at rest: brows, eyes, mouth and creases."""

import cv2
import numpy as np

from keras_fer.data.synthetic.action_units import Expression
from keras_fer.data.synthetic.controls import CREASES, POSITION, SIDES, crease_depths, expression_controls
from keras_fer.data.synthetic.curves import IRIS_RADIUS
from keras_fer.data.synthetic.portrait import Portrait

_JAW = POSITION["jaw"]
# How many lines each crease has, and how visible it is.
_LINES = {
    "nasolabial": (("nasolabial_{}",), 0.65),
    "marionette": (("marionette_{}",), 0.65),
    "dimple": (("dimple_{}",), 0.85),
    "crow": (("crow_0_{}", "crow_1_{}", "crow_2_{}"), 0.6),
    "under_eye": (("under_eye_{}",), 0.5),
    "glabella": (("glabella_{}",), 0.9),
    "bridge": (("bridge_0_{}", "bridge_1_{}", "bridge_2_{}"), 0.42),
    "forehead_inner": (tuple(f"forehead_inner_{number}_{{}}" for number in range(3)), 0.45),
    "forehead_outer": (tuple(f"forehead_outer_{number}_{{}}" for number in range(3)), 0.45),
}


def paint_expression(
    portrait: Portrait, expression: Expression, gain: float, gaze: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Paints one expression.

    Args:
        portrait: the face at rest.
        expression: the action units.
        gain: factor on the displacements.
        gaze: where the eyes look, right and down, in [−1, 1].

    Returns:
        Albedo and coverage, uint8 `(size, size, 4)`; height, float32 `(size, size)`; creases, uint8
        `(size, size)`, the share of light that they swallow.
    """
    controls = expression_controls(expression.action_units, gain, gaze)
    curves = portrait.curves
    points = np.rint(curves.points(controls)).astype(np.int32)
    shapes = {name: points[span] for name, span in curves.spans.items()}
    rgba, height = _drop_jaw(portrait, float(controls[_JAW]))
    creases = _creases(portrait, shapes, crease_depths(expression.action_units, gain, portrait.identity.age))
    for side in range(2):
        weight = 0.075 * controls[POSITION["cheek_left"] + side]
        if weight > 0.004:
            height += np.float32(weight) * portrait.cheeks[side]
    lips = np.concatenate([shapes["outer_upper"], shapes["outer_lower"][::-1]])
    relief = np.zeros_like(creases)
    cv2.fillPoly(relief, [lips], 90, cv2.LINE_AA, 4)
    cv2.fillPoly(relief, [shapes["brow_left"], shapes["brow_right"]], 50, cv2.LINE_AA, 4)
    relief = cv2.blur(relief, (3, 3))
    height += relief * np.float32(0.0005)
    height -= creases * np.float32(0.00014)

    _paint_nose(rgba, portrait, shapes)
    _paint_mouth(rgba, portrait, shapes, lips, float(controls[POSITION["lip_drop"]]))
    _paint_eyes(rgba, portrait, shapes, controls)
    cv2.fillPoly(
        rgba, [shapes["brow_left"], shapes["brow_right"]], _colour(portrait.palette.brow), cv2.LINE_AA, 4
    )
    _put_on_glasses(rgba, portrait)
    return rgba, height, creases


def _colour(rgb: np.ndarray) -> tuple[float, ...]:
    """An opaque colour as OpenCV takes it."""
    return (*rgb.tolist(), 255.0)


def _drop_jaw(portrait: Portrait, jaw: float) -> tuple[np.ndarray, np.ndarray]:
    """Copies of albedo and height with the lower face moved down by an open jaw."""
    if jaw < 0.01:
        return portrait.rgba.copy(), portrait.height.copy()
    size = portrait.canvas.size
    rows = np.arange(size, dtype=np.float32)
    # The displacement is given where a row ends up; its inverse is what remapping needs.
    source = np.interp(rows, rows + jaw * portrait.jaw_fall, rows).astype(np.float32)
    rows_from = np.repeat(source[:, None], size, axis=1)
    columns = np.broadcast_to(rows, (size, size)).copy()
    rgba = cv2.remap(portrait.rgba, columns, rows_from, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    height = cv2.remap(portrait.height, columns, rows_from, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return rgba, height


def _creases(portrait: Portrait, shapes: dict[str, np.ndarray], depths: np.ndarray) -> np.ndarray:
    """Depth of all creases, uint8 `(size, size)`."""
    size = portrait.canvas.size
    creases = np.zeros((size, size), np.uint8)
    thickness = max(1, round(0.022 * portrait.canvas.scale))
    values = depths.tolist()
    for position, crease in enumerate(CREASES):
        if crease == "chin":
            continue
        names, strength = _LINES[crease]
        for column, side in enumerate(SIDES):
            depth = 255 * strength * values[position][column]
            if depth > 12:
                lines = [shapes[name.format(side)] for name in names]
                cv2.polylines(creases, lines, False, depth, thickness, cv2.LINE_AA, 4)
    chin = 130 * float(depths[-1].mean())
    cv2.polylines(creases, [shapes["chin_fold"]], False, 60 + chin, thickness, cv2.LINE_AA, 4)
    if chin > 15:
        cv2.polylines(creases, [shapes["chin"]], False, chin, 2 * thickness, cv2.LINE_AA, 4)
    width = 2 * round(0.035 * portrait.canvas.scale) + 1
    return cv2.multiply(cv2.GaussianBlur(creases, (width, width), 0), portrait.bare, scale=1 / 255)


def _paint_nose(rgba: np.ndarray, portrait: Portrait, shapes: dict[str, np.ndarray]) -> None:
    """Nostrils and the wings of the nose."""
    skin, shadow = portrait.palette.skin, portrait.palette.shadow
    wings = [shapes["wing_left"], shapes["wing_right"]]
    thickness = max(1, round(0.016 * portrait.canvas.scale))
    cv2.polylines(rgba, wings, False, _colour(0.55 * skin + 0.45 * shadow), thickness, cv2.LINE_AA, 4)
    nostrils = [shapes["nostril_left"], shapes["nostril_right"]]
    cv2.fillPoly(rgba, nostrils, _colour(0.5 * shadow), cv2.LINE_AA, 4)


def _bounds(points: np.ndarray, size: int, margin: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom pixel of a shape with a margin, inside the canvas."""
    left, top = (np.maximum((points.min(axis=0) >> 4) - margin, 0)).tolist()
    right, bottom = (np.minimum((points.max(axis=0) >> 4) + margin + 1, size)).tolist()
    return left, top, right, bottom


def _inset(rgba: np.ndarray, patch: np.ndarray, mask: np.ndarray, left: int, top: int) -> None:
    """Blends a patch into the picture where its mask is set."""
    height, width = mask.shape
    region = rgba[top : top + height, left : left + width]
    share = mask[..., None].astype(np.uint16)
    region[:] = (patch * share + region * (255 - share) + 127) // 255


def _paint_mouth(
    rgba: np.ndarray, portrait: Portrait, shapes: dict[str, np.ndarray], lips: np.ndarray, drop: float
) -> None:
    """Lips and, where they part, what is between them."""
    colours = portrait.palette
    scale = 16 * portrait.canvas.scale
    upper, lower = shapes["inner_upper"], shapes["inner_lower"]
    cv2.fillPoly(rgba, [lips], _colour(colours.lip), cv2.LINE_AA, 4)
    upper_lip = np.concatenate([shapes["outer_upper"], upper[::-1]])
    cv2.fillPoly(rgba, [upper_lip], _colour(colours.lip * 0.87), cv2.LINE_AA, 4)
    shine = shapes["lip_shine"]
    thickness = max(1, round(0.02 * portrait.canvas.scale))
    cv2.polylines(
        rgba, [shine], False, _colour((colours.lip * 1.1 + 8).clip(0, 255)), thickness, cv2.LINE_AA, 4
    )
    half = round(0.009 * scale)
    gap = np.concatenate([upper - (0, half), lower[::-1] - (0, -half)])
    cv2.fillPoly(rgba, [gap], _colour(colours.lip_line), cv2.LINE_AA, 4)
    if (lower[:, 1] - upper[:, 1]).max() < 0.02 * scale:
        return
    inside = np.concatenate([upper, lower[::-1]])
    left, top, right, bottom = _bounds(inside, portrait.canvas.size, 1)
    patch = np.empty((bottom - top, right - left, 4), np.uint8)
    patch[:] = (64, 20, 22, 255)
    _paint_teeth(patch, portrait, (upper, lower), drop, (left * 16, top * 16))
    mask = np.zeros(patch.shape[:2], np.uint8)
    cv2.fillPoly(mask, [inside - (left * 16, top * 16)], 255, cv2.LINE_AA, 4)
    _inset(rgba, patch, mask, left, top)


def _paint_teeth(
    patch: np.ndarray,
    portrait: Portrait,
    lips: tuple[np.ndarray, np.ndarray],
    drop: float,
    offset: tuple[int, int],
) -> None:
    """Tongue and teeth; the edge of the teeth is straight however the lips bend, or they look like fangs."""
    scale = 16 * portrait.canvas.scale
    upper, lower = lips
    teeth = portrait.palette.teeth
    middle = len(upper) // 2
    top, bottom = int(upper[middle, 1]), int(lower[middle, 1])
    centre = int(upper[middle, 0])
    if bottom - top > 0.1 * scale:
        tongue = (centre - offset[0], bottom - offset[1] + round(0.01 * scale))
        axes = (round(0.15 * scale), round(0.075 * scale))
        cv2.ellipse(patch, tongue, axes, 0, 0, 360, (176, 84, 84, 255), -1, cv2.LINE_AA, 4)
    wide = 0.62 * (upper[-1, 0] - upper[0, 0]) / 2
    edge = top + round(min(0.08, 0.03 + 0.5 * (bottom - top) / scale) * scale)
    _paint_row(patch, teeth, (centre, top - round(0.3 * scale), edge), wide, scale, offset)
    if drop > 0.25:
        start = max(edge + round(0.012 * scale), bottom - round(0.03 * scale))
        _paint_row(
            patch, teeth * 0.9, (centre, bottom + round(0.2 * scale), start), 0.85 * wide, scale, offset
        )


def _paint_row(
    patch: np.ndarray,
    colour: np.ndarray,
    place: tuple[int, int, int],
    wide: float,
    scale: float,
    offset: tuple[int, int],
) -> None:
    """One row of teeth: `place` is its centre, its hidden edge and its biting edge."""
    centre, hidden, edge = place
    for share, shade in ((1.3, 0.72), (1.15, 0.88), (1.0, 1.0)):
        side = round(share * wide)
        left, right = centre - side, centre + side
        row = np.array([(left, hidden), (right, hidden), (right, edge), (left, edge)])
        cv2.fillPoly(patch, [row - offset], _colour(colour * shade), cv2.LINE_AA, 4)
    width = 0.052 * scale
    gaps = [np.array([(centre + x * width, hidden), (centre + x * width, edge)]) for x in range(-3, 4)]
    lines = [np.rint(gap - offset).astype(np.int32) for gap in gaps]
    if scale > 16 * 60:
        cv2.polylines(patch, lines, False, _colour(colour * 0.86), 1, cv2.LINE_AA, 4)


def _paint_eyes(
    rgba: np.ndarray, portrait: Portrait, shapes: dict[str, np.ndarray], controls: np.ndarray
) -> None:
    """Eyeballs, lids and lashes of both eyes."""
    colours = portrait.palette
    creases = [shapes["lid_crease_left"], shapes["lid_crease_right"]]
    thin = max(1, round(0.014 * portrait.canvas.scale))
    cv2.polylines(
        rgba, creases, False, _colour(0.35 * colours.skin + 0.65 * colours.shadow), thin, cv2.LINE_AA, 4
    )
    for number, side in enumerate(SIDES):
        upper, lower = shapes[f"upper_lid_{side}"], shapes[f"lower_lid_{side}"]
        if controls[POSITION["lid_upper_left"] + number] > 0.12:
            opening = np.concatenate([upper, lower])
            left, top, right, bottom = _bounds(opening, portrait.canvas.size, 1)
            offset = (left * 16, top * 16)
            patch = _eyeball(
                portrait, (bottom - top, right - left), upper - offset, shapes[f"iris_{side}"][0] - offset
            )
            mask = np.zeros(patch.shape[:2], np.uint8)
            cv2.fillPoly(mask, [opening - offset], 255, cv2.LINE_AA, 4)
            _inset(rgba, patch, mask, left, top)
            cv2.polylines(
                rgba,
                [lower],
                False,
                _colour(0.6 * colours.blush + 0.4 * colours.shadow),
                thin,
                cv2.LINE_AA,
                4,
            )
        lash = np.concatenate([upper, shapes[f"lash_{side}"]])
        cv2.fillPoly(rgba, [lash], _colour(colours.lash), cv2.LINE_AA, 4)


def _eyeball(portrait: Portrait, shape: tuple[int, int], upper: np.ndarray, iris: np.ndarray) -> np.ndarray:
    """The eyeball without its lids, uint8 `(height, width, 4)`."""
    colours, scale = portrait.palette, 16 * portrait.canvas.scale
    patch = np.empty((*shape, 4), np.uint8)
    patch[:] = _colour(colours.sclera)
    shade = np.concatenate([upper, upper[::-1] - (0, -round(0.03 * scale))])
    cv2.fillPoly(patch, [shade], _colour(colours.sclera * 0.76), cv2.LINE_AA, 4)
    radius = IRIS_RADIUS * portrait.identity.eye_size * scale
    centre = tuple(iris.tolist())
    for share, colour in ((1.0, colours.iris * 0.55), (0.84, colours.iris), (0.42, np.full(3, 14.0))):
        cv2.circle(patch, centre, round(radius * share), _colour(colour), -1, cv2.LINE_AA, 4)
    glint = (centre[0] - round(0.32 * radius), centre[1] - round(0.36 * radius))
    cv2.circle(patch, glint, round(radius * 0.24), (255.0, 255.0, 255.0, 255.0), -1, cv2.LINE_AA, 4)
    return patch


def _put_on_glasses(rgba: np.ndarray, portrait: Portrait) -> None:
    """Lays the glasses over brows and eyes."""
    if portrait.glasses is not None:
        glasses, row = portrait.glasses
        _inset(rgba[..., :3], glasses[..., :3], glasses[..., 3], 0, row)
