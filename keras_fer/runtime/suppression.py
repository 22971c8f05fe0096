"""One detection per face: what to do with boxes that overlap."""

import numpy as np

# Share of the smaller box that lies in the larger one, above which both are taken for one face.
_CONTAINED = 0.7


def intersections(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns the area that a box shares with others.

    Args:
        box: left, top, right, bottom, shape `(4,)`.
        boxes: shape `(n, 4)`.

    Returns:
        shape `(n,)`.
    """
    sizes = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.prod(np.maximum(sizes, 0), axis=1)


def areas(boxes: np.ndarray) -> np.ndarray:
    """Returns the areas of boxes, shape `(n, 4)` to `(n,)`."""
    return np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)


def intersection_over_union(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns how far a box, shape `(4,)`, is the same as others, `(n, 4)`: 0 to 1, shape `(n,)`."""
    shared = intersections(box, boxes)
    union = areas(box[None]) + areas(boxes) - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def weighted_suppression(
    detections: np.ndarray, scores: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    """Merges the detections of each face into their mean.

    The best detection and all whose intersection over union with it is above the threshold become one,
    whose numbers are the mean weighted by the scores and whose score is the best one; then the same with
    the rest. The mean is steadier from frame to frame than the best detection alone.
    Reference: Bazarevsky et al. 2019, "BlazeFace", arXiv 1907.05047, section 4.

    Args:
        detections: shape `(n, m)`, m at least 4; the first four columns are left, top, right, bottom.
        scores: shape `(n,)`, positive.
        threshold: above this intersection over union two boxes are one face, 0 to 1.

    Returns:
        Detections `(k, m)` and scores `(k,)`, best first.
    """
    remaining = np.argsort(-scores, kind="stable")
    merged, best = [], []
    while len(remaining):
        boxes = detections[remaining, :4]
        same = intersection_over_union(boxes[0], boxes) > threshold
        same[0] = True  # also a box without area, which overlaps nothing
        group = remaining[same]
        merged.append(np.average(detections[group], axis=0, weights=scores[group]))
        best.append(scores[group[0]])
        remaining = remaining[~same]
    return np.array(merged).reshape(-1, detections.shape[1]), np.array(best)


def suppression(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> list[int]:
    """Chooses the best detection of each face, for detections of different quality.

    A box gives way to a better one if their intersection over union is above the threshold, or if one of the
    two lies largely (70 %) in the other, as a part of a face does.

    Args:
        boxes: left, top, right, bottom, shape `(n, 4)`.
        scores: shape `(n,)`.
        threshold: 0 to 1.

    Returns:
        Positions of the chosen detections, best first.
    """
    remaining = np.argsort(-scores, kind="stable")
    chosen = []
    while len(remaining):
        first, others = remaining[0], remaining[1:]
        chosen.append(int(first))
        smaller = np.minimum(areas(boxes[first][None]), areas(boxes[others]))
        same = intersection_over_union(boxes[first], boxes[others]) > threshold
        same |= intersections(boxes[first], boxes[others]) > _CONTAINED * smaller
        remaining = others[~same]
    return chosen
