"""Expression taxonomy: canonical names, their order, aliases, and maps between data sets.

The canonical order is that of AffectNet, so label ids 0–7 agree with its annotation files.
Data sets are always mapped **by name**: a wrong order is silent and costs points
(alphabetical class folders, for instance, are not in the order of the ids).
"""

from collections.abc import Sequence

from keras_fer.errors import FERError

EXPRESSIONS_8 = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
EXPRESSIONS_7 = EXPRESSIONS_8[:7]

TAXONOMIES = {"expressions-8": EXPRESSIONS_8, "expressions-7": EXPRESSIONS_7}

_ALIASES = {
    "neutral": ("neutrality", "normal", "calm", "ne"),
    "happiness": ("happy", "joy", "smile", "ha"),
    "sadness": ("sad", "sa"),
    "surprise": ("surprised", "su"),
    "fear": ("fearful", "afraid", "scared", "fe"),
    "disgust": ("disgusted", "di"),
    "anger": ("angry", "an"),
    "contempt": ("contemptuous", "co"),
}
_CANONICAL = {alias: name for name, aliases in _ALIASES.items() for alias in (name, *aliases)}


def canonical_expression(name: str) -> str | None:
    """Returns the canonical name of an expression, or None if the name is not an expression.

    Args:
        name: a name as data sets write it, in any case, such as `"Happy"`.
    """
    return _CANONICAL.get(name.strip().lower())


def label_ids(names: Sequence[str], label_names: Sequence[str]) -> list[int]:
    """Maps the class names of a data set to ids in `label_names`, by name.

    The same name wins over another name of the same expression: "happy" is "happiness", but where there is a
    "happy" it is that, and "joy" is the first of several that mean the same.

    Args:
        names: class names of the data set, in its own order.
        label_names: the target taxonomy, or class names of a model.

    Returns:
        For each of `names` its position in `label_names`, −1 where it has none.
    """
    exact = {name: position for position, name in enumerate(label_names)}
    by_meaning = {_meaning(name): exact[name] for name in reversed(label_names)}
    return [exact.get(name, by_meaning.get(_meaning(name), -1)) for name in names]


def _meaning(name: str) -> str:
    return canonical_expression(name) or name


def taxonomy(name: str) -> tuple[str, ...]:
    """Returns the label names of a taxonomy, such as `"expressions-8"`.

    Raises:
        FERError: if there is no taxonomy of that name.
    """
    if name not in TAXONOMIES:
        raise FERError(f"There is no taxonomy {name!r}. There are: {', '.join(TAXONOMIES)}.")
    return TAXONOMIES[name]
