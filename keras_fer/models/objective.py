"""The weights and choices of the disentangling objective, and the named presets."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import require_field_types


@dataclass(frozen=True)
class Objective:
    """total = β1 reconstruction + β2 expression + β3(t) adversarial + the optional terms.

    Args:
        expression_weight: β2, of the cross-entropy of the expression.
        reconstruction_weight: β1, of ½ (x − x̂)² per pixel; 0 builds no decoder for it.
        adversarial_weight: β3; 0 builds no critics.
        adversarial_mode: `"uniform"`, `"reversal"` or `"entropy"`, see `losses.adversarial`.
        adversarial_scope: `"trunk"` sends the adversarial gradient (and that of the other terms on
            the non-expression representation) into the trunk, `"branch"` stops it at the branch.
        adversarial_clamp: `"reversal"` only: no push on an image whose critic is at chance.
        adversarial_ramp_steps: β3 grows linearly from 0 over this many steps; 0 for none.
        reconstruction_route: `"all"` sends the gradient of the reconstructions into both branches
            and the trunk, `"branch"` into the decoder and the non-expression branch only.
        reconstruction_noise: ε of D2AE: a second reconstruction from representations perturbed by
            ε · (standard deviation of each dimension) · N(0, 1); 0 for none.
        num_critics: critics that judge the non-expression representation.
        critic_steps: steps of the critics per step of the encoder.
        bank_size: images that the critics learn from, drawn anew for each of their steps; 0 lets them
            learn from the current batch.
        bank_draws: images per step of the critics from the bank.
        bank_content: what the bank keeps of an image: `"face_features"`, from which the branch makes the
            representation anew whenever it is drawn, or the `"representations"` themselves, which need
            less memory and are out of date as soon as the branch has moved. Where the trunk moves too, its
            features are as old as the bank.
        decorrelation_weight: of the off-diagonal covariance of the non-expression representation.
        cross_covariance_weight: of its squared correlation with the labels.
        invariance_weight: of the squared difference between the members of an exact pair.
        swap_reconstruction_weight: of reconstructing one member of a pair from its expression
            representation and the *other* member's non-expression representation.
        view_invariance_weight: of the distance between the expression representations of two views
            of one image, each augmented by itself.
        valence_arousal_weight: of valence and arousal; 0 builds no head for it.
        label_smoothing: share of the label that is spread evenly, in the expression term only.
        class_weights: factor per class for the expression term, or None.
        class_prior: class shares that the sampler delivers, for `uniform` and `entropy`; None for
            equal shares.
    """

    expression_weight: float = 1.0
    reconstruction_weight: float = 0.0
    adversarial_weight: float = 0.0
    adversarial_mode: str = "uniform"
    adversarial_scope: str = "trunk"
    adversarial_clamp: bool = False
    adversarial_ramp_steps: int = 0
    reconstruction_route: str = "all"
    reconstruction_noise: float = 0.0
    num_critics: int = 1
    critic_steps: int = 1
    bank_size: int = 0
    bank_draws: int = 256
    bank_content: str = "representations"
    decorrelation_weight: float = 0.0
    cross_covariance_weight: float = 0.0
    invariance_weight: float = 0.0
    swap_reconstruction_weight: float = 0.0
    view_invariance_weight: float = 0.0
    valence_arousal_weight: float = 0.0
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | None = None
    class_prior: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("class_weights", "class_prior"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(float(value) for value in getattr(self, name)))
        choices = {
            "adversarial_mode": ("uniform", "reversal", "entropy"),
            "adversarial_scope": ("trunk", "branch"),
            "reconstruction_route": ("all", "branch"),
            "bank_content": ("representations", "face_features"),
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise FERError(f"`{name}` must be one of {allowed}. Received: {name}={getattr(self, name)!r}")
        for field in fields(self):
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and not (0 <= value < float("inf")):
                raise FERError(
                    f"`{field.name}` must be finite and not negative. Received: {field.name}={value}"
                )
        for name in ("num_critics", "critic_steps", "bank_draws"):
            if getattr(self, name) < 1:
                raise FERError(f"`{name}` must be at least 1. Received: {name}={getattr(self, name)}")
        if self.bank_content == "face_features" and self.bank_draws < 2:
            raise FERError(
                "Face features are normalised over the images that are drawn together: `bank_draws` must be "
                f"at least 2. Received: bank_draws={self.bank_draws}"
            )
        if self.label_smoothing >= 1:
            raise FERError(f"`label_smoothing` must be below 1. Received: {self.label_smoothing}")
        self._require_shares()

    def _require_shares(self) -> None:
        for name in ("class_weights", "class_prior"):
            values = getattr(self, name)
            if values is None:
                continue
            if not all(0 <= value < float("inf") for value in values) or not any(values):
                raise FERError(
                    f"`{name}` must be finite and not negative, and not all 0. Received: {name}={values}"
                )
        if self.class_prior is not None and abs(sum(self.class_prior) - 1) > 1e-3:
            raise FERError(f"`class_prior` must sum to 1. Received: class_prior={self.class_prior}")

    def require_classes(self, num_classes: int) -> None:
        """Refuses class weights or a class prior of another number of classes.

        Raises:
            FERError: if there is not one value per class.
        """
        for name in ("class_weights", "class_prior"):
            values = getattr(self, name)
            if values is not None and len(values) != num_classes:
                raise FERError(
                    f"`{name}` must hold one value for each of the {num_classes} classes, in the order of "
                    f"the labels. Received: {len(values)} values, {name}={values}"
                )

    @property
    def has_critics(self) -> bool:
        """Whether there is a second player."""
        return self.adversarial_weight > 0

    @property
    def banks_features(self) -> bool:
        """Whether critics learn from stored face features."""
        return self.has_critics and self.bank_size > 0 and self.bank_content == "face_features"

    @property
    def needs_pairs(self) -> bool:
        """Whether training needs batches of exact pairs."""
        return self.invariance_weight > 0 or self.swap_reconstruction_weight > 0

    @property
    def needs_views(self) -> bool:
        """Whether training needs batches that hold each image twice."""
        return self.view_invariance_weight > 0

    @property
    def has_decoder(self) -> bool:
        """Whether any term reconstructs pictures."""
        return self.reconstruction_weight > 0 or self.swap_reconstruction_weight > 0

    @property
    def shapes_representation(self) -> bool:
        """Whether a term acts on the non-expression representation itself, without the decoder."""
        return (
            self.has_critics
            or self.decorrelation_weight > 0
            or self.cross_covariance_weight > 0
            or self.invariance_weight > 0
        )

    @property
    def moves_non_expression_branch(self) -> bool:
        """Whether any term reaches the non-expression branch; otherwise it stays as initialised."""
        return self.shapes_representation or self.has_decoder

    def to_dict(self) -> dict[str, Any]:
        """Returns the objective as plain JSON types."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Objective":
        """Builds an objective from plain JSON types.

        Raises:
            FERError: if a field is unknown or has a value that it cannot have.
        """
        require_field_types(cls, values, "An objective")
        if unknown := set(values) - {field.name for field in fields(cls)}:
            raise FERError(f"An objective has no fields {sorted(unknown)}.")
        return cls(**values)


