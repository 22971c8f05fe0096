"""The factors of a data set that probes can be asked for: the expression, and whatever else is known."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.synthetic.action_units import ACTION_UNITS
from keras_fer.evaluation.probes import FactorKind

EXPRESSION = "expression"
IDENTITY = "identity"
FactorChoice = Literal["headline", "all", "expression"]
FACTOR_CHOICES: tuple[FactorChoice, ...] = ("headline", "all", "expression")

# What is measured unless more is asked for. Those of group "nuisance" make up the utility: who it is,
# how the picture was taken, and what anybody sees at once.
HEADLINE = (EXPRESSION, "valence_arousal", IDENTITY, "pose", "light", "skin_tone", "glasses")
_HEADLINE_NUISANCE = HEADLINE[2:]

# Columns that belong together make one factor, so that they count once.
JOINED = {"pose": ("yaw", "pitch", "roll"), "shift": ("shift_x", "shift_y")}
_DIMENSIONS = {
    "light": ("right", "down", "towards the viewer"),
    "gaze": ("right", "down"),
    "action_units": tuple(f"{unit} {side}" for unit in ACTION_UNITS for side in ("left", "right")),
}
_EXPRESSION_GROUP = (EXPRESSION, "valence_arousal", "clean_label", "intensity", "action_units")
# A size that is 0 for most images: the question is whether there is anything.
_PRESENCE = ("occlusion",)
# Kinds that are too many to be recognised as such by their values.
_MANY_KINDS = ("background",)
_MOST_KINDS = 20


@dataclass(frozen=True, eq=False)
class Factor:
    """Something known about the images, which a probe may find in a representation or not.

    Args:
        name: such as `"pose"`.
        kind: `"categorical"` is judged by balanced accuracy, `"continuous"` by R².
        values: categorical: int64 `(n,)`, −1 where unknown; continuous: float64 `(n, d)`, NaN where
            unknown. One entry per row of the data set.
        clusters: int64 `(n,)`, rows with the same number are not independent of each other: images
            of a person, or of an exact pair where people are unknown.
        units: int64 `(n,)`, rows with the same number are exact pairs.
        group: `"expression"` for what belongs to the expression, `"nuisance"` for all else.
        within_people: whether classes exist only within people, as for the identity itself: then a
            probe learns from one half of the images of unseen people and is judged on the other.
        dimension_names: d names of a continuous factor.
    """

    name: str
    kind: FactorKind
    values: np.ndarray
    clusters: np.ndarray
    units: np.ndarray
    group: Literal["expression", "nuisance"] = "nuisance"
    within_people: bool = False
    dimension_names: tuple[str, ...] = ()

    @property
    def known(self) -> np.ndarray:
        """Which rows have a value, bool `(n,)`."""
        if self.kind == "categorical":
            return self.values >= 0
        return np.isfinite(self.values).all(axis=1)

    @property
    def headline(self) -> bool:
        """Whether the factor is measured unless more is asked for, see `HEADLINE`."""
        return self.name in HEADLINE


@dataclass(frozen=True, eq=False)
class FactorSet:
    """Factors, and in words what could not be measured.

    Args:
        factors: the expression first.
        notes: sentences.
    """

    factors: tuple[Factor, ...]
    notes: tuple[str, ...] = ()


def dataset_factors(dataset: PreparedDataset, which: FactorChoice = "headline") -> FactorSet:
    """Returns what is known about the images of a data set.

    Always the expression. Where there are several images of a person, the identity. Valence and
    arousal where the data set has them. Of further columns of numbers, `yaw`, `pitch` and `roll` make
    the factor `pose`, `shift_x` and `shift_y` the factor `shift`; whole numbers of at most 20 values
    are kinds, anything else is continuous.

    Args:
        dataset: a prepared data set.
        which: `"headline"` for `HEADLINE`, `"all"`, or `"expression"` alone.

    Raises:
        ValueError: if there is no such choice.
    """
    if which not in FACTOR_CHOICES:
        raise ValueError(f"`which` must be one of {FACTOR_CHOICES}. Received: which={which!r}")
    found: list[Factor | None] = [_expression(dataset)]
    if which != "expression":
        found += [_valence_arousal(dataset), _identity(dataset), *_columns(dataset)]
    factors = [factor for factor in found if factor is not None]
    notes = _absent(dataset, {factor.name for factor in factors}, which)
    if which == "headline":
        factors = [factor for factor in factors if factor.headline]
    varying = []
    for factor in factors:
        if _varies(factor):
            varying.append(factor)
        else:
            reason = "it is the same on all images" if factor.known.any() else "it is known for no image"
            notes.append(f"{spoken(factor.name)} was not measured: {reason}.")
    varying.sort(key=_place)
    return FactorSet(tuple(varying), tuple(notes))


def spoken(name: str) -> str:
    """Writes a name for people, as at the beginning of a sentence: `"Skin tone"`."""
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def clusters_of(dataset: PreparedDataset) -> np.ndarray:
    """Returns which rows are not independent, int64 `(n,)`: people, else exact pairs, else single rows."""
    return _numbered(np.where(dataset.subjects >= 0, dataset.subjects, -1), units_of(dataset))


def units_of(dataset: PreparedDataset) -> np.ndarray:
    """Returns which rows are exact pairs, int64 `(n,)`; any other row is alone."""
    return _numbered(dataset.pairs, np.arange(len(dataset)))


def _numbered(groups: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Numbers that are equal within groups ≥ 0, and within `otherwise` for the rows without a group."""
    return np.where(groups >= 0, groups, groups.max(initial=-1) + 1 + otherwise).astype(np.int64)


