from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.synthetic.canvas import ORIGIN, canvas
from keras_fer.data.synthetic.hair import beard_mask, hair_masks, strands
from keras_fer.data.synthetic.identity import BEARDS, HAIR_STYLES, sample_identity
from keras_fer.data.synthetic.palette import palette
from keras_fer.data.synthetic.portrait import portrait

SIZE = 96


def at(image, x, y):
    column, row = np.rint((np.array([x, y]) - ORIGIN) * SIZE / 3 - 0.5).astype(int)
    return image[row, column]


@pytest.mark.parametrize("number", range(12))
def test_a_face_at_rest(number):
    person = sample_identity(0, number)
    face = portrait(person, SIZE)
    coverage = face.rgba[..., 3]
    assert at(coverage, 0, 0) == 255
    assert coverage[SIZE // 2, 0] == coverage[SIZE // 2, -1] == 0
    nose = at(face.height, 0, person.nose_base - 0.07)
    assert nose > at(face.height, 0.3, person.nose_base - 0.07) + 0.05
    assert at(face.height, 0.45, 0.1) > at(face.height, 0.7, 0.1) > 0
    skin = at(face.rgba, 0.3, 0.35)[:3].astype(int)
    assert skin[0] > skin[1] > skin[2]


def test_the_jaw_falls_from_the_mouth_down_and_the_shoulders_stay():
    person = sample_identity(0, 0)
    fall = portrait(person, SIZE).jaw_fall / (SIZE / 3)
    rows = canvas(SIZE).y[:, 0]
    assert (fall[rows < 0.3] == 0).all()
    assert fall.max() == pytest.approx(0.55, abs=0.02)
    assert fall[-1] < 0.05
    assert (np.diff(rows + 0.21 * 1.2 * fall) > 0).all(), "rows never cross"


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_hair_leaves_the_features_free(style):
    person = replace(sample_identity(0, 5), hair_style=HAIR_STYLES.index(style))
    area = canvas(SIZE)
    outline = np.array([(0.75 * np.cos(a), -0.05 + 1.08 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)])
    back, front = hair_masks(area, person, outline)
    for mask in (back, front):
        assert mask.min() >= 0
        assert mask.max() <= 1
    for place in ((0.0, 0.3), (0.35, -0.1), (-0.35, -0.1), (0.0, 0.65)):
        assert at(front, *place) < 0.02
    assert (at(front, 0.0, -1.0) > 0.5) == (style != "bald")
    assert np.isfinite(strands(area, person, np.random.default_rng(0))).all()


@pytest.mark.parametrize("kind", BEARDS[1:])
def test_beards(kind):
    person = replace(sample_identity(0, 5), beard=BEARDS.index(kind))
    mask = beard_mask(canvas(SIZE), person, np.random.default_rng(0))
    assert mask.min() >= 0
    assert mask.max() <= 1
    assert at(mask, 0.0, -0.3) < 0.02
    assert (at(mask, 0.3, 0.85) > 0.15) == (kind != "moustache")


def test_palettes_are_colours_and_skin_darkens_with_its_tone():
    brightness = []
    for tone in np.linspace(0, 1, 9):
        colours = palette(replace(sample_identity(0, 5), skin_tone=float(tone)))
        for name in vars(colours):
            value = getattr(colours, name)
            assert value.shape == (3,), name
            assert value.min() >= 0, name
            assert value.max() <= 255, name
        assert colours.brow.sum() < colours.skin.sum()
        brightness.append(colours.skin.sum())
    assert (np.diff(brightness) < 0).all()
