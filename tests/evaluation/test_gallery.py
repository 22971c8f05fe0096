from collections import Counter

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.evaluation.gallery import rendered_gallery

FACES = SyntheticConfig(image_size=32, difficulty="easy")


def test_everybody_shows_everything_equally_often():
    done = []
    gallery = rendered_gallery(FACES, 3, 2, lambda *counts: done.append(counts))
    assert gallery.images.shape == (48, 32, 32, 3)
    assert done[-1] == (48, 48)
    pairs = Counter(zip(gallery.people.tolist(), gallery.labels.tolist(), strict=True))
    assert pairs == Counter({(person, label): 2 for person in range(3) for label in range(8)})
    for row in (0, 20, 47):
        scene = held_out_scene(FACES, Use.GALLERY, int(gallery.people[row]), int(gallery.labels[row]), row)
        np.testing.assert_array_equal(gallery.images[row], render_scene(FACES, scene))
    # No picture is taken twice in the same way.
    assert len({image.tobytes() for image in gallery.images}) == 48