def _place(factor: Factor) -> tuple[bool, int, str]:
    """What belongs to the expression first, the headline in its order before the rest by name."""
    position = HEADLINE.index(factor.name) if factor.headline else len(HEADLINE)
    return factor.group != "expression", position, factor.name


def _expression(dataset: PreparedDataset) -> Factor:
    return _factor(dataset, EXPRESSION, "categorical", dataset.labels)


def _valence_arousal(dataset: PreparedDataset) -> Factor | None:
    values = dataset.valence_arousal
    if values is None or not np.isfinite(values).all(axis=1).any():
        return None
    return _factor(dataset, "valence_arousal", "continuous", values, ("valence", "arousal"))


def _identity(dataset: PreparedDataset) -> Factor | None:
    known = dataset.subjects[dataset.subjects >= 0]
    if len(np.unique(known)) in (0, len(known)):
        return None
    return _factor(dataset, IDENTITY, "categorical", dataset.subjects)


def _columns(dataset: PreparedDataset) -> list[Factor]:
    """The factors in the columns of the data set."""
    columns = dict(dataset.factors)
    # The subjects are the identities.
    columns.pop(IDENTITY, None)
    clean = columns.get("clean_label")
    if clean is not None and np.array_equal(clean, dataset.labels):
        # Without label noise this is the expression itself.
        del columns["clean_label"]
    found = []
    for name, members in JOINED.items():
        present = tuple(member for member in members if member in columns and columns[member].ndim == 1)
        if present:
            values = np.stack([columns.pop(member) for member in present], axis=1)
            found.append(_factor(dataset, name, "continuous", values, present))
    return found + [_column(dataset, name, column_values(dataset, name)) for name in columns]


def column_values(dataset: PreparedDataset, name: str) -> np.ndarray:
    """Returns a column as it is looked at: of a size that is mostly 0, whether there is anything."""
    values = dataset.factors[name]
    if name in _PRESENCE and values.ndim == 1:
        return np.where(np.isfinite(values), values > 0, np.nan)
    return values


def _column(dataset: PreparedDataset, name: str, values: np.ndarray) -> Factor:
    if are_kinds(name, values):
        kinds = np.full(len(values), -1, np.int64)
        known = np.isfinite(values)
        kinds[known] = np.unique(values[known], return_inverse=True)[1]
        return _factor(dataset, name, "categorical", kinds)
    width = 1 if values.ndim == 1 else values.shape[1]
    names = _DIMENSIONS.get(name, ())
    names = names if len(names) == width else tuple(str(number) for number in range(width))
    return _factor(dataset, name, "continuous", values, names)


def are_kinds(name: str, values: np.ndarray) -> bool:
    """Whether a column holds kinds: whole numbers, one per image, of few values or of a known name."""
    if values.ndim > 1:
        return False
    known = values[np.isfinite(values)]
    if not len(known) or (known != np.round(known)).any():
        return False
    return name in _MANY_KINDS or len(np.unique(known)) <= _MOST_KINDS


def _factor(
    dataset: PreparedDataset,
    name: str,
    kind: FactorKind,
    values: np.ndarray,
    dimension_names: tuple[str, ...] = (),
) -> Factor:
    if kind == "categorical":
        values = np.asarray(values, np.int64)
    else:
        values = np.asarray(values, np.float64).reshape(len(values), -1)
    return Factor(
        name=name,
        kind=kind,
        values=values,
        clusters=clusters_of(dataset),
        units=units_of(dataset),
        group="expression" if name in _EXPRESSION_GROUP else "nuisance",
        within_people=name == IDENTITY,
        dimension_names=dimension_names,
    )


def _varies(factor: Factor) -> bool:
    known = factor.values[factor.known]
    return len(known) > 0 and bool((known != known[0]).any())


def _absent(dataset: PreparedDataset, found: set[str], which: FactorChoice) -> list[str]:
    """Says which factors of the headline the data set does not know, and why."""
    if which == "expression":
        return []
    notes = []
    if IDENTITY not in found:
        known = (dataset.subjects >= 0).any()
        reason = "there is one image of each person" if known else "the data set does not say who is who"
        notes.append(f"Identity was not measured: {reason}.")
    if missing := [name for name in _HEADLINE_NUISANCE if name not in found and name != IDENTITY]:
        names = ", ".join(name.replace("_", " ") for name in missing)
        notes.append(
            f"Not measured, since the data set does not hold them: {names}. Synthetic faces have them all."
        )
    return notes