# Where each comes from and what it is for: docs/objective.md. Numbers that the publications do not
# give are ours, tuned or to be tuned on data.
PRESETS = {
    "baseline": Objective(),
    "paper": Objective(adversarial_weight=0.1),
    "d2ae": Objective(reconstruction_weight=1.0, adversarial_weight=0.1, reconstruction_noise=0.01),
    "accuracy": Objective(
        reconstruction_weight=1.0,
        adversarial_weight=0.1,
        adversarial_scope="branch",
        reconstruction_route="branch",
    ),
    "disentangle": Objective(
        reconstruction_weight=3.0,
        adversarial_weight=0.1,
        adversarial_mode="reversal",
        adversarial_scope="branch",
        adversarial_clamp=True,
        reconstruction_route="branch",
        num_critics=3,
        critic_steps=5,
        bank_size=8192,
        bank_content="face_features",
        decorrelation_weight=0.1,
    ),
    "disentangle_pairs": Objective(
        adversarial_scope="branch",
        reconstruction_route="branch",
        decorrelation_weight=0.1,
        invariance_weight=2.0,
        swap_reconstruction_weight=3.0,
    ),
}


def preset(name: str, **changes: Any) -> Objective:
    """Returns a named objective, with `changes` to its fields.

    Raises:
        FERError: if there is no preset of that name, or a change is none of its type.
    """
    if name not in PRESETS:
        raise FERError(f"There is no preset {name!r}. There are: {', '.join(PRESETS)}.")
    require_field_types(Objective, changes, "An objective")
    return replace(PRESETS[name], **changes)
