import numpy as np
import pytest

from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.runtime.video_recognizer import VideoExpressionRecognizer


class Scripted:
    """A detector that finds prepared faces, one list per call."""

    def __init__(self, *lists):
        self.lists = list(lists)
        self.num_calls = 0

    def detect(self, image):
        self.num_calls += 1
        return self.lists[self.num_calls - 1]


def face(left):
    return Face(Box(left, 10, left + 20, 30))


def frame(seed):
    return np.random.default_rng(seed).integers(0, 256, (40, 120, 3), dtype=np.uint8)


@pytest.fixture
def recognizer(model_file):
    return ExpressionRecognizer(model_file())


def test_persons_keep_their_numbers_from_left_to_right(recognizer):
    detector = Scripted([face(50), face(10)], [face(12), face(52), face(90)], [], [face(92), face(14)])
    video = VideoExpressionRecognizer(FaceExpressionRecognizer(recognizer, detector))
    tracks = [[person.track for person in video.recognize(frame(step), step)] for step in range(4)]
    assert tracks == [[1, 2], [1, 2, 3], [], [1, 3]]


def test_probabilities_are_smoothed_per_person(recognizer):
    detector = Scripted(*[[face(10), face(60)]] * 3)
    both = FaceExpressionRecognizer(recognizer, detector)
    video = VideoExpressionRecognizer(both, smoothing_s=0.4)
    expected = None
    for step in range(3):
        rows = both.probabilities(frame(step), [face(10), face(60)])
        share = 1 - np.exp(-0.1 / 0.4)
        expected = rows if expected is None else expected + share * (rows - expected)
        persons = video.recognize(frame(step), step * 0.1, "film.mp4")
        for person, row in zip(persons, expected, strict=True):
            np.testing.assert_allclose(list(person.prediction.probabilities.values()), row, atol=1e-6)
            assert person.prediction.path == "film.mp4"
    assert np.abs(rows - expected).max() > 1e-3


def test_without_smoothing_each_frame_speaks_for_itself(recognizer):
    both = FaceExpressionRecognizer(recognizer, Scripted([face(10)], [face(10)]))
    video = VideoExpressionRecognizer(both, smoothing_s=0)
    video.recognize(frame(0), 0)
    (person,) = video.recognize(frame(1), 0.04)
    assert person.prediction == recognizer.prediction(both.probabilities(frame(1), [face(10)])[0])


def test_detector_runs_on_every_nth_frame_and_the_model_on_all(recognizer):
    detector = Scripted([face(10)], [face(40)])
    video = VideoExpressionRecognizer(
        FaceExpressionRecognizer(recognizer, detector), detect_every=3, smoothing_s=0
    )
    persons = [video.recognize(frame(step), step)[0] for step in range(5)]
    assert detector.num_calls == 2
    assert [person.face for person in persons] == [face(10)] * 3 + [face(40)] * 2
    assert [person.track for person in persons] == [1, 1, 1, 2, 2]
    assert persons[0].prediction.probabilities != persons[1].prediction.probabilities


def test_without_a_detector_every_frame_is_one_crop(recognizer):
    video = VideoExpressionRecognizer(FaceExpressionRecognizer(recognizer, None), smoothing_s=0)
    for step in range(2):
        (person,) = video.recognize(frame(step), step)
        assert person.track == 1
        assert person.prediction == recognizer.prediction(recognizer.recognize([frame(step)])[0])


@pytest.mark.parametrize("options", [{"detect_every": 0}, {"smoothing_s": -1}])
def test_what_is_refused(recognizer, options):
    with pytest.raises(ValueError, match="Received: detect_every="):
        VideoExpressionRecognizer(FaceExpressionRecognizer(recognizer, None), **options)
