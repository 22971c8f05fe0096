"""Renders synthetic faces: image `index` of a data set is a pure function of its configuration."""

from functools import lru_cache

import cv2
import numpy as np

from keras_fer.data.synthetic.camera import background, composite, occlude, photograph
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.features import paint_expression
from keras_fer.data.synthetic.identity import Identity
from keras_fer.data.synthetic.nuisance import Nuisance
from keras_fer.data.synthetic.portrait import portrait
from keras_fer.data.synthetic.relief import pose_maps, shade
from keras_fer.data.synthetic.scene import Scene, factors, scene

# Stored with the data: an image of one version need not equal that of another.
GENERATOR_VERSION = 1
# Canvas pixels per image pixel: the face has about the same size in both.
_CANVAS_RATIO = 1.5


def render(config: SyntheticConfig, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Renders image `index` of a data set.

    Args:
        config: the data set.
        index: row in [0, num_images).

    Returns:
        The image, uint8 RGB `(image_size, image_size, 3)`, and its factors by name, see
        `scene.factors`.

    Raises:
        IndexError: if the data set has no such image.
    """
    drawn = scene(config, index)
    return render_scene(config, drawn), factors(drawn)


def render_scene(config: SyntheticConfig, scene: Scene) -> np.ndarray:
    """Renders a scene at the size and difficulty of a data set.

    Returns:
        uint8 RGB `(image_size, image_size, 3)`.
    """
    nuisance, size = scene.nuisance, config.image_size
    face = portrait(scene.identity, round(_CANVAS_RATIO * size))
    gaze = (nuisance.gaze_x, nuisance.gaze_y)
    rgba, height, creases = paint_expression(
        face, scene.expression, DIFFICULTIES[config.difficulty].gain, gaze
    )
    lit = shade(rgba, height, creases, face.canvas.scale, nuisance)
    columns, rows = _pose(scene.identity, nuisance, size)
    figure = cv2.remap(lit, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image = composite(figure, background(nuisance.background, size))
    if nuisance.occlusion:
        occlude(image, nuisance)
    return photograph(image, nuisance)


@lru_cache(maxsize=2)
def _pose(identity: Identity, nuisance: Nuisance, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of the image lies on the canvas; the members of a pair share it."""
    face = portrait(identity, round(_CANVAS_RATIO * size))
    return pose_maps(face.relief, nuisance, size, face.canvas.size)
