import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8

GOOD = {"label_names": list(EXPRESSIONS_8), "image_size": 48}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def test_round_trip():
    contract = ModelContract(
        EXPRESSIONS_8,
        48,
        crop_margin=0.2,
        crop_shift=-0.1,
        align_roll=True,
        temperature=1.5,
        name="é",
        training_data="FER+",
    )
    assert ModelContract.from_json(contract.to_json()) == contract
    assert ModelContract.from_dict(contract.to_dict()) == contract


def test_contract_without_shift_and_roll_means_none():
    contract = ModelContract.from_dict(GOOD)
    assert (contract.crop_shift, contract.align_roll) == (0.0, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_names": "abc"}, "label_names"),
        ({"label_names": ["one"]}, "label_names"),
        ({"label_names": ["a", "a"]}, "label_names"),
        ({"label_names": ["a", "b\nc"]}, "label_names"),
        ({"image_size": 4}, "image_size"),
        ({"image_size": 48.0}, "image_size"),
        ({"crop_margin": -1}, "crop_margin"),
        ({"crop_shift": 1.5}, "crop_shift"),
        ({"crop_shift": float("nan")}, "crop_shift"),
        ({"crop_shift": "up"}, "wrong type"),
        ({"align_roll": 1}, "align_roll"),
        ({"color_order": "bgr"}, "color_order"),
        ({"resize_filter": "lanczos"}, "resize_filter"),
        ({"value_range": ["a", 1]}, "wrong type"),
        ({"value_range": [10**400, 1]}, "wrong type"),
        ({"value_range": [0, 1]}, "value_range"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("inf")}, "temperature"),
        ({"temperature": "hot"}, "wrong type"),
        ({"uncertain_below": 2}, "uncertain_below"),
        ({"name": 5}, "name"),
        ({"format_version": 2}, "format_version"),
        ({"surprise": 1}, "newer version"),
    ],
)
def test_what_no_contract_can_be_is_refused(changes, message):
    with pytest.raises(FERError, match=message):
        ModelContract.from_dict({**GOOD, **changes})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"image_size": 48}', "[" * 100_000])
def test_text_that_is_no_contract_is_refused(text):
    with pytest.raises(FERError, match="contract"):
        ModelContract.from_json(text)


@settings(deadline=None)
@given(st.sampled_from(sorted(ModelContract.__dataclass_fields__)), JSON)
def test_any_json_is_a_contract_or_refused(field, value):
    try:
        contract = ModelContract.from_json(json.dumps({**GOOD, field: value}))
    except FERError:
        return
    assert ModelContract.from_json(contract.to_json()) == contract
