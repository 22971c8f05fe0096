"""Values from a file, held against the types of the dataclass that they are meant for."""

import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Literal, Union

from keras_fer.errors import FERError

# Whole numbers beyond it fit nowhere, and JSON has them.
_LARGEST = 2**63


def require_field_types(cls: type, values: Any, what: str) -> None:
    """Refuses values that are not of the types of the fields of a dataclass.

    A list stands for a tuple, an object for a dataclass, and None in an interval for NaN, as in JSON; no
    number is infinite. Fields that are missing or unknown are not looked for.

    Args:
        cls: the dataclass.
        values: plain JSON types by the names of fields.
        what: whose fields they are, the begin of the message, such as `"A training config"`.

    Raises:
        FERError: if they are no object, or one of them has another type.
    """
    if not isinstance(values, Mapping):
        raise FERError(f"{what} is an object of names and values. Received: {_shown(values)}")
    hints = _hints(cls)
    for name, value in values.items():
        if name in hints and not fits(hints[name], value):
            raise FERError(
                f"{what} has a `{name}` of the wrong type: it must be {_words(hints[name])}. "
                f"Received: {name}={_shown(value)}"
            )


def fits(hint: Any, value: Any) -> bool:
    """Returns whether a value, as JSON has it, is of a type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(fits(argument, value) for argument in arguments)
    if origin is Literal:
        return isinstance(value, str) and value in arguments
    if hint is None or hint is types.NoneType:
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint in (int, float):
        return _is_number(value, hint)
    if hint is str:
        return isinstance(value, str) and is_text(value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            fits(arguments[0], key) and fits(arguments[1], item) for key, item in value.items()
        )
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return isinstance(value, list | tuple) and _fit_each(arguments, value)
    if isinstance(hint, type) and issubclass(hint, tuple):  # a named tuple, such as an interval
        return value is None or (isinstance(value, list | tuple) and all(map(_is_end, value)))
    if is_dataclass(hint):
        return isinstance(value, Mapping | typing.cast(type, hint))
    return isinstance(value, hint)


def parsed_json(text: str | bytes, **hooks: Any) -> Any:
    """Returns what a JSON document holds.

    Args:
        text: of the document; not trusted.
        hooks: of `json.loads`.

    Raises:
        ValueError: if it is none, or nested so deeply that `json` raises `RecursionError`.
    """
    try:
        return json.loads(text, **hooks)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def finite_json(text: str) -> Any:
    """Returns what a JSON document holds that has neither NaN nor an infinite number.

    Raises:
        ValueError: for any other text.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"it holds {constant}")

    return parsed_json(text, parse_constant=refuse)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value: str) -> bool:
    """Returns whether text can be written to a file and be part of a path."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _fit_each(arguments: tuple, value: Sequence[Any]) -> bool:
    if len(arguments) == 1 or arguments[1:] == (...,):
        return all(fits(arguments[0], item) for item in value)
    return len(value) == len(arguments) and all(map(fits, arguments, value))


def _is_end(value: Any) -> bool:
    return value is None or _is_number(value, float)


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if isinstance(value, int):
        return abs(value) < _LARGEST
    return kind is float and not math.isinf(value)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _words(hint: Any) -> str:
    """Returns what a type asks for, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(map(_words, arguments))
    if origin is Literal:
        return f"one of {', '.join(map(str, arguments))}"
    simple = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
    if hint in simple:
        return simple[hint]
    if hint is None or hint is types.NoneType:
        return "null"
    is_object = is_dataclass(hint) or (isinstance(origin, type) and issubclass(origin, Mapping))
    return "an object" if is_object else "a list"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"
