import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import Objective, preset

LABELS = ("neutral", "happiness", "sadness")


def test_by_names(tiny_trunk):
    model = disentangling_model("plain_small", label_names=LABELS, image_size=24, objective="paper")
    assert model.input_shape == (None, 24, 24, 3)
    assert model.expression_head.output_shape == (None, 3)
    assert model.expression_branch.output_shape == (None, 128)
    assert model.non_expression_branch.output_shape == (None, 64)
    assert (model.contract.label_names, model.contract.image_size) == (LABELS, 24)
    assert model.objective == preset("paper")
    assert model.decoder is None


def test_a_contract_brings_its_names(tiny_trunk):
    contract = ModelContract(LABELS, 16, crop_margin=0.2)
    assert disentangling_model(tiny_trunk(), contract=contract).contract is contract


def test_names_stand_in_where_none_are_given(tiny_trunk):
    model = disentangling_model(tiny_trunk(), 3, objective="baseline")
    assert model.contract == ModelContract(("expression-0", "expression-1", "expression-2"), 16)


@pytest.mark.parametrize(
    "settings", [{}, {"num_expressions": 1}, {"num_expressions": 4, "label_names": LABELS}]
)
def test_number_of_expressions(tiny_trunk, settings):
    with pytest.raises(ValueError, match=r"`num_expressions` must be at least 2.*Received: num_expressions="):
        disentangling_model(tiny_trunk(), **settings)


def test_unknown_names(tiny_trunk):
    with pytest.raises(FERError, match="no backbone 'vgg'"):
        disentangling_model("vgg", 3, image_size=24)
    with pytest.raises(FERError, match="no preset 'best'"):
        disentangling_model(tiny_trunk(), 3, objective="best")


def test_parts_are_built_where_a_term_needs_them(tiny_trunk):
    small = {"representation_size": 6, "non_expression_size": 5, "decoder_width": 1}
    plain = disentangling_model(tiny_trunk(), 3, objective=Objective(), **small)
    assert (plain.decoder, plain.valence_arousal_head, plain.critics, plain.bank) == (None, None, [], None)
    assert not plain.non_expression_branch.trainable
    objective = Objective(
        swap_reconstruction_weight=1.0, valence_arousal_weight=1.0, adversarial_weight=1.0, bank_size=8
    )
    full = disentangling_model(tiny_trunk("rgb"), 3, objective=objective, **small)
    assert full.decoder.output_shape == (None, 16, 16, 3)
    assert full.valence_arousal_head is not None
    assert (len(full.critics), full.bank.capacity) == (1, 8)
    assert full.non_expression_branch.trainable
