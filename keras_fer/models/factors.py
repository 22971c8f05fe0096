"""What is known of an image besides its expression: factors, and which critics chase them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from keras_fer.errors import FERError
from keras_fer.field_types import is_whole
from keras_fer.models.objective import Objective

KINDS = ("categorical", "continuous")
EXPRESSION = "expression"
RESIDUAL = "residual"

# Outputs and logs have these names already.
_RESERVED = (RESIDUAL, "face_features", "reconstruction", "adversarial", "critic", "decorrelation", "pair")
# Every other field of an objective must have its default: it belongs to a factor, or to exact pairs.
_FIELDS_OF_OBJECTIVE = (
    "reconstruction_weight",
    "reconstruction_route",
    "reconstruction_noise",
    "adversarial_weight",
    "adversarial_mode",
    "adversarial_scope",
    "adversarial_clamp",
    "adversarial_ramp_steps",
    "num_critics",
    "critic_steps",
    "bank_size",
    "bank_draws",
    "bank_content",
    "decorrelation_weight",
)


@dataclass(frozen=True)
class Factor:
    """One known factor: how its targets look, how it is represented, what its terms weigh.

    Args:
        name: lower case letters, digits and underscores; names outputs and logs. The factor
            `expression` is the one that is recognised, exported and evaluated.
        kind: `"categorical"`, or `"continuous"` for real numbers.
        size: number of classes (at least 2), or of values (at least 1).
        label_key: its key in the targets; None takes the name.
        weight: of its loss.
        adversarial_weight: of chasing it out of the representations of the others, relative to the
            adversarial weight of the objective; 0 builds no critics for it.
        width: of its representation.
        label_smoothing: categorical: share of the label that is spread evenly, in its loss only.
        class_weights: categorical: weight per class in its loss, or None.
        class_prior: categorical: class shares that the sampler delivers, which the adversarial
            modes `uniform` and `entropy` steer to; None for equal shares.
        mean: continuous: `(size,)`, subtracted from the targets; None for 0.
        scale: continuous: `(size,)`, then divides them; None for 1. With the mean and the standard
            deviation of the training data (`continuous_factor`) an error of 1 is that of a guess.
    """

    name: str
    kind: str
    size: int
    label_key: str = None  # type: ignore[assignment]  # the name, once built
    weight: float = 1.0
    adversarial_weight: float = 1.0
    width: int = 64
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    class_prior: tuple[float, ...] | None = None
    mean: tuple[float, ...] | None = None
    scale: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for field in ("class_weights", "class_prior", "mean", "scale"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, tuple(float(value) for value in getattr(self, field)))
        if self.label_key is None:
            object.__setattr__(self, "label_key", self.name)
        per_class, per_value = (self.class_weights, self.class_prior), (self.mean, self.scale)
        of_kind, of_other_kind = (per_class, per_value) if self.is_categorical else (per_value, per_class)
        problems = {
            "name": not re.fullmatch(r"[a-z][a-z0-9_]*", self.name)
            or self.name in _RESERVED
            or self.name.endswith("_weight"),
            "kind": self.kind not in KINDS,
            "size": not is_whole(self.size) or self.size < (2 if self.is_categorical else 1),
            "label_key": not isinstance(self.label_key, str) or not self.label_key,
            "weight": not 0 <= self.weight < float("inf"),
            "adversarial_weight": not 0 <= self.adversarial_weight < float("inf"),
            "width": not is_whole(self.width) or self.width < 1,
            "label_smoothing": not 0 <= self.label_smoothing < (1 if self.is_categorical else 1e-300),
        }
        for field, wrong in problems.items():
            if wrong:
                raise FERError(
                    f"A factor has no valid `{field}`. Received: {field}={getattr(self, field)!r}, "
                    f"name={self.name!r}"
                )
        if any(value is not None for value in of_other_kind):
            raise FERError(
                "Class weights and prior belong to categorical factors, mean and scale to continuous ones. "
                f"Received: {self}"
            )
        if any(value is not None and not _fits(value, self.size) for value in of_kind):
            raise FERError(f"A factor of size {self.size} needs {self.size} finite numbers. Received: {self}")
        if any(value < 0 for values in per_class for value in values or ()) or min(self.scale or (1,)) <= 0:
            raise FERError(
                f"Class weights and prior must not be negative, scales be positive. Received: {self}"
            )

    @property
    def is_categorical(self) -> bool:
        """Whether it has classes rather than values."""
        return self.kind == "categorical"

    def to_dict(self) -> dict[str, Any]:
        """Returns the factor as plain JSON types."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Factor":
        """Builds a factor from plain JSON types.

        Raises:
            FERError: if a field is missing, unknown, or has a value that it cannot have.
        """
        if unknown := set(values) - {field.name for field in fields(cls)}:
            raise FERError(f"A factor has no fields {sorted(unknown)}.")
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise FERError(f"A factor has a field of the wrong type: {error}") from error


