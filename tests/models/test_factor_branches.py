import numpy as np
import pytest

from keras_fer.models.factor_branches import factor_branch, factor_head, in_units
from keras_fer.models.factors import Factor

SHAPE = (4, 4, 8)
POSE = Factor("pose", "continuous", 2, width=6, mean=(1, 2), scale=(10, 20))


@pytest.mark.parametrize("pooling", ["flatten", "average"])
@pytest.mark.parametrize("is_shaped", [False, True])
def test_shape_names_and_range(pooling, is_shaped):
    branch = factor_branch(SHAPE, POSE, is_shaped=is_shaped, pooling=pooling, dropout=0.1)
    values = branch(np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32))
    assert (branch.name, tuple(values.shape)) == ("pose_branch", (5, 6))
    assert float(np.min(values)) >= 0


def test_shrinking_cannot_fool_a_critic():
    """What weights come before the normalisation: after it and the ReLU the scale is the same."""
    features = np.random.default_rng(0).normal(size=(64, *SHAPE)).astype(np.float32)
    branch = factor_branch(SHAPE, POSE, is_shaped=True)
    before = np.asarray(branch(features, training=True))
    projection, normalization = branch.get_layer("projection"), branch.get_layer("normalization")
    projection.kernel.assign(0.5 * projection.kernel)
    np.testing.assert_allclose(branch(features, training=True), before, rtol=0.05, atol=0.02)
    assert [variable.name for variable in normalization.trainable_variables] == []
    free = factor_branch(SHAPE, POSE, is_shaped=False).get_layer("normalization")
    assert sorted(variable.name for variable in free.trainable_variables) == ["beta", "gamma"]


def test_a_head_is_linear():
    head = factor_head(POSE)
    assert (head.name, head.count_params()) == ("pose_head", 6 * 2 + 2)
    ones = np.ones((1, 6), np.float32)
    np.testing.assert_allclose(2 * head(ones), head(2 * ones), rtol=1e-5)


def test_units_of_the_data():
    standardised = np.array([[1, -1]], np.float32)
    np.testing.assert_allclose(in_units(POSE, standardised), [[11, -18]])
    logits = Factor("kind", "categorical", 2)
    assert in_units(logits, standardised) is standardised
    assert in_units(Factor("age", "continuous", 2), standardised) is standardised
    np.testing.assert_allclose(in_units(Factor("age", "continuous", 2, mean=(1, 1)), standardised), [[2, 0]])
