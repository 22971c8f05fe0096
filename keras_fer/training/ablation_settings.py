"""One run of an ablation: a way to train, a seed and how it is judged; and which runs are the same."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from keras_fer.errors import FERError
from keras_fer.evaluation.representation_names import NON_EXPRESSION_REPRESENTATION, REPRESENTATIONS
from keras_fer.field_types import is_whole
from keras_fer.models.objective import Objective
from keras_fer.training.config import INPUT_PATHS, TrainingConfig
from keras_fer.training.json_values import mapping, require_known, seeds, sequence

FACTORS = ("expression", "headline")

_DEFAULTS = {**TrainingConfig(dataset="", output="").to_dict(), "objective": Objective().to_dict()}


@dataclass(frozen=True)
class ProbeSettings:
    """How the representations of every run are probed.

    Args:
        representations: names; the non-expression representation must be among them.
        factors: `"expression"` alone, or `"headline"` for the utility of what is kept as well.
        seeds: of the probes.
        max_rows: training images that a probe learns from, drawn at random where there are more.
    """

    representations: tuple[str, ...] = (NON_EXPRESSION_REPRESENTATION,)
    factors: str = "expression"
    seeds: tuple[int, ...] = (0, 1, 2)
    max_rows: int = 30_000

    @classmethod
    def from_dict(cls, values: Any) -> "ProbeSettings":
        """Builds settings from JSON types; raises `FERError` for what they cannot be."""
        values = mapping(values, "probe")
        require_known("`probe`", values, {item.name for item in fields(cls)})
        settings = cls(
            representations=tuple(
                sequence(values.get("representations", cls.representations), "representations")
            ),
            factors=values.get("factors", cls.factors),
            seeds=seeds(values.get("seeds", cls.seeds)),
            max_rows=values.get("max_rows", cls.max_rows),
        )
        names = settings.representations
        if NON_EXPRESSION_REPRESENTATION not in names or not all(name in REPRESENTATIONS for name in names):
            raise FERError(
                f"`representations` must be of {', '.join(REPRESENTATIONS)}, and hold the first. "
                f"Received: {list(names)}"
            )
        if settings.factors not in FACTORS:
            raise FERError(f"`factors` must be one of {', '.join(FACTORS)}. Received: {settings.factors!r}")
        if not is_whole(settings.max_rows) or settings.max_rows < 100:
            raise FERError(
                f"`max_rows` must be a whole number of at least 100. Received: {settings.max_rows!r}"
            )
        return settings

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types."""
        return {
            "representations": list(self.representations),
            "factors": self.factors,
            "seeds": list(self.seeds),
            "max_rows": self.max_rows,
        }


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Args:
        name: of the variant; part of the names of its runs.
        training: fields of `TrainingConfig` other than data set, output and seed.
        erase: whether the expression is erased linearly from the non-expression representation.
        weights_of: name of a variant whose run with the same seed gives the weights that training starts
            from; None for none.
    """

    name: str
    training: Mapping[str, Any]
    erase: bool = False
    weights_of: str | None = None

    def source(self) -> dict[str, str]:
        """Returns `weights_of` as a file has it: not at all where there is none."""
        return {} if self.weights_of is None else {"weights_of": self.weights_of}


@dataclass(frozen=True)
class AblationRun:
    """One variant with one seed.

    Args:
        variant: its name.
        config: its training; the output is empty until the run has a folder.
        erase: see `Variant`.
        probe: how it is judged.
        weights_of: the run whose weights its training starts from; `config.weights` is its name.
    """

    variant: str
    config: TrainingConfig
    erase: bool
    probe: ProbeSettings
    weights_of: "AblationRun | None" = None

    @property
    def name(self) -> str:
        """Name of the run and its folder, such as `"paper-seed0"`."""
        return f"{self.variant}-seed{self.config.seed}"

    def training_settings(self, content: Callable[[str], str] = str) -> dict[str, Any]:
        """Returns all that its trained model depends on.

        Args:
            content: from a path of `INPUT_PATHS` to the hash of what is there; where it lies does not matter.
        """
        training = self.config.to_dict()
        del training["output"]
        for name in INPUT_PATHS:
            if name == "weights" and self.weights_of is not None:
                # Known before those weights are there, and what they depend on.
                training[name] = settings_hash(self.weights_of.training_settings(content))
            elif isinstance(training[name], tuple):
                training[name] = [content(path) for path in training[name]]
            elif training[name]:
                training[name] = content(training[name])
        # What the presets stand for may change from version to version.
        return {**training, "objective": self.config.objective().to_dict()}

    def settings(self, content: Callable[[str], str] = str) -> dict[str, Any]:
        """Returns all that its result depends on; the argument is that of `training_settings`."""
        return {**self.training_settings(content), "erase": self.erase, "probe": self.probe.to_dict()}


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of settings, which does not depend on the order of their keys.

    Nor on fields that have their default: a later version may add some.
    """
    settings, defaults = _plain(settings), _plain(_DEFAULTS)
    objective = _other_than(settings.pop("objective", {}), defaults.pop("objective"))
    values = {**_other_than(settings, defaults), "objective": objective}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON has it: lists for tuples."""
    return json.loads(json.dumps(values))


def _other_than(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def differing(stored: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Returns in words where settings differ from stored ones, such as `"epochs: 3 there, 5 here"`.

    A field that a later version has added counts as its default.
    """
    stored, settings, defaults = map(_plain, (stored, settings, _DEFAULTS))
    objective = {**defaults["objective"], **stored.get("objective", {})}
    stored = {**defaults, **stored, "objective": objective}
    there, here = ({**_spread(part), **part["objective"]} for part in (stored, settings))
    names = [name for name in here if name not in ("objective", "objective_changes")]
    return [
        f"{name}: {there.get(name)!r} there, {here[name]!r} here"
        for name in names
        if there.get(name) != here[name]
    ]


def _spread(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those of the probe by names such as `"probe.seeds"`."""
    probe = settings.get("probe")
    if not isinstance(probe, Mapping):
        return dict(settings)
    others = {name: value for name, value in settings.items() if name != "probe"}
    return {**others, **{f"probe.{name}": value for name, value in probe.items()}}


def sharing(runs: Sequence[AblationRun]) -> Iterator[list[AblationRun]]:
    """Yields the runs that share one training, those that are not erased first, in the order of `runs`."""
    groups: dict[str, list[AblationRun]] = {}
    for run in runs:
        groups.setdefault(settings_hash(run.training_settings()), []).append(run)
    for group in groups.values():
        yield sorted(group, key=lambda run: run.erase)
