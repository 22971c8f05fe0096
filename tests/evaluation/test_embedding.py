import numpy as np
import pytest

from keras_fer.evaluation.embedding import embedding


def clusters(width):
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(size=(20, width)), rng.normal(size=(20, width)) + 40])


@pytest.mark.parametrize("width", [1, 3, 64])
def test_what_is_far_apart_stays_apart(width):
    places = embedding(clusters(width))
    assert places.shape == (40, 2)
    assert places.min() == 0
    assert places.max() == 1
    first, second = places[:20], places[20:]
    within = max(np.linalg.norm(part - part.mean(axis=0), axis=1).mean() for part in (first, second))
    assert np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) > 2 * within


def test_the_seed_decides():
    rows = clusters(5)
    np.testing.assert_array_equal(embedding(rows, 1), embedding(rows, 1))


def test_a_dead_representation_is_one_point():
    np.testing.assert_array_equal(embedding(np.ones((10, 4))), np.full((10, 2), 0.5))


@pytest.mark.parametrize("shape", [(7, 3), (10,), (10, 2, 2)])
def test_refused(shape):
    with pytest.raises(ValueError, match="at least 8 rows"):
        embedding(np.ones(shape))
