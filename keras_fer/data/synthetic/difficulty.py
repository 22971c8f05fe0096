"""The three difficulties of the synthetic faces: how strong the signal, how strong the nuisances."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Difficulty:
    """What makes reading an expression easy or hard.

    Args:
        gain: factor on the displacements that action units cause; 1 is lifelike, more is a caricature.
        intensity: range of the intensity of the expression, in [0, 1].
        background_units: share of speech, blinks and stray units in every class, 0 to 1.
        asymmetry: largest relative loss of a unit on one side.
        pose: factor on the range of yaw, pitch and roll.
        framing: factor on the range of scale and shift of the face in the image.
        light: factor on the variation of direction, contrast and colour of the light.
        camera: factor on blur, noise, exposure and the share of grey images.
        occlusion: share of images with an object before the face.
    """

    gain: float
    intensity: tuple[float, float]
    background_units: float
    asymmetry: float
    pose: float
    framing: float
    light: float
    camera: float
    occlusion: float


DIFFICULTIES = {
    "easy": Difficulty(
        gain=1.3,
        intensity=(0.45, 1.0),
        background_units=0.6,
        asymmetry=0.2,
        pose=0.5,
        framing=0.6,
        light=0.6,
        camera=0.5,
        occlusion=0.03,
    ),
    "standard": Difficulty(
        gain=1.15,
        intensity=(0.3, 1.0),
        background_units=0.8,
        asymmetry=0.3,
        pose=0.75,
        framing=0.9,
        light=0.9,
        camera=0.85,
        occlusion=0.06,
    ),
    "hard": Difficulty(
        gain=1.0,
        intensity=(0.25, 1.0),
        background_units=1.0,
        asymmetry=0.4,
        pose=1.0,
        framing=1.2,
        light=1.2,
        camera=1.2,
        occlusion=0.1,
    ),
}
