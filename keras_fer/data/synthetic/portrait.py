"""The face at rest, painted once per identity: colours, coverage and height on the frontal canvas."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from keras_fer.data.synthetic.canvas import ORIGIN, Canvas, blend, canvas, closed_curve, mirrored
from keras_fer.data.synthetic.curves import FaceCurves, face_curves
from keras_fer.data.synthetic.hair import beard_mask, hair_masks, strands
from keras_fer.data.synthetic.identity import GLASSES, HAIR_STYLES, Identity
from keras_fer.data.synthetic.palette import Palette, palette

_RELIEF_SIZE = 48


@dataclass(frozen=True)
class Portrait:
    """What all images of one identity share.

    Args:
        identity: the latents.
        canvas: the frontal canvas.
        curves: the curves in sixteenths of a canvas pixel.
        palette: the colours.
        rgba: uint8 `(size, size, 4)`, albedo and coverage of head, hair and shoulders.
        height: float32 `(size, size)`, height above the picture plane in face units.
        relief: float32 `(48, 48)`, smooth height that bends the picture to a pose.
        cheeks: float32 `(2, size, size)`, where raised cheeks bulge, left and right.
        bare: uint8 `(size, size)`, 255 where no hair hides the skin.
        jaw_fall: float32 `(size,)`, rows by which each row moves per unit of the jaw control.
        glasses: uint8 `(rows, size, 4)` and first row of the glasses, or None.
    """

    identity: Identity
    canvas: Canvas
    curves: FaceCurves
    palette: Palette
    rgba: np.ndarray
    height: np.ndarray
    relief: np.ndarray
    cheeks: np.ndarray
    bare: np.ndarray
    jaw_fall: np.ndarray
    glasses: tuple[np.ndarray, int] | None


@lru_cache(maxsize=8)
def portrait(identity: Identity, size: int) -> Portrait:
    """Paints the face at rest.

    Args:
        identity: the latents.
        size: pixels per side of the canvas.
    """
    area = canvas(size)
    colours = palette(identity)
    rng = np.random.default_rng(identity.texture)
    outline = _outline(identity)
    head = area.polygon(outline)
    back_hair, front_hair = hair_masks(area, identity, outline)
    strand = strands(area, identity, rng)
    height = _height(area, identity, head)
    hair_height = area.blur(front_hair, 0.03) * (0.06 + 0.05 * strand)
    rgb, alpha = _paint(area, identity, colours, rng, head, back_hair, front_hair, strand)
    rgba = np.dstack([rgb, alpha * 255]).clip(0, 255).astype(np.uint8)
    relief = cv2.resize(area.blur(height, 0.12), (_RELIEF_SIZE, _RELIEF_SIZE), interpolation=cv2.INTER_AREA)
    chin = 1.0 + identity.chin_length
    fall = np.interp(
        area.y[:, 0], [0.35, identity.mouth_height + 0.1, chin + 0.02, 1.38], [0.0, 0.42, 0.55, 0.0]
    )
    return Portrait(
        identity=identity,
        canvas=area,
        curves=face_curves(identity).on_canvas(ORIGIN, area.scale),
        palette=colours,
        rgba=rgba,
        height=(height + hair_height).astype(np.float32),
        relief=relief,
        cheeks=np.stack([area.bump(x, 0.17, 0.2, 0.17) for x in (-0.42, 0.42)]),
        bare=np.rint(255 * (1 - front_hair)).astype(np.uint8),
        jaw_fall=(fall * area.scale).astype(np.float32),
        glasses=_glasses(area, identity, rng),
    )


def _outline(identity: Identity) -> np.ndarray:
    """The head, `(n, 2)` in face coordinates."""
    right = np.array(
        [
            *((0.0, -1.13), (0.4, -1.06), (0.645, -0.84), (0.745, -0.52), (0.755, -0.15), (0.735, 0.13)),
            *((0.69, 0.38), (0.605, 0.61), (0.43, 0.84), (0.215, 0.985), (0.0, 1.02)),
        ]
    )
    cheeks, jaw, chin = identity.cheekbones, identity.jaw_width, identity.chin_width
    factors = np.array([1, 1, 1, 1, cheeks, cheeks, jaw, jaw, 0.5 * (jaw + chin), chin, 1.0])
    right[:, 0] *= factors * identity.face_width
    right[:, 1] += identity.chin_length * np.clip((right[:, 1] - 0.3) / 0.7, 0, 1)
    return closed_curve(mirrored(right))


def _height(area: Canvas, identity: Identity, head: np.ndarray) -> np.ndarray:
    """Height of the face at rest, float32 `(size, size)`."""
    width = 0.86 * identity.face_width
    radius = np.sqrt((area.x / width) ** 2 + ((area.y + 0.06) / 1.2) ** 2)
    dome = 0.72 * np.sqrt((1 - radius**2).clip(0.02, 1))
    height = dome * area.blur(head, 0.05)
    eye, base = identity.eye_height, identity.nose_base
    height -= 0.085 * area.pair_of_bumps(identity.eye_spacing - 0.02, eye, 0.2, 0.11)
    height += 0.05 * area.pair_of_bumps(0.3, eye - identity.brow_height + 0.07, 0.28, 0.08)
    height += 0.04 * area.pair_of_bumps(0.47, 0.13, 0.2, 0.14) * identity.cheekbones
    ridge = ((area.y - eye + 0.05) / (base - eye + 0.01)).clip(0, 1)
    falls = ((base + 0.02 - area.y) / 0.07).clip(0, 1)
    spread = 0.055 + 0.05 * identity.nose_width * ridge**2
    nose = np.exp(-((area.x / spread) ** 2)) * (0.03 + 0.15 * ridge**1.5) * falls * (area.y > eye - 0.2)
    nose += 0.07 * area.bump(0.0, base - 0.07, 0.085 * identity.nose_width, 0.07)
    nose += 0.05 * area.pair_of_bumps(0.1 * identity.nose_width, base - 0.04, 0.055, 0.05)
    height += identity.nose_height * area.blur(nose, 0.018)
    height += 0.05 * area.bump(0.0, identity.mouth_height - 0.01, 0.3, 0.17)
    height += 0.05 * area.bump(0.0, 0.92 + identity.chin_length, 0.17 * identity.chin_width, 0.1)
    height -= 0.02 * area.bump(0.0, identity.mouth_height + identity.lower_lip + 0.07, 0.16, 0.04)
    height -= 0.014 * area.bump(0.0, 0.5 * (base + identity.mouth_height), 0.025, 0.06)
    return height.astype(np.float32)


def _paint(
    area: Canvas,
    identity: Identity,
    colours: Palette,
    rng: np.random.Generator,
    head: np.ndarray,
    back_hair: np.ndarray,
    front_hair: np.ndarray,
    strand: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Albedo, float32 `(size, size, 3)`, and coverage, `(size, size)`, of the face at rest."""
    rgb = np.empty((area.size, area.size, 3), np.float32)
    rgb[:] = colours.hair * 0.7 if HAIR_STYLES[identity.hair_style] != "bald" else colours.skin * 0.8
    hair = colours.hair * (1 + 0.36 * strand[..., None]) + 14 * strand[..., None].clip(0, 1)
    blend(rgb, hair * 0.62, back_hair)
    neck, shoulders = _neck(area)
    shade = 0.62 + 0.25 * ((area.y - 1.0) / 0.35).clip(0, 1)
    blend(rgb, colours.skin * (0.95, 0.88, 0.86) * shade[..., None], neck)
    blend(rgb, colours.clothes, shoulders)
    ears = _ears(area, identity)
    blend(rgb, 0.5 * colours.skin + 0.42 * colours.blush, ears)
    blend(rgb, _skin(area, identity, colours, rng), head)
    if identity.beard:
        beard = beard_mask(area, identity, rng) * head
        blend(rgb, colours.brow * (0.95 + 0.25 * strand[..., None]), beard)
    shine = np.exp(-(((np.hypot(area.x, area.y + 0.3) - 0.78) / 0.1) ** 2)) * ((-0.2 - area.y) / 0.3).clip(
        0, 1
    )
    blend(rgb, hair + (18 + 0.18 * colours.hair) * shine[..., None] * (0.6 + strand[..., None]), front_hair)
    alpha = np.maximum.reduce([head, back_hair, front_hair, neck, shoulders, ears])
    return rgb, alpha


