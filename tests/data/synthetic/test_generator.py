import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render, render_scene
from keras_fer.data.synthetic.portrait import portrait
from keras_fer.data.synthetic.scene import Scene, scene
from keras_fer.data.synthetic.sheets import STUDIO, full_expression
from keras_fer.labels import EXPRESSIONS_8

CONFIG = SyntheticConfig(num_images=240, image_size=64)

FRESH = """
import sys, numpy as np
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
config = SyntheticConfig(num_images=240, image_size=64)
np.save(sys.argv[1], np.stack([render(config, index)[0] for index in (200, 3, 64, 7)]))
"""


def test_an_image_is_a_function_of_configuration_and_index():
    images = {index: render(CONFIG, index)[0] for index in (7, 200, 3, 64)}
    assert all(image.shape == (64, 64, 3) and image.dtype == np.uint8 for image in images.values())
    portrait.cache_clear()
    for index in (3, 64, 200, 7):
        np.testing.assert_array_equal(render(CONFIG, index)[0], images[index])


def test_a_fresh_process_renders_the_same(tmp_path):
    subprocess.run([sys.executable, "-c", FRESH, str(tmp_path / "images.npy")], check=True, timeout=120)
    fresh = np.load(tmp_path / "images.npy").astype(int)
    here = np.stack([render(CONFIG, index)[0] for index in (200, 3, 64, 7)])
    assert np.abs(fresh - here).max() <= 1


def test_rendering_leaves_the_face_at_rest_as_it_was():
    face = portrait(scene(CONFIG, 0).identity, 96)
    before = face.rgba.copy(), face.height.copy()
    for label in range(8):
        render_scene(CONFIG, replace(scene(CONFIG, 0), expression=full_expression(label)))
    np.testing.assert_array_equal(face.rgba, before[0])
    np.testing.assert_array_equal(face.height, before[1])


def test_the_swap_of_a_pair_is_its_other_member():
    paired = replace(CONFIG, pairs=True)
    for index in range(0, 40, 2):
        first, second = scene(paired, index), scene(paired, index + 1)
        swapped = render_scene(paired, replace(first, expression=second.expression))
        np.testing.assert_array_equal(swapped, render(paired, index + 1)[0])
        assert (swapped != render(paired, index)[0]).any()


def test_an_expression_changes_the_face_and_not_what_surrounds_it():
    person = scene(CONFIG, 0).identity
    rest, happy = (render_scene(CONFIG, Scene(person, full_expression(label), STUDIO)) for label in (0, 1))
    change = np.abs(rest.astype(int) - happy).sum(axis=2)
    assert change[20:60, 12:52].max() > 100
    assert change[:, :5].max() == 0
    assert change[:, -5:].max() == 0


def test_difficulties_differ_in_how_much_an_expression_shows():
    person = scene(CONFIG, 0).identity
    shown = []
    for difficulty in ("easy", "standard", "hard"):
        config = replace(CONFIG, difficulty=difficulty)
        rest, *others = (
            render_scene(config, Scene(person, full_expression(label), STUDIO)).astype(int)
            for label in range(8)
        )
        shown.append(np.mean([np.abs(other - rest).mean() for other in others]))
    assert shown[0] > 1.05 * shown[1] > 1.05**2 * shown[2]


def test_no_two_expressions_look_alike():
    person = scene(CONFIG, 0).identity
    images = np.stack(
        [render_scene(CONFIG, Scene(person, full_expression(label), STUDIO)) for label in range(8)]
    ).astype(int)
    for first in range(8):
        for second in range(first):
            distance = np.abs(images[first] - images[second]).mean()
            assert distance > 0.5, (EXPRESSIONS_8[first], EXPRESSIONS_8[second])


@pytest.mark.parametrize("size", [32, 112, 256])
def test_sizes_show_the_same_picture(size):
    import cv2

    drawn = replace(scene(CONFIG, 0), nuisance=STUDIO)
    small = render_scene(CONFIG, drawn).astype(int)
    other = render_scene(replace(CONFIG, image_size=size), drawn)
    assert other.shape == (size, size, 3)
    resized = cv2.resize(other, (64, 64), interpolation=cv2.INTER_AREA if size > 64 else cv2.INTER_LINEAR)
    assert np.abs(small - resized).mean() < 9


def test_unseen_people_can_be_read_by_a_linear_classifier():
    """A small set of the easy difficulty: well above chance (12.5 %) from 32 x 32 grey levels."""
    from sklearn.linear_model import RidgeClassifier

    config = SyntheticConfig(num_images=1200, image_size=32, difficulty="easy", validation_share=0.0)
    pixels = np.stack([render(config, index)[0].mean(axis=2).reshape(-1) for index in range(1200)])
    pixels = (pixels - pixels.mean(axis=1, keepdims=True)) / pixels.std(axis=1, keepdims=True)
    labels = np.array([config.clean_label(index) for index in range(1200)])
    test = np.array([config.split(index) == 2 for index in range(1200)])
    classifier = RidgeClassifier(alpha=3e3).fit(pixels[~test], labels[~test])
    assert classifier.score(pixels[test], labels[test]) > 0.25
