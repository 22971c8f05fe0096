import dataclasses

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.models.factor_building import factor_model
from keras_fer.models.factors import Factor
from keras_fer.models.objective import Objective, preset

LABELS = ("neutral", "happiness", "sadness", "surprise")
SMALL = {"residual_size": 5, "decoder_width": 1}


def test_by_names(three_factors):
    model = factor_model("plain_small", three_factors, image_size=24, objective="paper", label_names=LABELS)
    assert model.input_shape == (None, 24, 24, 3)
    assert (model.contract.label_names, model.contract.image_size) == (LABELS, 24)
    assert model.objective == preset("paper")
    assert model.num_expressions == 4
    assert model.residual_branch.output_shape == (None, 64)
    assert model.decoder is None


def test_a_contract_brings_its_names(tiny_trunk, three_factors):
    contract = ModelContract(LABELS, 16, crop_margin=0.2)
    assert (
        factor_model(tiny_trunk(), three_factors, objective="baseline", contract=contract).contract
        is contract
    )


def test_names_stand_in_where_none_are_given(tiny_trunk, three_factors):
    model = factor_model(tiny_trunk(), three_factors, objective="baseline")
    assert model.contract == ModelContract(tuple(f"expression-{index}" for index in range(4)), 16)


def test_refusals(tiny_trunk, three_factors):
    with pytest.raises(ValueError, match=r"as many classes as there are `label_names`. Received: size=4"):
        factor_model(tiny_trunk(), three_factors, label_names=LABELS[:3])
    with pytest.raises(ValueError, match="needs an image size"):
        factor_model("plain_small", three_factors)
    with pytest.raises(ValueError, match=r"`decorrelated` must be 'residual' or 'all'. Received: 'some'"):
        factor_model(tiny_trunk(), three_factors, objective="baseline", decorrelated="some")
    with pytest.raises(FERError, match="no preset 'best'"):
        factor_model(tiny_trunk(), three_factors, objective="best")
    with pytest.raises(FERError, match="called 'expression'"):
        factor_model(tiny_trunk(), three_factors[1:])
    with pytest.raises(FERError, match="cannot set invariance_weight"):
        factor_model(tiny_trunk(), three_factors, objective="disentangle_pairs")


def test_parts_are_built_where_a_term_needs_them(tiny_trunk, three_factors):
    plain = factor_model(tiny_trunk(), three_factors, objective=Objective(), **SMALL)
    assert (plain.decoder, plain.critics, plain.bank, plain.chases) == (None, [], None, ())
    assert not plain.residual_branch.trainable
    objective = Objective(reconstruction_weight=1.0, adversarial_weight=1.0, num_critics=2, bank_size=8)
    full = factor_model(tiny_trunk("rgb"), three_factors, objective=objective, **SMALL)
    assert full.decoder.output_shape == (None, 16, 16, 3)
    assert full.residual_branch.trainable
    assert [(panel.name, panel.sizes, panel.num_critics) for panel in full.critics] == [
        ("critics_of_expression", {"identity": 3, "pose": 2}, 2),
        ("critics_of_identity", {"expression": 4, "pose": 2}, 2),
        ("critics_of_pose", {"expression": 4, "identity": 3}, 2),
        ("critics_of_residual", {"expression": 4, "identity": 3, "pose": 2}, 2),
    ]
    assert full.bank.rows.shape == (8, 6 + 5 + 4 + 5)
    assert full.bank.labels.shape == (8, 4 + 3 + 2)


def is_free(model, name):
    """Whether the normalisation of a branch has scale and offset."""
    return model.branches[name].get_layer("normalization").scale


def test_what_is_judged_or_decorrelated_cannot_shrink(tiny_trunk, three_factors):
    def free(objective, factors=three_factors, **settings):
        model = factor_model(tiny_trunk(), factors, objective=Objective(**objective), **SMALL, **settings)
        return [factor.name for factor in factors if is_free(model, factor.name)]

    assert free({}) == ["expression", "identity", "pose"]
    assert free({"adversarial_weight": 1.0}) == []
    assert free({"decorrelation_weight": 1.0}) == ["expression", "identity", "pose"]
    assert free({"decorrelation_weight": 1.0}, decorrelated="all") == []
    others = [dataclasses.replace(factor, adversarial_weight=0.0) for factor in three_factors[1:]]
    # Nobody looks for anything in the expression representation.
    assert free({"adversarial_weight": 1.0}, [three_factors[0], *others]) == ["expression"]


def test_any_order_of_factors(tiny_trunk, three_factors):
    images = np.zeros((2, 16, 16, 3), np.float32)
    model = factor_model(
        tiny_trunk(), three_factors[::-1], objective=Objective(reconstruction_weight=1.0), **SMALL
    )
    assert model(images)["expression"].shape == (2, 4)
    # The decoder takes the expression first, whatever the order.
    assert [tuple(shape.shape) for shape in model.decoder.inputs] == [(None, 6), (None, 4 + 5 + 5)]


def test_one_factor(tiny_trunk):
    model = factor_model(tiny_trunk(), [Factor("expression", "categorical", 3, width=6)], **SMALL)
    assert [panel.sizes for panel in model.critics] == [{"expression": 3}]
    assert is_free(model, "expression")
