import math

import numpy as np
import pytest

from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.tracking import FaceTracker, Track


def face(left, top=0, side=10):
    return Face(Box(left, top, left + side, top + side))


def numbers(tracks):
    return [track.number for track in tracks]


def test_moving_faces_keep_their_numbers():
    tracker = FaceTracker()
    assert numbers(tracker.update([face(0), face(50)])) == [1, 2]
    assert numbers(tracker.update([face(48), face(3)])) == [2, 1]
    found = tracker.update([face(6), face(46), face(100)])
    assert numbers(found) == [1, 2, 3]
    assert found[0].face == face(6)


def test_pairs_that_overlap_most_come_first():
    # The first face overlaps both tracks, the second one only the first track, but that one more.
    tracker = FaceTracker()
    tracker.update([face(0), face(10)])
    assert numbers(tracker.update([face(5), face(1)])) == [2, 1]


def test_one_face_gets_one_track():
    tracker = FaceTracker()
    tracker.update([face(0)])
    assert numbers(tracker.update([face(2), face(1)])) == [2, 1]


def test_overlap_that_is_just_enough():
    # 40 of 160 columns in common, then 39 of 161.
    for left, expected in ((60, [1]), (61, [2])):
        tracker = FaceTracker()
        tracker.update([face(0, side=100)])
        assert numbers(tracker.update([face(left, side=100)])) == expected


@pytest.mark.parametrize(("missed", "expected"), [(0, 1), (5, 1), (6, 2)])
def test_track_ends_after_missed_detections(missed, expected):
    tracker = FaceTracker()
    tracker.update([face(0)])
    for _ in range(missed):
        assert tracker.update([]) == []
    assert numbers(tracker.update([face(0)])) == [expected]


def test_only_successive_misses_count():
    tracker = FaceTracker()
    for _ in range(4):
        assert numbers(tracker.update([face(0)])) == [1]
        for _ in range(3):
            tracker.update([])


def test_memory_does_not_grow():
    tracker = FaceTracker()
    for step in range(50):
        tracker.update([face(100 * step)])
    assert numbers(tracker.tracks) == [45, 46, 47, 48, 49, 50]


def test_smoothing_by_hand():
    track = Track(1, face(0))
    first, second = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    np.testing.assert_array_equal(track.smooth(first, 10.0, 0.5), first)
    share = 1 - math.exp(-0.25 / 0.5)
    np.testing.assert_allclose(track.smooth(second, 10.25, 0.5), [1 - share, share])
    again = 1 - math.exp(-2)
    np.testing.assert_allclose(
        track.smooth(second, 11.25, 0.5), [(1 - share) * (1 - again), share + (1 - share) * again]
    )


def test_frame_rate_does_not_matter():
    slow, fast = Track(1, face(0)), Track(2, face(0))
    for track, steps in ((slow, 2), (fast, 20)):
        track.smooth(np.array([1.0, 0.0]), 0.0, 0.3)
        for step in range(1, steps + 1):
            smoothed = track.smooth(np.array([0.0, 1.0]), step / steps, 0.3)
    np.testing.assert_allclose(smoothed, slow.probabilities)


def test_no_smoothing():
    track = Track(1, face(0))
    track.smooth(np.array([1.0, 0.0]), 0.0, 0)
    np.testing.assert_array_equal(track.smooth(np.array([0.2, 0.8]), 0.0, 0), [0.2, 0.8])


def test_time_that_runs_backwards_changes_nothing():
    track = Track(1, face(0))
    track.smooth(np.array([1.0, 0.0]), 5.0, 0.5)
    np.testing.assert_array_equal(track.smooth(np.array([0.0, 1.0]), 4.0, 0.5), [1, 0])
