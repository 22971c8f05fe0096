from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pytest

from keras_fer.errors import FERError
from keras_fer.field_types import finite_json, fits, is_text, is_whole, parsed_json, require_field_types


class Ends(NamedTuple):
    low: float
    high: float


@dataclass
class Inner:
    size: int


@dataclass
class Outer:
    name: str
    size: int | None = None
    shares: tuple[float, ...] = ()
    inner: Inner | None = None
    ends: Ends | None = None
    kind: Literal["a", "b"] = "a"
    changes: Mapping[str, Any] | None = None


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        (str, "a", True),
        (str, 1, False),
        (str, "a\0b", False),
        (str, "\ud800", False),
        (int, 1, True),
        (int, True, False),
        (int, 1.0, False),
        (int, 2**63, False),
        (float, 1, True),
        (float, float("nan"), True),
        (float, float("inf"), False),
        (float, 10**400, False),
        (float, "1", False),
        (bool, 1, False),
        (bool, False, True),
        (int | None, None, True),
        (tuple[float, ...], [1, 0.5], True),
        (tuple[float, ...], [1, "a"], False),
        (tuple[float, ...], "12", False),
        (tuple[str, int], ["a", 1], True),
        (tuple[str, int], ["a"], False),
        (Mapping[str, int], {"a": 1}, True),
        (Mapping[str, int], {"a": "b"}, False),
        (Mapping[str, int], [], False),
        (Literal["a", "b"], "b", True),
        (Literal["a", "b"], "c", False),
        (Literal["a", "b"], [], False),
        (Ends, [0.5, None], True),
        (Ends, [0.5, "a"], False),
        (Inner, {"size": 1}, True),
        (Inner, [1], False),
        (Any, object(), True),
    ],
)
def test_what_json_has_fits_or_does_not(hint, value, expected):
    assert fits(hint, value) is expected


def test_a_path_can_be_text_alone():
    assert is_text("é/ü")
    assert not is_text("a\0")
    assert not is_text("\udcff")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "Something is an object of names and values. Received: []"),
        ({"name": 3}, "Something has a `name` of the wrong type: it must be a text. Received: name=3"),
        ({"size": "1"}, "it must be a whole number or null"),
        ({"shares": [None]}, "it must be a list"),
        ({"inner": 1}, "it must be an object or null"),
        ({"kind": "c"}, "it must be one of a, b"),
        ({"name": ["a" * 999]}, "a…"),
    ],
)
def test_a_wrong_type_is_one_sentence(values, message):
    with pytest.raises(FERError) as caught:
        require_field_types(Outer, values, "Something")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_is_missing_or_unknown_is_not_looked_for():
    require_field_types(Outer, {"other": 1, "shares": (), "changes": {"a": [1]}}, "Something")


@pytest.mark.parametrize("text", ["[" * 100_000, "{", b"\xff", ""])
def test_json_that_is_none_is_a_value_error(text):
    for parse in (parsed_json, finite_json):
        with pytest.raises(ValueError, match=r"nested|Expecting|decode"):
            parse(text)


def test_json_with_and_without_what_is_not_finite():
    assert parsed_json(b'{"a": Infinity}') == {"a": float("inf")}
    assert finite_json('{"a": 1}') == {"a": 1}
    with pytest.raises(ValueError, match="it holds NaN"):
        finite_json('{"a": NaN}')


@pytest.mark.parametrize(
    ("value", "expected"), [(3, True), (-1, True), (True, False), (3.0, False), ("3", False), (None, False)]
)
def test_whole_numbers(value, expected):
    assert is_whole(value) is expected
