"""Values of a configuration file: checked to be what is asked for, refused in one sentence."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import is_whole

LARGEST_SEED = 2**32 - 1  # that Keras, scikit-learn and NumPy take


def require_known(what: str, values: Mapping[str, Any], known: set[str]) -> None:
    """Raises `FERError` where a name of an object is none of those that are known."""
    if unknown := sorted(set(values) - known):
        raise FERError(f"{what} has no {unknown}. There are: {', '.join(sorted(known))}.")


def mapping(value: Any, name: str) -> dict[str, Any]:
    """Returns an object; raises `FERError` for anything else."""
    if not isinstance(value, Mapping):
        raise FERError(f"`{name}` must be an object of names and values. Received: {value!r}")
    return dict(value)


def sequence(value: Any, name: str) -> Sequence[Any]:
    """Returns a list; raises `FERError` for anything else."""
    if not isinstance(value, list | tuple):
        raise FERError(f"`{name}` must be a list. Received: {value!r}")
    return value


def seeds(value: Any) -> tuple[int, ...]:
    """Returns different seeds, at least one; raises `FERError` for anything else."""
    numbers = tuple(sequence(value, "seeds"))
    valid = all(is_whole(number) and 0 <= number <= LARGEST_SEED for number in numbers)
    if not (numbers and valid and len(set(numbers)) == len(numbers)):
        raise FERError(
            f"`seeds` must list different whole numbers from 0 to {LARGEST_SEED}. Received: {value!r}"
        )
    return numbers


def unique_names(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Makes an object of pairs, as `object_pairs_hook` of `json.loads`; raises `ValueError` for a name twice.

    JSON keeps the last of two, so that half of what somebody wrote would be lost without a word.
    """
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{', '.join(map(repr, twice))} stands twice in one object")
    return values
