"""Judging a model on some of its classes: which ones it shares with a data set, and the view's name."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_fer.errors import FERError
from keras_fer.labels import label_ids


@dataclass(frozen=True)
class SharedClasses:
    """Classes that a model can predict and a data set can contain, matched by name.

    Args:
        names: the shared classes as the model writes them, in the model's order.
        label_ids: for each class of the data set its position in the model's label names, −1 where
            the model does not know it or the view leaves it out.
        view: the view in words.
        left_out: classes of the data set whose images are not judged.
    """

    names: tuple[str, ...]
    label_ids: tuple[int, ...]
    view: str
    left_out: tuple[str, ...]


def shared_classes(
    model_names: Sequence[str], dataset_names: Sequence[str], only: Sequence[str] | None = None
) -> SharedClasses:
    """Matches the classes of a model and a data set by name; order and aliases do not matter.

    Args:
        model_names: label names of the model.
        dataset_names: label names of the data set.
        only: judge no class outside these names, such as a taxonomy; None judges all that are shared.

    Raises:
        FERError: if fewer than two classes are shared.
    """
    # "happy" in one place meets "happiness" in the other.
    wanted = label_ids(dataset_names, dataset_names if only is None else only)
    ids = tuple(
        position if known >= 0 else -1
        for position, known in zip(label_ids(dataset_names, model_names), wanted, strict=True)
    )
    names = tuple(name for position, name in enumerate(model_names) if position in ids)
    if len(names) < 2:
        raise FERError(
            "The model and the data set share fewer than two of the classes to judge, so there is no score. "
            f"Model: {', '.join(model_names)}. Data set: {', '.join(dataset_names)}."
        )
    left_out = tuple(name for name, position in zip(dataset_names, ids, strict=True) if position < 0)
    return SharedClasses(names, ids, restricted_view(model_names, names), left_out)


def kept_shares(
    probabilities: np.ndarray, label_names: Sequence[str], kept_names: Sequence[str]
) -> np.ndarray:
    """Turns probabilities over all of `label_names` into probabilities over `kept_names` only.

    Those that remain are divided by their sum. A model of eight classes judged on seven this way gives
    another number than a model of seven classes, so name the view with `restricted_view`.

    Args:
        probabilities: `(n, K)`.
        label_names: K names.
        kept_names: at least two of them, in the order that the result shall have.

    Returns:
        float64 `(n, len(kept_names))`.

    Raises:
        ValueError: if `kept_names` are fewer than two, repeat, or hold a name not in `label_names`.
    """
    kept = [list(label_names).index(name) for name in kept_names if name in label_names]
    if len(kept) < 2 or len(set(kept)) != len(kept_names):
        raise ValueError(
            "`kept_names` must be at least two different names out of `label_names`. "
            f"Received: kept_names={list(kept_names)}, label_names={list(label_names)}"
        )
    remaining = np.asarray(probabilities, np.float64)[:, kept]
    totals = remaining.sum(axis=1, keepdims=True)
    # An 8-bit output may give a removed class everything; what is left then knows nothing.
    return np.where(totals > 0, remaining / np.where(totals > 0, totals, 1), 1 / len(kept))


def restricted_view(label_names: Sequence[str], kept_names: Sequence[str]) -> str:
    """Names a view, such as `"7 of the model's 8 classes, without contempt"` or `"8 classes"`."""
    removed = [name for name in label_names if name not in kept_names]
    if not removed:
        return f"{len(kept_names)} classes"
    return f"{len(kept_names)} of the model's {len(label_names)} classes, without {', '.join(removed)}"
