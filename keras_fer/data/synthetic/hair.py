"""Hair styles and beards as masks over the canvas, with strands."""

import numpy as np

from keras_fer.data.synthetic.canvas import Canvas, closed_curve, mirrored
from keras_fer.data.synthetic.identity import BEARDS, HAIR_STYLES, Identity

# How far the hair stands off the head, and how far down the sides it reaches.
_VOLUME = {
    "buzz": 0.02,
    "short": 0.085,
    "side_part": 0.11,
    "fringe": 0.1,
    "long": 0.1,
    "wavy": 0.13,
    "bun": 0.06,
    "curly": 0.2,
}
_SIDES_END = {"long": 1.6, "wavy": 1.6, "curly": 0.15, "fringe": 0.0, "bun": -0.02}


def hair_masks(canvas: Canvas, identity: Identity, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage of the hair behind and before the head, float32 `(size, size)` each.

    Args:
        canvas: where to paint.
        identity: gives style, volume and hair line.
        outline: the head, `(n, 2)` in face coordinates.
    """
    style = HAIR_STYLES[identity.hair_style]
    if style == "bald":
        nothing = np.zeros((canvas.size, canvas.size), np.float32)
        return nothing, nothing
    volume = _VOLUME[style] * identity.hair_volume
    centre = np.array([0.0, -0.3])
    shell = centre + (outline - centre) * (1 + volume)
    if style == "curly":
        angle = np.linspace(0, 2 * np.pi, len(shell), endpoint=False)
        shell = centre + (shell - centre) * (1 + 0.035 * np.sin(13 * angle + identity.number))[:, None]
    above = canvas.polygon(shell)
    opening = canvas.polygon(_opening(style, identity), blur=0.014)
    sides = _SIDES_END.get(style, -0.08)
    ends = canvas.y - 0.9 * (np.abs(canvas.x) - 0.72 * identity.face_width)
    front = above * (1 - opening) * _fade(ends, sides, 0.04)
    back = above * _fade(canvas.y, sides + 0.05, 0.04)
    if style in ("long", "wavy"):
        back = np.maximum(back, canvas.polygon(_curtain(style, identity), blur=0.01))
        front = np.maximum(front, back * (1 - opening) * _fade(canvas.y, 0.75, 0.35))
    if style == "bun":
        knot = canvas.bump(0.0, -1.28, 0.3, 0.24)
        back = np.maximum(back, ((knot - 0.35) * 12).clip(0, 1))
    if style == "buzz":
        front *= 0.8
    return back, front


def _opening(style: str, identity: Identity) -> np.ndarray:
    """The part of the face that the hair leaves free."""
    line = identity.hair_line
    width = 0.7 * identity.face_width
    if style == "fringe":
        top = [(0.0, -0.57), (0.2, -0.57), (0.42, -0.54), (0.6, -0.44)]
    elif style == "side_part":
        side = 1 if identity.texture % 2 else -1
        x = np.array([-0.62, -0.45, -0.2, 0.1, 0.34, 0.5, 0.64]) * side
        y = np.array([-0.38, -0.52, -0.62, -0.72, -0.82, -0.7, -0.4])
        upper = np.stack([x, y], axis=1)[:: side or 1]
        lower = np.array(
            [(width + 0.02, 0.0), (0.8, 0.5), (0.7, 1.3), (-0.7, 1.3), (-0.8, 0.5), (-width - 0.02, 0.0)]
        )
        return closed_curve(np.concatenate([upper, lower]))
    elif style in ("long", "wavy"):
        top = [(0.0, line - 0.13), (0.15, line - 0.05), (0.38, line + 0.13), (0.56, -0.36)]
        width -= 0.03
    else:
        top = [(0.0, line), (0.25, line + 0.01), (0.48, line + 0.09), (0.6, -0.45)]
    right = np.array([*top, (width, -0.12), (width + 0.02, 0.35), (0.72, 0.8), (0.5, 1.38), (0.0, 1.38)])
    return closed_curve(mirrored(right))


def _curtain(style: str, identity: Identity) -> np.ndarray:
    """Long hair that falls behind the head and over the shoulders."""
    y = np.linspace(-1.1, 1.5, 24)
    x = (0.86 + 0.1 * identity.hair_volume) * identity.face_width + 0.03 * np.sin(y + 1.0)
    x = x * np.sqrt(np.clip((y + 1.15) / 1.1, 0, 1) * (2 - np.clip((y + 1.15) / 1.1, 0, 1)))
    if style == "wavy":
        x = x + 0.035 * np.sin(7 * y + identity.number)
    right = np.stack([x, y], axis=1)
    return np.concatenate([right, right[::-1] * (-1, 1)])


def strands(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Brightness of the strands, float32 `(size, size)` around 0."""
    style = HAIR_STYLES[identity.hair_style]
    if style in ("curly", "buzz", "bald"):
        cells = 26 if style == "curly" else 60
        return canvas.noise(rng, cells, cells) - 0.5
    part = 0.34 * (1 if identity.texture % 2 else -1) if style == "side_part" else 0.0
    angle = np.arctan2(canvas.x - part, canvas.y + 1.75)
    if style == "wavy":
        angle = angle + 0.035 * np.sin(9 * canvas.y + 2 * canvas.x)
    line = np.interp(np.arange(400) / 8, np.arange(51), rng.random(51)) + 0.5 * rng.random(400)
    fine = np.interp(angle, np.linspace(-1.5, 1.5, 400), line - line.mean()).astype(np.float32)
    return 0.8 * fine + 0.5 * (canvas.noise(rng, 14, 5) - 0.5)


def beard_mask(canvas: Canvas, identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Coverage of the beard, float32 `(size, size)` in [0, 1]."""
    kind = BEARDS[identity.beard]
    mouth, base = identity.mouth_height, identity.nose_base
    lip = 0.5 * (mouth - identity.upper_lip + base) + 0.03
    droop = 0.35 * np.abs(canvas.x) ** 1.6
    moustache = np.exp(-((canvas.x / 0.27) ** 4) - ((canvas.y - lip - droop) / 0.05) ** 2)
    moustache *= 1.3 * (1 - 0.45 * canvas.bump(0.0, lip - 0.02, 0.03, 0.06))
    width = 0.72 * identity.face_width * identity.jaw_width
    right = np.array(
        [
            *((0.0, mouth + 0.17), (0.16, mouth + 0.13), (0.34, mouth + 0.02), (0.46, mouth - 0.14)),
            *((width * 0.9, 0.2), (width + 0.06, 0.1), (width + 0.2, 0.7), (0.5, 1.3), (0.0, 1.3)),
        ]
    )
    jaw = canvas.polygon(closed_curve(mirrored(right)), blur=0.045)
    if kind == "full":
        jaw = np.maximum(
            jaw, 0.9 * canvas.blur(canvas.pair_of_bumps(identity.mouth_width + 0.06, mouth, 0.08, 0.13), 0.02)
        )
    grain = canvas.noise(rng, 90, 90)
    if kind == "moustache":
        mask = moustache.clip(0, 1) * 0.85
    elif kind == "full":
        mask = np.maximum(moustache.clip(0, 1), jaw) * 0.86
    else:
        mask = np.maximum((moustache * 0.8).clip(0, 1), jaw) * 0.33
    return (mask * (0.85 + 0.3 * grain)).clip(0, 1)


def _fade(values: np.ndarray, end: float, width: float) -> np.ndarray:
    """1 below `end − width`, 0 above `end + width`."""
    return ((end + width - values) / (2 * width)).clip(0, 1)
