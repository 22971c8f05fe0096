import numpy as np
import pytest

from keras_fer.evaluation.picture_quality import LARGEST_PSNR_DB, psnr_db, ssim


def test_psnr_by_hand():
    targets = np.zeros((3, 4, 4, 1))
    pictures = np.stack([np.full((4, 4, 1), error) for error in (0.2, 2.0, 0.0)])
    # 10 log10(4 / 0.04) = 20, 10 log10(4 / 4) = 0.
    np.testing.assert_allclose(psnr_db(pictures, targets), [20.0, 0.0, LARGEST_PSNR_DB])


def test_psnr_where_it_counts():
    pictures, targets = np.zeros((2, 2, 2, 3)), np.zeros((2, 2, 2, 3))
    pictures[0, 0, 0] = 0.2
    pictures[0, 1, 1] = 1.0
    where = np.zeros((2, 2, 2), bool)
    where[0, 0] = True  # two pixels, of which one is wrong by 0.2
    found = psnr_db(pictures, targets, where)
    assert found[0] == pytest.approx(10 * np.log10(4 / 0.02))
    assert np.isnan(found[1])


@pytest.mark.parametrize("size", [8, 24])
@pytest.mark.parametrize("channels", [1, 3])
def test_ssim(size, channels):
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, size, size, channels)).astype(np.float32)
    same = ssim(pictures, pictures)
    np.testing.assert_allclose(same, 1.0, atol=1e-5)
    noisy = ssim(np.clip(pictures + 0.5 * pictures[::-1], -1, 1), pictures)
    assert (noisy < 0.95).all()
    assert (ssim(-pictures, pictures) < 0).all()
