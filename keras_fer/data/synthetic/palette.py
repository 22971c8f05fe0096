"""Colours of a face, from the tones of its identity; RGB in [0, 255]."""

from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.identity import Identity

_SKIN = (
    (0.0, (243, 208, 188)),
    (0.25, (234, 190, 158)),
    (0.5, (216, 163, 124)),
    (0.72, (168, 114, 80)),
    (0.88, (122, 80, 57)),
    (1.0, (90, 59, 44)),
)
_HAIR = (
    (0.0, (30, 25, 24)),
    (0.3, (64, 43, 32)),
    (0.55, (120, 78, 46)),
    (0.8, (190, 142, 86)),
    (1.0, (228, 194, 138)),
)
_IRIS = (
    (0.0, (62, 38, 24)),
    (0.4, (104, 70, 36)),
    (0.65, (98, 116, 72)),
    (0.85, (92, 136, 172)),
    (1.0, (128, 160, 184)),
)


@dataclass(frozen=True)
class Palette:
    """Colours of one identity, float arrays `(3,)`."""

    skin: np.ndarray
    shadow: np.ndarray
    blush: np.ndarray
    lip: np.ndarray
    lip_line: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    iris: np.ndarray
    lash: np.ndarray
    sclera: np.ndarray
    teeth: np.ndarray
    clothes: np.ndarray


def palette(identity: Identity) -> Palette:
    """The colours of an identity."""
    skin = _between(_SKIN, identity.skin_tone) + identity.warmth * np.array([2.0, 0.0, -9.0])
    hair = _between(_HAIR, identity.hair_tone) * identity.hair_shade
    hair += identity.grey * (np.array([196.0, 194.0, 192.0]) - hair)
    red = skin * (0.88, 0.55, 0.56)
    lip = skin + (0.5 + 0.35 * identity.makeup) * (red - skin)
    lip = lip * (1 - 0.12 * identity.makeup) + identity.makeup * np.array([18.0, -10.0, 0.0])
    brow = min(hair * 0.72, skin * 0.62, key=np.sum)
    brow = skin * 0.75 + (0.55 + 0.45 * identity.brow_shade) * (brow - skin * 0.75)
    rng = np.random.default_rng(identity.texture)
    return Palette(
        skin=skin,
        shadow=skin * (0.66, 0.52, 0.48),
        blush=skin * (0.97, 0.7, 0.68),
        lip=lip.clip(0, 255),
        lip_line=lip * (0.45, 0.32, 0.34),
        hair=hair.clip(0, 255),
        brow=brow.clip(0, 255),
        iris=_between(_IRIS, identity.iris_tone),
        lash=np.minimum(skin * 0.25, 40.0),
        sclera=np.array([240.0, 236.0, 232.0]) - 10 * identity.age,
        teeth=np.array([246.0, 241.0, 232.0]) - np.array([8.0, 12.0, 26.0]) * identity.age,
        clothes=rng.uniform(50, 190) + rng.uniform(-35, 35, 3),
    )


def _between(stops: tuple, position: float) -> np.ndarray:
    """Linear interpolation between coloured stops."""
    at = [stop for stop, _ in stops]
    colours = np.array([colour for _, colour in stops], np.float64)
    return np.array([np.interp(position, at, colours[:, channel]) for channel in range(3)])
