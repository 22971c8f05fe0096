import numpy as np
import pytest

from keras_fer.export.calibration_images import (
    calibration_choices,
    ranging_and_judging,
    require_calibration_images,
)


@pytest.mark.parametrize(
    "images",
    [None, np.zeros((0, 16, 16, 3), np.uint8), np.zeros((2, 16, 16, 3)), np.zeros((2, 8, 8, 3), np.uint8)],
)
def test_int8_needs_calibration_images(images):
    with pytest.raises(ValueError, match=r"needs calibration images, uint8 \(n, 16, 16, 3\)"):
        require_calibration_images(images, 16)


@pytest.mark.parametrize("count", [2, 3, 8, 100])
def test_every_fourth_image_judges_and_gives_no_ranges(count):
    images = np.arange(count)
    ranging, judging = ranging_and_judging(images)
    assert judging.tolist() == list(range(0, count, 4))
    assert sorted([*ranging, *judging]) == list(range(count))


def test_a_single_image_does_both():
    assert ranging_and_judging(np.arange(1)) == ([0], [0])


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (47, [47]), (48, [48, 16, 16, 16]), (75, [75, 25, 25, 25])]
)
def test_all_images_and_each_third_where_that_leaves_enough(count, sizes):
    choices = calibration_choices(np.arange(count))
    assert [len(choice) for choice in choices] == sizes
    assert choices[0].tolist() == list(range(count))
    if len(choices) > 1:
        assert np.concatenate(choices[1:]).tolist() == list(range(count))
