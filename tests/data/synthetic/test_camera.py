from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.camera import (
    background,
    composite,
    occlude,
    photograph,
    tone_curve,
)
from keras_fer.data.synthetic.nuisance import NUM_BACKGROUNDS
from keras_fer.data.synthetic.sheets import STUDIO


def noisy_image():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def test_composite_by_hand():
    figure = np.array([[(200, 100, 0, 255), (200, 100, 0, 0), (200, 100, 0, 51)]], np.uint8)
    behind = np.full((1, 3, 3), 100, np.uint8)
    np.testing.assert_array_equal(
        composite(figure, behind)[0], [(200, 100, 0), (100, 100, 100), (120, 100, 80)]
    )


def test_a_camera_at_rest_changes_nothing():
    np.testing.assert_array_equal(photograph(noisy_image(), STUDIO), noisy_image())


def test_grey_pictures_have_equal_channels_even_with_noise():
    grey = photograph(noisy_image(), replace(STUDIO, grey=True, noise=8.0))
    assert (grey[..., 0] == grey[..., 1]).all()
    assert (grey[..., 0] == grey[..., 2]).all()


def test_noise_has_its_standard_deviation_and_its_seed():
    plain = np.full((64, 64, 3), 128, np.uint8)
    noisy = photograph(plain, replace(STUDIO, noise=6.0, seed=5))
    assert abs(noisy.std() - 6) < 0.4
    np.testing.assert_array_equal(noisy, photograph(plain, replace(STUDIO, noise=6.0, seed=5)))
    assert (noisy != photograph(plain, replace(STUDIO, noise=6.0, seed=6))).any()


def test_exposure_and_gamma_by_hand():
    plain = np.full((32, 32, 3), 100, np.uint8)
    assert photograph(plain, replace(STUDIO, exposure=1.2))[0, 0, 0] == 120
    assert photograph(plain, replace(STUDIO, gamma=2.0))[0, 0, 0] == round(255 * (100 / 255) ** 2)


@pytest.mark.parametrize("exposure", [0.7, 1.0, 1.2, 1.4])
def test_tones_rise_and_never_burn_out(exposure):
    curve = tone_curve(exposure, 1.0).astype(int)
    steps = np.diff(curve)
    assert (steps >= 0).all()
    assert steps.max() <= 2
    assert curve[-1] == min(255, round(255 * exposure))
    assert len(set(curve[200:].tolist())) > 15


def test_blur_smooths():
    assert photograph(noisy_image(), replace(STUDIO, blur=20.0)).std() < 0.6 * noisy_image().std()


def test_the_object_covers_about_its_size_and_nothing_else_changes():
    image = noisy_image()
    covered = occlude(image, replace(STUDIO, occlusion=0.4, seed=9))
    assert 0.04 < covered.mean() < 0.3
    untouched = (image == noisy_image()).all(axis=2)
    assert untouched[~covered].mean() > 0.9
    assert untouched[covered].mean() < 0.05


def test_backgrounds_differ():
    pictures = [background(number, 48) for number in range(NUM_BACKGROUNDS)]
    assert all(picture.shape == (48, 48, 3) and picture.dtype == np.uint8 for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == NUM_BACKGROUNDS