def _skin(area: Canvas, identity: Identity, colours: Palette, rng: np.random.Generator) -> np.ndarray:
    """Skin with blush, freckles and the soft shadows of the features, `(size, size, 3)`."""
    skin = np.empty((area.size, area.size, 3), np.float32)
    skin[:] = colours.skin
    eye, base, mouth = identity.eye_height, identity.nose_base, identity.mouth_height
    flush = 0.5 * area.pair_of_bumps(0.45, 0.24, 0.2, 0.16) + 0.4 * area.bump(0.0, base - 0.08, 0.12, 0.08)
    blend(skin, colours.blush, (identity.blush * 0.8 * flush).clip(0, 1))
    shadow = 0.3 * area.pair_of_bumps(identity.eye_spacing - 0.04, eye - 0.07, 0.19, 0.07)
    shadow += 0.28 * area.pair_of_bumps(0.13, eye - 0.02, 0.05, 0.09)
    shadow += 0.42 * area.bump(0.0, base + 0.025, 0.12 * identity.nose_width, 0.025)
    shadow += 0.22 * area.pair_of_bumps(0.17 * identity.nose_width, base - 0.03, 0.03, 0.06)
    shadow += 0.26 * area.bump(0.0, mouth + identity.lower_lip + 0.05, 0.13, 0.028)
    shadow += 0.1 * area.bump(0.0, 0.5 * (base + mouth - 0.04), 0.025, 0.05)
    shadow += (0.1 + 0.25 * identity.age) * area.pair_of_bumps(
        identity.eye_spacing - 0.03, eye + 0.12, 0.14, 0.035
    )
    shadow += 0.25 * ((np.abs(area.x) / (0.74 * identity.face_width)).clip(0, 1.1) ** 6)
    blend(skin, colours.shadow, shadow.clip(0, 0.8))
    if identity.makeup > 0.35:
        blend(
            skin,
            colours.clothes * 0.35 + colours.shadow * 0.5,
            (identity.makeup - 0.3) * 0.55 * area.pair_of_bumps(identity.eye_spacing, eye - 0.09, 0.16, 0.06),
        )
    blotches = area.noise(rng, 9, 9) - 0.5 + 0.5 * (area.noise(rng, 40, 40) - 0.5)
    skin *= 1 + (0.05 + 0.05 * identity.age) * blotches[..., None]
    if identity.freckles > 0:
        spots = (area.noise(rng, 56, 56) - 0.68).clip(0, 0.3) * 3.0
        spots *= area.bump(0.0, 0.12, 0.5, 0.24)
        blend(skin, colours.shadow, 0.75 * identity.freckles * spots)
    return skin


