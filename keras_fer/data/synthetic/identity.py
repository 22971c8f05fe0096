"""An identity is one integer: from it follow all latent numbers of a face at rest."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

HAIR_STYLES = ("bald", "buzz", "short", "side_part", "fringe", "long", "wavy", "bun", "curly")
GLASSES = ("none", "round", "square")
BEARDS = ("none", "stubble", "moustache", "full")
_STREAM = 1

# Latents drawn from a symmetric triangle over [low, high]. Lengths are in units of half a face height.
_RANGES = {
    "face_width": (0.9, 1.08),
    "jaw_width": (0.86, 1.1),
    "chin_width": (0.8, 1.25),
    "chin_length": (-0.05, 0.05),
    "cheekbones": (0.96, 1.05),
    "eye_spacing": (0.33, 0.385),
    "eye_height": (-0.13, -0.05),
    "eye_size": (0.9, 1.15),
    "eye_opening": (0.78, 1.18),
    "eye_tilt": (-0.1, 0.2),
    "lid_crease": (0.5, 1.5),
    "brow_height": (0.225, 0.3),
    "brow_thickness": (0.7, 1.4),
    "brow_arch": (0.01, 0.085),
    # Looks like action units 1 and 4 although the face is at rest.
    "brow_tilt": (-0.05, 0.05),
    "nose_length": (0.3, 0.41),
    "nose_width": (0.82, 1.25),
    "nose_height": (0.75, 1.25),
    "mouth_height": (0.585, 0.655),
    "mouth_width": (0.25, 0.34),
    # Looks like action units 12 and 15 although the face is at rest.
    "mouth_curve": (-0.045, 0.045),
    "upper_lip": (0.035, 0.075),
    "lower_lip": (0.055, 0.105),
    "warmth": (-1.0, 1.0),
    "blush": (0.2, 1.0),
    "hair_line": (-0.8, -0.66),
    "hair_volume": (0.7, 1.3),
    "hair_shade": (0.85, 1.15),
    "brow_shade": (0.5, 0.95),
}


@dataclass(frozen=True)
class Identity:
    """The face at rest: geometry, colours and what it wears.

    Lengths are in units of half a face height; `jaw_width` and the like are factors around 1.
    `skin_tone` 0 is light, 1 dark; `hair_tone` 0 is black, 1 blond; `age` 0 is young, 1 old; the
    three kinds index `HAIR_STYLES`, `GLASSES` and `BEARDS`. `texture` seeds everything irregular.
    """

    number: int
    skin_tone: float
    hair_tone: float
    iris_tone: float
    age: float
    grey: float
    freckles: float
    makeup: float
    hair_style: int
    glasses: int
    beard: int
    texture: int
    face_width: float
    jaw_width: float
    chin_width: float
    chin_length: float
    cheekbones: float
    eye_spacing: float
    eye_height: float
    eye_size: float
    eye_opening: float
    eye_tilt: float
    lid_crease: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    nose_length: float
    nose_width: float
    nose_height: float
    mouth_height: float
    mouth_width: float
    mouth_curve: float
    upper_lip: float
    lower_lip: float
    warmth: float
    blush: float
    hair_line: float
    hair_volume: float
    hair_shade: float
    brow_shade: float

    @property
    def nose_base(self) -> float:
        """Height of the nostrils, y down."""
        return self.eye_height + self.nose_length + 0.09


@lru_cache(maxsize=256)
def sample_identity(seed: int, number: int) -> Identity:
    """Draws the latents of one identity.

    Args:
        seed: seed of the data set.
        number: the identity, at least 0.
    """
    rng = np.random.default_rng([seed, _STREAM, number])
    triangle = rng.random((len(_RANGES), 2)).mean(axis=1)
    drawn = {
        name: float(low + (high - low) * value)
        for (name, (low, high)), value in zip(_RANGES.items(), triangle, strict=True)
    }
    skin, hair, iris, age, grey, freckles, build, makeup, style, glasses, beard = rng.random(11).tolist()
    masculine = build < 0.5
    drawn["jaw_width"] *= 1.03 if masculine else 0.96
    drawn["brow_thickness"] *= 1.12 if masculine else 0.88
    styles = (0, 1, 2, 2, 3, 3, 4, 8, 8) if masculine else (2, 3, 4, 5, 5, 6, 6, 7, 8)
    beards = (0, 0, 1, 2, 3)
    return Identity(
        number=number,
        skin_tone=skin,
        # Blond hair is rare on dark skin.
        hair_tone=hair * (1.0 - 0.75 * skin),
        iris_tone=min(1.0, iris * (1.25 - 1.15 * skin)),
        age=age**1.4,
        grey=max(0.0, age**1.4 - 0.55) * 2.2 * min(1.0, 0.3 + grey),
        freckles=max(0.0, freckles - 0.7) / 0.3 * (1 - skin),
        makeup=0.0 if masculine else makeup,
        hair_style=styles[int(style * len(styles))],
        glasses=0 if glasses < 0.75 else 1 + int(glasses >= 0.875),
        beard=beards[int(beard * len(beards))] if masculine else 0,
        texture=int(rng.integers(2**31)),
        **drawn,
    )
