"""The label names of a data set that brings its own classes."""

from collections.abc import Collection

from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8, canonical_expression


def class_label_names(names: Collection[str], where: str) -> tuple[tuple[str, ...], dict[str, int]]:
    """Orders the classes of a data set.

    If every name is an expression, the label names are the canonical ones in the canonical order.
    Otherwise they are the names as they are, numbers by value before words by the alphabet.

    Args:
        names: the names as the data set writes them.
        where: the data set, for errors.

    Returns:
        The label names, and the label of each of `names`.

    Raises:
        FERError: if there are fewer than two classes, or two names mean the same expression.
    """
    canonical = {name: canonical_expression(name) for name in names}
    if len(canonical) < 2:
        raise FERError(f"{where} must have at least two classes. Found: {', '.join(canonical) or 'none'}")
    if not all(canonical.values()):
        ordered = tuple(sorted(canonical, key=_order))
        return ordered, {name: ordered.index(name) for name in canonical}
    present = tuple(name for name in EXPRESSIONS_8 if name in canonical.values())
    if len(present) < len(canonical):
        twice = sorted(name for name, meaning in canonical.items() if _same(canonical, meaning))
        raise FERError(f"The classes {', '.join(twice)} of {where} mean the same: merge them.")
    return present, {name: present.index(str(meaning)) for name, meaning in canonical.items()}


def _same(canonical: dict[str, str | None], meaning: str | None) -> bool:
    return list(canonical.values()).count(meaning) > 1


def _order(name: str) -> tuple[bool, int, str]:
    is_number = name.isascii() and name.isdigit() and len(name) < 10
    return not is_number, int(name) if is_number else 0, name
