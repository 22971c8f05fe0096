import dataclasses
import json

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.models.factors import Factor, chases, continuous_factor, require_factors
from keras_fer.models.objective import PRESETS, Objective, preset

EXPRESSION = Factor("expression", "categorical", 4)
IDENTITY = Factor("identity", "categorical", 3)
POSE = Factor("pose", "continuous", 2, mean=(0.1, 0.2), scale=(1, 2))


@pytest.mark.parametrize(
    "factor",
    [
        EXPRESSION,
        POSE,
        Factor("glasses", "categorical", 2, "worn", 0.5, 2.0, 16, 0.1, (1, 2), (0.25, 0.75)),
    ],
)
def test_plain_json_and_back(factor):
    assert Factor.from_dict(json.loads(json.dumps(factor.to_dict()))) == factor


def test_the_name_is_the_key_of_the_targets_unless_told():
    assert (IDENTITY.label_key, Factor("identity", "categorical", 3, "person").label_key) == (
        "identity",
        "person",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Identity"},
        {"name": "residual"},
        {"name": "critic"},
        {"name": "identity_weight"},
        {"kind": "ordinal"},
        {"size": 1},
        {"size": 3.0},
        {"size": True},
        {"label_key": ""},
        {"weight": -1},
        {"weight": float("nan")},
        {"adversarial_weight": float("inf")},
        {"width": 0},
        {"label_smoothing": 1.0},
    ],
    ids=str,
)
def test_fields_that_cannot_be(change):
    (field,) = change
    with pytest.raises(FERError, match=f"no valid `{field}`. Received: {field}="):
        dataclasses.replace(IDENTITY, **change)


@pytest.mark.parametrize(
    ("factor", "change", "reason"),
    [
        (IDENTITY, {"mean": (0, 0, 0)}, "belong to categorical factors"),
        (IDENTITY, {"scale": (1, 1, 1)}, "belong to categorical factors"),
        (POSE, {"class_prior": (0.5, 0.5)}, "belong to categorical factors"),
        (POSE, {"label_smoothing": 0.1}, "no valid `label_smoothing`"),
        (IDENTITY, {"class_weights": (1, 2)}, "needs 3 finite numbers"),
        (IDENTITY, {"class_prior": (0.5, 0.5, float("nan"))}, "needs 3 finite numbers"),
        (POSE, {"mean": (1,)}, "needs 2 finite numbers"),
        (IDENTITY, {"class_weights": (1, -2, 1)}, "must not be negative"),
        (POSE, {"scale": (1, 0)}, "scales be positive"),
    ],
)
def test_numbers_that_do_not_fit(factor, change, reason):
    with pytest.raises(FERError, match=reason):
        dataclasses.replace(factor, **change)


def test_a_broken_dict():
    with pytest.raises(FERError, match=r"no fields \['colour'\]"):
        Factor.from_dict({**IDENTITY.to_dict(), "colour": 1})
    with pytest.raises(FERError, match="wrong type"):
        Factor.from_dict({"name": "identity"})
    with pytest.raises(FERError, match="wrong type"):
        Factor.from_dict({**IDENTITY.to_dict(), "name": 3})
    with pytest.raises(FERError, match="wrong type"):
        Factor.from_dict({**IDENTITY.to_dict(), "weight": "much"})


def test_standardised_by_what_is_known():
    values = np.array([[1, 10], [3, np.nan], [np.nan, 30], [np.nan, 50]])
    factor = continuous_factor("pose", values, label_key="angles", width=7)
    assert (factor.size, factor.kind, factor.label_key, factor.width) == (2, "continuous", "angles", 7)
    assert factor.mean == pytest.approx((2, 30))
    assert factor.scale == pytest.approx((1, np.sqrt(800 / 3)))
    assert continuous_factor("age", np.array([20.0, 40.0])).scale == (10.0,)


@pytest.mark.parametrize("values", [[np.nan, np.nan], [2.0, 2.0, np.nan]])
def test_what_does_not_vary(values):
    with pytest.raises(FERError, match="'age' does not vary"):
        continuous_factor("age", np.array(values))


def test_every_factor_is_chased_out_of_all_but_its_own():
    found = [(chase.source, chase.target.name) for chase in chases([EXPRESSION, IDENTITY, POSE])]
    assert found == [
        ("expression", "identity"),
        ("expression", "pose"),
        ("identity", "expression"),
        ("identity", "pose"),
        ("pose", "expression"),
        ("pose", "identity"),
        ("residual", "expression"),
        ("residual", "identity"),
        ("residual", "pose"),
    ]
    assert chases([EXPRESSION, IDENTITY])[0].name == "identity_from_expression"


def test_a_factor_that_nobody_chases():
    free = dataclasses.replace(IDENTITY, adversarial_weight=0.0)
    assert [chase.name for chase in chases([EXPRESSION, free])] == [
        "expression_from_identity",
        "expression_from_residual",
    ]


def test_one_factor_is_the_paper():
    assert [chase.name for chase in chases([EXPRESSION])] == ["expression_from_residual"]


@pytest.mark.parametrize(
    "factors", [[], [IDENTITY], [Factor("expression", "continuous", 2)]], ids=["none", "other", "values"]
)
def test_the_expression_must_be_there(factors):
    with pytest.raises(FERError, match="must be categorical and called 'expression'"):
        require_factors(factors, Objective())


def test_a_name_twice():
    with pytest.raises(FERError, match=r"Received twice: \['identity'\]"):
        require_factors([EXPRESSION, IDENTITY, IDENTITY], Objective())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_that_need_no_pairs_can_be_used(name):
    if preset(name).needs_pairs:
        with pytest.raises(FERError, match="cannot set invariance_weight, swap_reconstruction_weight"):
            require_factors([EXPRESSION], preset(name))
    else:
        require_factors([EXPRESSION], preset(name))


@pytest.mark.parametrize(
    "change",
    [
        {"expression_weight": 2.0},
        {"label_smoothing": 0.1},
        {"class_weights": (1, 1, 1, 1)},
        {"class_prior": (0.25,) * 4},
        {"valence_arousal_weight": 1.0},
        {"cross_covariance_weight": 1.0},
    ],
    ids=str,
)
def test_what_belongs_to_a_factor_or_to_the_other_model(change):
    (field,) = change
    with pytest.raises(FERError, match=f"cannot set {field}: weights, smoothing"):
        require_factors([EXPRESSION], Objective(**change))
