"""The soak sees growth where there is some, and what it runs is what `keras-fer predict` runs."""

from itertools import islice

import numpy as np
import pytest
import soak

from keras_fer.runtime import answers
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.video import VideoSource


class LeftHalf:
    """A detector without a model file: whoever is in the left half."""

    def detect(self, image):
        return [Face(Box(60.0, 60.0, 160.0, 160.0), 0.9)]


@pytest.fixture
def faces():
    return [
        [np.full((size, size, 3), 40 * person, np.uint8) for size in soak.FACE_SIZES] for person in range(4)
    ]


def memory_of(megabytes):
    memory = soak.Memory(len(megabytes))
    for step, value in enumerate(megabytes):
        memory.add(step, value)
    return memory


def test_growth_by_hand():
    assert memory_of([90, *[100] * 19]).growth_mb == pytest.approx(0)
    # 16 samples, from the fifth on; a quarter of a megabyte in each.
    assert memory_of([100 + step / 4 for step in range(20)]).growth_mb == pytest.approx(14 / 4)
    # What is taken once and kept is no growth, what bounces neither.
    assert abs(memory_of([50] * 4 + [100, 105] * 8).growth_mb) < 1
    assert memory_of([50] * 5 + [100 + step for step in range(15)]).growth_mb == pytest.approx(14)
    with pytest.raises(ValueError, match="three samples or more"):
        _ = memory_of([1, 2]).growth_mb


def test_samples_are_taken_over_the_whole_run(monkeypatch):
    taken = []
    monkeypatch.setattr(soak, "resident_mb", lambda: taken.append(len(taken)) or float(len(taken)))
    memory = soak.Memory(1000)
    assert list(memory.over(range(1000))) == list(range(1000))
    assert len(taken) == soak.NUM_SAMPLES
    assert memory.growth_mb == pytest.approx(len(memory.after_warm_up) - 1)


def test_people_come_move_and_go(faces):
    # People are darker than the background, and cover more of it the more of them there are.
    empty = soak.background()
    covered = [np.mean(image != empty) for image in islice(soak.frames(faces), 0, 1200, 40)]
    assert min(covered) < 0.5 * max(covered)
    first, second = islice(soak.frames(faces), 100, 102)
    assert first.shape == (soak.HEIGHT, soak.WIDTH, 3)
    assert (first != second).any()
    np.testing.assert_array_equal(first, next(islice(soak.frames(faces), 100, 101)))


@pytest.mark.parametrize("leaks", [False, True])
def test_a_frame_that_is_kept_is_growth(tmp_path, faces, monkeypatch, leaks):
    kept = []

    class Detector(LeftHalf):
        def detect(self, image):
            if leaks:
                kept.append(image.copy())
            return super().detect(image)

    monkeypatch.setattr("keras_fer.runtime.detectors.face_detector", lambda *arguments: Detector())
    memory, num_answers = soak.camera(60, tmp_path, faces)
    assert num_answers == 60
    assert answers.VideoSource is VideoSource
    assert (memory.growth_mb > soak.MOST_GROWTH_MB) == leaks


def test_photos_by_the_recognizer_and_by_the_command(tmp_path, faces, monkeypatch):
    monkeypatch.setattr(soak, "face_detector", lambda *arguments, **options: LeftHalf())
    monkeypatch.setattr("keras_fer.runtime.detectors.face_detector", lambda *arguments: LeftHalf())
    photos = soak.write_photos(tmp_path, faces)
    assert len(photos) == 12
    assert len({photo.suffix for photo in photos}) == 2
    memory, num_faces = soak.calls(15, photos)
    assert (num_faces, len(memory.after_warm_up)) == (15, 12)
    memory, num_faces = soak.commands(5, photos, tmp_path)
    assert (num_faces, len(memory.after_warm_up)) == (5, 4)
