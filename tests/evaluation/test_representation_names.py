import pytest

from keras_fer.evaluation.representation_names import short_name


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("expression_representation", "expression"),
        ("non_expression_representation", "non-expression"),
        ("face_features", "face features"),
        ("residual_representation", "residual"),
    ],
)
def test_short_names(name, short):
    assert short_name(name) == short
