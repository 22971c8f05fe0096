"""Everything about an image that is neither who nor what expression: pose, light, scene, camera."""

from dataclasses import dataclass

import numpy as np

from keras_fer.data.synthetic.difficulty import Difficulty

NUM_BACKGROUNDS = 64


@dataclass(frozen=True)
class Nuisance:
    """One way to take the picture.

    Args:
        yaw: turn to the right of the image, radians.
        pitch: nod downwards, radians.
        roll: tilt clockwise, radians.
        scale: half a face height as a share of the image.
        shift_x: displacement of the face to the right, share of the image.
        shift_y: displacement downwards.
        gaze_x: where the eyes look, right, in [−1, 1].
        gaze_y: down.
        light_x: direction of the light in the picture, right; z towards the viewer follows.
        light_y: down, so light from above is negative.
        contrast: share of directed light in [0, 1]; the rest is ambient.
        warmth: colour of the light, blue −1 to orange 1.
        background: which background, below `NUM_BACKGROUNDS`.
        blur: standard deviation of the blur, thousandths of the image side.
        exposure: factor on the brightness.
        gamma: exponent of the tone curve.
        noise: standard deviation of the noise, grey levels.
        grey: whether the image has no colour.
        occlusion: size of an object before the face as a share of the image side; 0 for none.
        seed: seeds what is irregular: noise, place and shape of the object.
    """

    yaw: float
    pitch: float
    roll: float
    scale: float
    shift_x: float
    shift_y: float
    gaze_x: float
    gaze_y: float
    light_x: float
    light_y: float
    contrast: float
    warmth: float
    background: int
    blur: float
    exposure: float
    gamma: float
    noise: float
    grey: bool
    occlusion: float
    seed: int

    @property
    def light(self) -> tuple[float, float, float]:
        """Unit vector towards the light: right, down, towards the viewer."""
        return self.light_x, self.light_y, float(np.sqrt(max(0.05, 1 - self.light_x**2 - self.light_y**2)))


def sample_nuisance(rng: np.random.Generator, difficulty: Difficulty) -> Nuisance:
    """Draws one way to take the picture.

    Args:
        rng: the nuisance stream of the image.
        difficulty: gives the ranges.
    """
    # Two values each for what is likelier near the middle of its range.
    middle = (rng.random((10, 2)).sum(axis=1) - 1).tolist()
    flat = rng.random(10).tolist()
    pose, framing, light, camera = difficulty.pose, difficulty.framing, difficulty.light, difficulty.camera
    return Nuisance(
        yaw=0.6 * pose * middle[0],
        pitch=0.35 * pose * middle[1],
        roll=0.35 * pose * middle[2],
        scale=0.45 * (1 + 0.1 * framing * middle[3]),
        shift_x=0.06 * framing * middle[4],
        shift_y=-0.005 + 0.05 * framing * middle[5],
        gaze_x=middle[6],
        gaze_y=0.7 * middle[7],
        light_x=min(0.8, max(-0.8, 0.8 * light * (2 * flat[0] - 1))),
        light_y=-0.4 + 0.35 * light * middle[8],
        contrast=min(0.75, 0.42 + 0.28 * light * (2 * flat[1] - 1)),
        warmth=light * middle[9],
        background=int(flat[2] * NUM_BACKGROUNDS),
        blur=max(0.0, 16.0 * camera * (flat[3] - 0.45)),
        exposure=1.0 + 0.25 * camera * (2 * flat[4] - 1),
        gamma=1.0 + 0.25 * camera * (2 * flat[5] - 1),
        noise=8.0 * camera * flat[6] ** 2,
        grey=flat[7] < 0.12 * camera,
        occlusion=0.2 + 0.25 * flat[8] if flat[9] < difficulty.occlusion else 0.0,
        seed=int(rng.integers(2**31)),
    )
