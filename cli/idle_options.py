"""Options of `keras-fer train` that do nothing unless something else is asked for."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from keras_fer.errors import FERError
from keras_fer.training.config import TrainingConfig


class _Idle(NamedTuple):
    fields: tuple[str, ...]
    is_idle: Callable[[TrainingConfig], bool]
    without: str


_IDLE = (
    _Idle(
        ("mixed_share", "mixed_expression_weight"),
        lambda config: config.mixed_dataset is None,
        "a `mixed_dataset`",
    ),
    _Idle(("teacher_share", "teacher_temperature"), lambda config: not config.teachers, "`teachers`"),
    _Idle(
        ("sampling", "temperature"),
        # Where both data sets of a mixture have pairs nothing else is drawn either; that is not known here.
        lambda config: (
            config.objective().needs_pairs
            and not config.objective().needs_views
            and config.mixed_dataset is None
        ),
        "images that are drawn one by one, and this objective draws exact pairs: take another `preset`, or "
        "a `mixed_dataset`",
    ),
    _Idle(("temperature",), lambda config: config.sampling != "tempered", "`sampling` tempered"),
    _Idle(
        (
            *("adversarial_mode", "adversarial_clamp", "adversarial_ramp_steps"),
            *("num_critics", "critic_steps", "bank_size", "bank_content", "critic_learning_rate"),
        ),
        lambda config: not config.objective().has_critics,
        "critics: take another `preset`, or give `adversarial_weight`",
    ),
    _Idle(
        ("adversarial_scope",),
        lambda config: not config.objective().shapes_representation,
        "a term on the non-expression representation: take another `preset`, or give `adversarial_weight`",
    ),
    _Idle(
        ("adversarial_clamp",),
        lambda config: config.objective().adversarial_mode != "reversal",
        "`adversarial_mode` reversal",
    ),
    _Idle(
        ("reconstruction_noise",),
        lambda config: not config.objective().reconstruction_weight,
        "a `reconstruction_weight`",
    ),
    _Idle(
        ("reconstruction_route",),
        lambda config: not config.objective().has_decoder,
        "a reconstruction: take another `preset`, or give `reconstruction_weight`",
    ),
    _Idle(
        ("patience",),
        lambda config: config.freeze_expression,
        "a classifier that learns: with `freeze_expression` training ends after all `epochs`",
    ),
    _Idle(("bank_content",), lambda config: not config.objective().bank_size, "a `bank_size`"),
)


def require_no_idle_options(given: Iterable[str], config: TrainingConfig) -> None:
    """Refuses options that a user gave and that would change nothing.

    Args:
        given: names of fields.
        config: with these and all others.

    Raises:
        FERError: naming them and what is missing.
    """
    for fields, is_idle, without in _IDLE:
        if is_idle(config) and (found := [name for name in given if name in fields]):
            names = " and ".join(f"`{name}`" for name in found)
            raise FERError(f"{names} would change nothing without {without}.")
