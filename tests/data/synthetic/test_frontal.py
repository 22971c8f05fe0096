from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.frontal import COLUMNS, ROWS, frontal_views
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.scene import Scene
from keras_fer.data.synthetic.sheets import STUDIO, full_expression


def test_a_face_that_looks_straight_ahead_is_cut_out_and_scaled():
    size = 100
    across = np.tile(np.arange(size, dtype=np.float32), (size, 1))
    nuisance = replace(STUDIO, scale=0.4, shift_x=0.05, shift_y=-0.02)
    columns, rows = frontal_views(np.stack([across, across.T]), [nuisance, nuisance])
    assert columns.shape == rows.shape == (ROWS, COLUMNS)
    # Pixel of face coordinate u: (0.4 u + 0.5 + 0.05) · 100 − 0.5, for u from −0.72 to 0.72.
    np.testing.assert_allclose(columns[0], np.linspace(25.7, 83.3, COLUMNS), atol=0.05)
    np.testing.assert_allclose(rows[:, 0], np.linspace(27.5, 92.3, ROWS), atol=0.05)


@pytest.mark.parametrize("pose", [{"yaw": 0.4}, {"yaw": -0.4}, {"pitch": 0.25}, {"roll": 0.3}])
def test_the_pose_is_undone(pose):
    faces = SyntheticConfig(num_images=480, image_size=64)
    person = held_out_scene(faces, Use.PICTURE, 0, 0, 0).identity
    straight = Scene(person, full_expression(3), replace(STUDIO, contrast=0.0))
    turned = replace(straight, nuisance=replace(straight.nuisance, **pose))
    pictures = np.stack([render_scene(faces, scene).mean(axis=2) for scene in (straight, turned)])
    first, second = frontal_views(pictures, [straight.nuisance, turned.nuisance])
    _, left_turned = frontal_views(pictures, [straight.nuisance, straight.nuisance])
    assert np.abs(first - second).mean() < 0.5 * np.abs(first - left_turned).mean()