def continuous_factor(name: str, values: np.ndarray, **settings: Any) -> Factor:
    """Returns a continuous factor that is standardised by what the training data have.

    Args:
        name: see `Factor`.
        values: of the training split, `(n,)` or `(n, size)`, NaN where unknown.
        settings: further fields of `Factor`.

    Raises:
        FERError: if a column has no finite value or only one.
    """
    rows = np.asarray(values, np.float64)
    rows = rows.reshape(len(rows), -1)
    if not all(len(np.unique(column[np.isfinite(column)])) > 1 for column in rows.T):
        raise FERError(
            f"The factor {name!r} does not vary in the training data: there is nothing to learn about it."
        )
    rows = np.where(np.isfinite(rows), rows, np.nan)
    mean, scale = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    return Factor(name, "continuous", rows.shape[1], mean=tuple(mean), scale=tuple(scale), **settings)


class Chase(NamedTuple):
    """One factor that critics chase out of one representation that is not its own.

    Args:
        source: name of the representation: a factor's, or `"residual"`.
        target: the factor.
    """

    source: str
    target: Factor

    @property
    def name(self) -> str:
        """Names critics and logs."""
        return f"{self.target.name}_from_{self.source}"


def chases(factors: Sequence[Factor]) -> tuple[Chase, ...]:
    """Returns every pair of a representation and a factor to be chased out of it.

    The representations of all factors and the residual one, each with every factor but its own.
    """
    sources = [*(factor.name for factor in factors), RESIDUAL]
    return tuple(
        Chase(source, target)
        for source in sources
        for target in factors
        if target.name != source and target.adversarial_weight > 0
    )


def require_factors(factors: Sequence[Factor], objective: Objective) -> None:
    """Refuses what no model of several factors can be built from.

    Raises:
        FERError: if there is no categorical factor `expression`, a name occurs twice, or the
            objective sets what has no place here.
    """
    names = [factor.name for factor in factors]
    if not any(factor.name == EXPRESSION and factor.is_categorical for factor in factors):
        raise FERError(f"One factor must be categorical and called {EXPRESSION!r}. Received: {names}")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FERError(f"Each factor needs its own name. Received twice: {repeated}")
    require_objective(objective)


def require_objective(objective: Objective) -> None:
    """Refuses an objective that sets what has no place in a model of several factors.

    Raises:
        FERError: with the names of these fields.
    """
    default = Objective()
    set_elsewhere = [
        field.name
        for field in fields(objective)
        if field.name not in _FIELDS_OF_OBJECTIVE
        and getattr(objective, field.name) != getattr(default, field.name)
    ]
    if set_elsewhere:
        raise FERError(
            f"With several factors an objective cannot set {', '.join(set_elsewhere)}: weights, smoothing "
            "and class shares are fields of each `Factor`, valence and arousal are a continuous factor, and "
            "terms on exact pairs or correlations are those of `disentangling_model`."
        )


def without_expression(objective: Objective) -> Objective:
    """Returns an objective without what are fields of the factor `expression` here."""
    return replace(
        objective, expression_weight=1.0, label_smoothing=0.0, class_weights=None, class_prior=None
    )


def _fits(values: tuple[float, ...], size: int) -> bool:
    return len(values) == size and bool(np.isfinite(values).all())