def _neck(area: Canvas) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of neck and shoulders."""
    neck = np.array(
        [(0.5, 0.4), (0.47, 0.95), (0.5, 1.2), (0.75, 1.4), (-0.75, 1.4), (-0.5, 1.2), (-0.47, 0.95)]
    )
    neck = np.concatenate([neck, [(-0.5, 0.4)]])
    shoulders = np.array(
        [(0.54, 1.19), (0.9, 1.26), (1.5, 1.38), (-1.5, 1.38), (-0.9, 1.26), (-0.54, 1.19), (0, 1.36)]
    )
    return area.polygon(neck), area.polygon(shoulders)


def _ears(area: Canvas, identity: Identity) -> np.ndarray:
    """Coverage of the ears."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    centre = identity.eye_height + 0.12
    covers = np.zeros((area.size, area.size), np.float32)
    for sign in (-1, 1):
        x = sign * (0.765 * identity.face_width + 0.085 * np.cos(angle) + 0.02 * np.sin(angle) * -1)
        covers = np.maximum(covers, area.polygon(np.stack([x, centre + 0.185 * np.sin(angle)], axis=1)))
    return covers


def _glasses(area: Canvas, identity: Identity, rng: np.random.Generator) -> tuple[np.ndarray, int] | None:
    """Frames and lenses with their coverage, and the canvas row at which they begin."""
    kind = GLASSES[identity.glasses]
    if kind == "none":
        return None
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    power = 1.0 if kind == "round" else 0.55
    wide = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
    tall = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
    eye = identity.eye_height
    frame, lens = (np.zeros((area.size, area.size), np.float32) for _ in range(2))
    for sign in (-1, 1):
        middle = np.array([sign * (identity.eye_spacing + 0.015), eye + 0.02])
        outer = area.polygon(middle + np.stack([0.265 * wide, 0.205 * tall], axis=1))
        inner = area.polygon(middle + np.stack([0.238 * wide, 0.178 * tall], axis=1))
        temple = np.array([(sign * 0.62, eye - 0.05), (sign * 0.83, eye - 0.06), (sign * 0.83, eye - 0.02)])
        frame = np.maximum.reduce([frame, outer * (1 - inner), area.polygon(temple)])
        lens = np.maximum(lens, inner)
    bridge = np.array(
        [
            (-0.12, eye - 0.03),
            (0.0, eye - 0.06),
            (0.12, eye - 0.03),
            (0.1, eye),
            (0.0, eye - 0.03),
            (-0.1, eye),
        ]
    )
    frame = np.maximum(frame, area.polygon(bridge))
    shine = lens * (0.05 + 0.16 * (np.abs(((area.x + 0.6 * area.y) % 0.75) - 0.4) < 0.05))
    rgb = np.empty((area.size, area.size, 3), np.float32)
    rgb[:] = 255
    blend(rgb, rng.choice([(24, 22, 24), (70, 40, 26), (150, 120, 80), (60, 60, 90)]), frame)
    rgba = np.dstack([rgb, 255 * np.maximum(frame * 0.95, area.blur(shine, 0.02))]).astype(np.uint8)
    rows = np.flatnonzero(rgba[..., 3].any(axis=1))
    return rgba[rows[0] : rows[-1] + 1], int(rows[0])
