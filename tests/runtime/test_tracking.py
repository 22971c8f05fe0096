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
    tracker = FaceTracker(min_overlap=0.1)
    tracker.update([face(0), face(12)])
    assert numbers(tracker.update([face(6), face(1)])) == [2, 1]


def test_one_face_gets_one_track():
    tracker = FaceTracker(min_overlap=0.1)
    tracker.update([face(0)])
    assert numbers(tracker.update([face(2), face(1)])) == [2, 1]


def test_overlap_that_is_just_enough():
    # 5 of 15 pixels in common.
    for least, expected in ((1 / 3 - 1e-9, [1]), (1 / 3 + 1e-9, [2])):
        tracker = FaceTracker(min_overlap=least)
        tracker.update([face(0)])
        assert numbers(tracker.update([face(5)])) == expected


@pytest.mark.parametrize(("missed", "expected"), [(0, 1), (2, 1), (3, 2)])
def test_track_ends_after_missed_detections(missed, expected):
    tracker = FaceTracker(most_missed=2)
    tracker.update([face(0)])
    for _ in range(missed):
        assert tracker.update([]) == []
    assert numbers(tracker.update([face(0)])) == [expected]


def test_only_successive_misses_count():
    tracker = FaceTracker(most_missed=1)
    for _ in range(4):
        assert numbers(tracker.update([face(0)])) == [1]
        tracker.update([])


def test_memory_does_not_grow():
    tracker = FaceTracker(most_missed=3)
    for step in range(50):
        tracker.update([face(100 * step)])
    assert numbers(tracker.tracks) == [47, 48, 49, 50]


@pytest.mark.parametrize("options", [{"min_overlap": 0}, {"min_overlap": 1.1}, {"most_missed": -1}])
def test_what_no_tracker_can_be(options):
    with pytest.raises(ValueError, match="Received: min_overlap="):
        FaceTracker(**options)


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
