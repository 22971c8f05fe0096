import numpy as np
import pytest

from keras_fer.runtime.suppression import (
    areas,
    intersection_over_union,
    intersections,
    suppression,
    weighted_suppression,
)


def boxes(*rows):
    return np.array(rows, np.float64).reshape(-1, 4)


def test_areas_by_hand():
    np.testing.assert_array_equal(areas(boxes((0, 0, 4, 3), (5, 5, 5, 9), (4, 0, 0, 4))), [12, 0, 0])


def test_overlap_by_hand():
    others = boxes((0, 0, 4, 4), (2, 2, 6, 6), (4, 0, 8, 4), (1, 1, 3, 3), (9, 9, 9, 9))
    np.testing.assert_array_equal(intersections(others[0], others), [16, 4, 0, 4, 0])
    np.testing.assert_allclose(intersection_over_union(others[0], others), [1, 4 / 28, 0, 4 / 16, 0])


def test_nothing_overlaps_nothing():
    np.testing.assert_array_equal(intersection_over_union(np.zeros(4), np.zeros((2, 4))), [0, 0])


def test_weighted_suppression_by_hand():
    # The second overlaps the first by 8 × 10 of 12 × 10, the third is another face, the fourth overlaps the
    # first by 4 × 10 of 16 × 10 = 0.25 only, and the second by 6 × 10 of 14 × 10 = 0.43.
    detections = np.array(
        [[0, 0, 10, 10, 5], [2, 0, 12, 10, 9], [50, 50, 60, 60, 55], [6, 0, 16, 10, 1]], np.float64
    )
    scores = np.array([0.9, 0.6, 0.95, 0.5])
    merged, best = weighted_suppression(detections, scores, 0.3)
    np.testing.assert_allclose(best, [0.95, 0.9, 0.5])
    np.testing.assert_allclose(
        merged,
        [
            [50, 50, 60, 60, 55],
            [(0 * 0.9 + 2 * 0.6) / 1.5, 0, (10 * 0.9 + 12 * 0.6) / 1.5, 10, (5 * 0.9 + 9 * 0.6) / 1.5],
            [6, 0, 16, 10, 1],
        ],
    )


def test_threshold_itself_is_not_above_it():
    detections = boxes((0, 0, 10, 10), (0, 0, 10, 5))
    assert len(weighted_suppression(detections, np.array([0.9, 0.8]), 0.5)[0]) == 2
    assert len(weighted_suppression(detections, np.array([0.9, 0.8]), 0.49)[0]) == 1


@pytest.mark.parametrize("columns", [4, 16])
def test_no_detections(columns):
    merged, best = weighted_suppression(np.empty((0, columns)), np.empty(0), 0.3)
    assert merged.shape == (0, columns)
    assert best.shape == (0,)
    assert suppression(np.empty((0, 4)), np.empty(0), 0.3) == []


def test_boxes_without_area_end_as_well():
    merged, _ = weighted_suppression(np.ones((3, 4)), np.array([0.5, 0.7, 0.6]), 0.3)
    assert len(merged) == 3


def test_suppression_keeps_the_best():
    found = boxes((0, 0, 10, 10), (1, 0, 11, 10), (40, 0, 50, 10))
    assert suppression(found, np.array([0.6, 0.9, 0.7]), 0.3) == [1, 2]


def test_part_of_a_face_gives_way_to_it():
    # 3 × 3 of a face of 10 × 10: an intersection over union of 0.09 only.
    found = boxes((0, 0, 10, 10), (1, 1, 4, 4), (8, 8, 12, 12))
    assert suppression(found, np.array([0.8, 0.7, 0.6]), 0.3) == [0, 2]
    assert suppression(found, np.array([0.7, 0.8, 0.6]), 0.3) == [1, 2]
