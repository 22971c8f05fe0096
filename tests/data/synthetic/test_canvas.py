import numpy as np

from keras_fer.data.synthetic.canvas import EXTENT, ORIGIN, blend, canvas, closed_curve, mirrored


def test_coordinates_are_those_of_pixel_centres():
    area = canvas(60)
    assert area.scale == 20
    np.testing.assert_allclose(area.x[0, [0, -1]], (ORIGIN[0] + 0.025, ORIGIN[0] + EXTENT - 0.025), atol=1e-5)
    points = np.array([[area.x[5, 7], area.y[5, 7]]])
    np.testing.assert_allclose(area.to_pixels(points), [[7 * 16, 5 * 16]], atol=1)


def test_a_polygon_covers_its_area_to_a_fraction_of_a_pixel():
    area = canvas(60)
    covered = []
    for side in 0.5 + np.arange(5) / 4 / area.scale:
        corners = np.array([(-side, -side), (side, -side), (side, side), (-side, side)])
        covered.append(area.polygon(corners).sum() / area.scale**2)
    # OpenCV draws an outline of more than a pixel around a filled shape, so areas are only comparable.
    assert (np.diff(covered) > 0.01).all()
    np.testing.assert_allclose(np.sqrt(covered[-1]) - np.sqrt(covered[0]), 2 / area.scale, rtol=0.05)


def test_closed_curve_passes_through_its_points():
    square = np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    curve = closed_curve(square, samples=4)
    assert curve.shape == (16, 2)
    np.testing.assert_allclose(curve[::4], square)


def test_mirrored_half():
    half = np.array([(0.0, -1.0), (0.5, 0.0), (0.0, 1.0)])
    np.testing.assert_allclose(mirrored(half), [(0, -1), (0.5, 0), (0, 1), (-0.5, 0)])


def test_blend_by_hand():
    base = np.full((1, 3, 3), 100.0, np.float32)
    blend(base, np.array([200.0, 0.0, 100.0]), np.array([[0.0, 0.5, 1.0]], np.float32))
    np.testing.assert_allclose(base[0], [(100, 100, 100), (150, 50, 100), (200, 0, 100)])


def test_noise_is_smooth_and_in_range():
    noise = canvas(60).noise(np.random.default_rng(0), 6, 6)
    assert noise.shape == (60, 60)
    assert 0 <= noise.min() < 0.3
    assert 0.7 < noise.max() <= 1
    assert np.abs(np.diff(noise)).max() < 0.25
