import numpy as np
import pytest

from keras_fer.models.factor_targets import encoded_targets
from keras_fer.models.factors import Factor

NAN = float("nan")
KIND = Factor("kind", "categorical", 3, label_key="class")
AGE = Factor("age", "continuous", 1, mean=(40,), scale=(20,))
POSE = Factor("pose", "continuous", 2)


def encoded(factor, values, **further):
    return np.asarray(encoded_targets([factor], {factor.label_key: values, **further}, True)[factor.name])


@pytest.mark.parametrize(
    "values",
    [
        np.array([2, 0, -1]),
        np.array([2, 0, -1], np.int32)[:, None],
        np.array([2.0, 0.0, -1.0], np.float32),
        np.array([2.0, 0.0, NAN]),
        np.array([[0, 0, 1], [1, 0, 0], [0, 0, 0]]),
    ],
)
def test_classes_by_number_or_as_probabilities(values):
    found = encoded(KIND, values)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[0, 0, 1], [1, 0, 0], [0, 0, 0]])


def test_probabilities_stay_as_they_are():
    np.testing.assert_allclose(encoded(KIND, np.array([[0.2, 0.3, 0.5]])), [[0.2, 0.3, 0.5]])


def test_values_in_units_of_the_data():
    expected = np.array([[1], [-2], [NAN]], np.float32)
    for shape in ((3,), (3, 1)):
        np.testing.assert_array_equal(encoded(AGE, np.array([60.0, 0.0, NAN]).reshape(shape)), expected)
    np.testing.assert_array_equal(encoded(POSE, np.array([[1, NAN]])), np.array([[1, NAN]], np.float32))


@pytest.mark.parametrize(
    ("factor", "shape"), [(KIND, (4, 2)), (POSE, (4,)), (POSE, (4, 1)), (POSE, (4, 3)), (AGE, (4, 2))]
)
def test_wrong_shapes(factor, shape):
    with pytest.raises(
        ValueError, match=rf"factor '{factor.name}' cannot be of this shape.*Received: shape="
    ):
        encoded(factor, np.zeros(shape))


def test_training_needs_every_factor():
    with pytest.raises(ValueError, match=r"Targets lack \['class'\].*with −1.*Received: targets \['age'\]"):
        encoded_targets([KIND, AGE], {"age": np.zeros(2)}, training=True)


def test_evaluation_takes_what_there_is_and_ignores_the_rest():
    targets = {
        "age": np.zeros(2),
        "pair": np.zeros(2),
        "age_weight": np.array([1, 0]),
        "kind_weight": np.ones(2),
    }
    found = encoded_targets([KIND, AGE], targets, training=False)
    assert set(found) == {"age", "age_weight"}
    np.testing.assert_array_equal(found["age_weight"], np.array([1, 0], np.float32))
