import multiprocessing

import cv2
import numpy as np

from keras_fer.data.synthetic import rendering
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.held_out import Use, held_out_scene
from keras_fer.data.synthetic.rendering import render_scenes, render_together

FACES = SyntheticConfig(num_images=480, image_size=32)
# People change at every scene, which is the worst order.
SCENES = [held_out_scene(FACES, Use.INTERVENTION, number % 3, number % 8, number) for number in range(9)]


def test_pictures_come_in_the_order_of_the_scenes(monkeypatch):
    monkeypatch.setattr(rendering, "_CHUNK", 4)
    expected = np.stack([render_scene(FACES, scene) for scene in SCENES])
    calls = []
    chunks = list(render_scenes(FACES, SCENES, progress=lambda *done: calls.append(done)))
    assert [len(chunk) for chunk in chunks] == [4, 4, 1]
    assert calls == [(4, 9), (8, 9), (9, 9)]
    np.testing.assert_array_equal(np.concatenate(chunks), expected)
    np.testing.assert_array_equal(render_together(FACES, SCENES), expected)


def test_nothing_to_render():
    assert list(render_scenes(FACES, [])) == []
    assert render_together(FACES, []).shape == (0, 32, 32, 3)


def test_the_number_of_threads_is_as_it_was():
    threads = cv2.getNumThreads()
    render_together(FACES, SCENES[:1])
    assert cv2.getNumThreads() == threads


def test_processes_render_what_one_process_renders(monkeypatch):
    monkeypatch.setattr(rendering, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(rendering, "_CHUNK", 2)
    monkeypatch.setattr(rendering.os, "cpu_count", lambda: 2)
    methods = []
    context = multiprocessing.get_context
    monkeypatch.setattr(rendering, "get_context", lambda name: methods.append(name) or context(name))
    rendered = np.concatenate(list(render_scenes(FACES, SCENES)))
    assert methods == ["spawn"]
    np.testing.assert_array_equal(rendered, render_together(FACES, SCENES))
