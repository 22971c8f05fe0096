from dataclasses import replace

import cv2
import numpy as np
import pytest

from keras_fer.data.synthetic.canvas import EXTENT, ORIGIN
from keras_fer.data.synthetic.relief import light_table, pose_maps, rotation, shade
from keras_fer.data.synthetic.sheets import STUDIO

SIZE, CANVAS = 64, 96


def hill(height):
    """A dome of that height at the origin of the face, `(48, 48)`."""
    steps = (np.arange(48) + 0.5) * EXTENT / 48
    x, y = np.meshgrid(steps + ORIGIN[0], steps + ORIGIN[1])
    return (height * np.exp(-(x**2) / 0.5 - y**2 / 0.5)).astype(np.float32)


def test_rotation_is_orthonormal_and_signed_as_documented():
    turn = rotation(0.3, -0.2, 0.1)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    nose = np.array([0.0, 0.0, 1.0])
    assert (rotation(0.3, 0, 0) @ nose)[0] > 0, "positive yaw turns the nose to the right"
    assert (rotation(0, 0.3, 0) @ nose)[1] > 0, "positive pitch nods down"
    assert (rotation(0, 0, 0.3) @ (1.0, 0.0, 0.0))[1] > 0, "positive roll tilts clockwise"


def test_a_frontal_picture_is_only_scaled():
    columns, rows = pose_maps(hill(0.5), STUDIO, SIZE, CANVAS)
    steps = (np.arange(SIZE) + 0.5) / SIZE - 0.5
    expected = (steps / STUDIO.scale - ORIGIN[0]) * CANVAS / EXTENT - 0.5
    np.testing.assert_allclose(columns[20, 2:-2], expected[2:-2], atol=1e-3)
    expected = (steps / STUDIO.scale - ORIGIN[1]) * CANVAS / EXTENT - 0.5
    np.testing.assert_allclose(rows[2:-2, 20], expected[2:-2], atol=1e-3)


@pytest.mark.parametrize("yaw", [-0.45, 0.45])
def test_the_map_inverts_the_relief(yaw):
    relief = hill(0.5)
    turned = replace(STUDIO, yaw=yaw, pitch=0.1)
    columns, rows = pose_maps(relief, turned, SIZE, CANVAS)
    u = (columns + 0.5) * EXTENT / CANVAS + ORIGIN[0]
    v = (rows + 0.5) * EXTENT / CANVAS + ORIGIN[1]
    ratio = relief.shape[0] / CANVAS
    z = cv2.remap(relief, (columns + 0.5) * ratio - 0.5, (rows + 0.5) * ratio - 0.5, cv2.INTER_LINEAR)
    turn = rotation(yaw, 0.1, 0.0)
    x = turn[0, 0] * u + turn[0, 1] * v + turn[0, 2] * z
    expected = np.broadcast_to(((np.arange(SIZE) + 0.5) / SIZE - 0.5) / STUDIO.scale, x.shape)
    # Three damped steps leave a few hundredths of half a face height.
    np.testing.assert_allclose(x[16:48, 16:48], expected[16:48, 16:48], atol=0.06)


def test_light_falls_with_the_angle_and_leaves_coverage_alone():
    table = light_table(STUDIO)[:, 0]
    assert (table[:, 3] == 128).all()
    assert (np.diff(table[:, 1].astype(int)) >= 0).all()
    assert table[255, 1] > 1.6 * table[60, 1]


def test_the_side_towards_the_light_is_brighter():
    grey = np.full((96, 96, 4), 128, np.uint8)
    height = cv2.resize(hill(0.6), (96, 96))
    dark = np.zeros((96, 96), np.uint8)
    lit = shade(grey, height, dark, 32.0, replace(STUDIO, light_x=-0.6, light_y=0.0))
    row = round(-ORIGIN[1] * 32)
    assert lit[row, 33, 1] > lit[row, 62, 1] + 30
    flat = shade(grey, np.zeros_like(height), dark, 32.0, STUDIO)
    assert np.ptp(flat[..., 1].astype(int)) == 0
    creased = shade(grey, np.zeros_like(height), dark + 200, 32.0, STUDIO)
    assert creased[0, 0, 1] < flat[0, 0, 1] - 10
