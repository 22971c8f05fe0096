"""An ablation as a file: which variants are trained with which seeds, and how they are judged."""

import hashlib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from keras_fer.errors import FERError
from keras_fer.evaluation.representation_names import NON_EXPRESSION_REPRESENTATION, REPRESENTATIONS
from keras_fer.models.objective import Objective
from keras_fer.training.config import TrainingConfig

FACTORS = ("expression", "headline")

# Fields of a training config that name what training starts from.
PATHS = ("dataset", "mixed_dataset", "weights")

# File systems take names of 255 bytes, and folders and logs add to that of a variant.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=,+-]{0,199}")
_MOST_RUNS = 10_000
_MOST_SEED = 2**32 - 1  # that scikit-learn and NumPy take
_KEYS = ("description", "dataset", "base", "variants", "grid", "seeds", "baseline", "probe", "expected")
# Set by the ablation itself.
_NOT_TRAINING = {"dataset", "output", "seed"}
_TRAINING_FIELDS = {item.name for item in fields(TrainingConfig)} - _NOT_TRAINING
_OBJECTIVE_FIELDS = {item.name for item in fields(Objective)}


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
        values = _mapping(values, "probe")
        _require_known("`probe`", values, {item.name for item in fields(cls)})
        settings = cls(
            representations=tuple(
                _list(values.get("representations", cls.representations), "representations")
            ),
            factors=values.get("factors", cls.factors),
            seeds=_seeds(values.get("seeds", cls.seeds)),
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
        if not _whole(settings.max_rows) or settings.max_rows < 100:
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
    """

    name: str
    training: Mapping[str, Any]
    erase: bool = False


@dataclass(frozen=True)
class AblationRun:
    """One variant with one seed.

    Args:
        variant: its name.
        config: its training; the output is empty until the run has a folder.
        erase: see `Variant`.
        probe: how it is judged.
    """

    variant: str
    config: TrainingConfig
    erase: bool
    probe: ProbeSettings

    @property
    def name(self) -> str:
        """Name of the run and its folder, such as `"paper-seed0"`."""
        return f"{self.variant}-seed{self.config.seed}"

    def training_settings(self, content: Callable[[str], str] = str) -> dict[str, Any]:
        """Returns all that its trained model depends on.

        Args:
            content: from a path of `PATHS` to the hash of what is there; where it lies does not matter.
        """
        training = self.config.to_dict()
        del training["output"]
        for name in PATHS:
            if training.get(name):
                training[name] = content(training[name])
        # What the presets stand for may change from version to version.
        return {**training, "objective": self.config.objective().to_dict()}

    def settings(self, content: Callable[[str], str] = str) -> dict[str, Any]:
        """Returns all that its result depends on; the argument is that of `training_settings`."""
        return {**self.training_settings(content), "erase": self.erase, "probe": self.probe.to_dict()}


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of settings, which does not depend on the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def differing(stored: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Returns in words where settings differ from stored ones, such as `"epochs: 3 there, 5 here"`.

    A field that a later version has added counts as its default.
    """
    stored = json.loads(json.dumps(stored))
    settings = json.loads(json.dumps(settings))
    defaults = json.loads(json.dumps(TrainingConfig(dataset="", output="").to_dict()))
    objective = {**Objective().to_dict(), **stored.get("objective", {})}
    stored = {**defaults, **stored, "objective": objective}
    there, here = ({**part, **part["objective"]} for part in (stored, settings))
    names = [name for name in here if name not in ("objective", "objective_changes")]
    return [
        f"{name}: {there.get(name)!r} there, {here[name]!r} here"
        for name in names
        if there.get(name) != here[name]
    ]


@dataclass(frozen=True)
class AblationConfig:
    """What is compared with what.

    Args:
        dataset: folder of a prepared data set.
        variants: at least one, with different names and different settings.
        seeds: of training; every variant is trained with each of them.
        baseline: name of the variant that the others are compared with.
        probe: how every run is judged.
        description: the question, in words.
        expected: what to expect, in words by key, such as `"result"`, `"cost"`, `"hardware"`.
    """

    dataset: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    baseline: str
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    description: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, values: Any) -> "AblationConfig":
        """Builds a config from the content of a file.

        Raises:
            FERError: if a key is unknown, missing or has a value that it cannot have.
        """
        values = _mapping(values, "the file")
        _require_known("An ablation", values, set(_KEYS))
        if not isinstance(values.get("dataset"), str) or not values["dataset"]:
            raise FERError("An ablation needs `dataset`, the folder of a prepared data set.")
        if ("variants" in values) == ("grid" in values):
            raise FERError("An ablation needs either `variants` or `grid`.")
        base = _mapping(values.get("base", {}), "base")
        if "grid" in values:
            named = _grid(_mapping(values["grid"], "grid"))
        else:
            named = {
                name: _mapping(changes, f"variants.{name}")
                for name, changes in _mapping(values["variants"], "variants").items()
            }
        if not named:
            raise FERError("An ablation needs at least one variant.")
        description, expected = values.get("description", ""), values.get("expected", {})
        expected = {"result": expected} if isinstance(expected, str) else _mapping(expected, "expected")
        # Pages show them, at the end of hours of training.
        if not all(isinstance(text, str) for text in (description, *expected.values())):
            raise FERError(
                "`description` must be a text, and `expected` a text or an object of texts. "
                f"Received: {description!r}, {expected!r}"
            )
        config = cls(
            dataset=values["dataset"],
            variants=tuple(_variant(name, base, changes) for name, changes in named.items()),
            seeds=_seeds(values.get("seeds", (0, 1, 2))),
            baseline=values.get("baseline", next(iter(named))),
            probe=ProbeSettings.from_dict(values.get("probe", {})),
            description=description,
            expected=expected,
        )
        config._require_valid()
        return config

    def _require_valid(self) -> None:
        names = [variant.name for variant in self.variants]
        if self.baseline not in names:
            raise FERError(f"`baseline` must name a variant of {names}. Received: {self.baseline!r}")
        _require_few(len(names) * len(self.seeds))
        seen: dict[str, str] = {}
        for run in self.runs():
            key = settings_hash(run.settings())
            if key in seen:
                raise FERError(
                    f"The variants {seen[key]!r} and {run.variant!r} are the same; remove one of them."
                )
            seen[key] = run.variant
            if run.erase and not run.config.objective().moves_non_expression_branch:
                raise FERError(
                    f"The variant {run.variant!r} has `erase`, but its objective never trains the "
                    "non-expression representation: there is nothing to keep."
                )

    def runs(self) -> list[AblationRun]:
        """Returns every variant with every seed, seed by seed, so that all variants soon have one."""
        return [
            AblationRun(
                variant.name,
                TrainingConfig.from_dict(
                    {**variant.training, "dataset": self.dataset, "output": "", "seed": seed}
                ),
                variant.erase,
                self.probe,
            )
            for seed in self.seeds
            for variant in self.variants
        ]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON types that `from_dict` reads: base and grid written out as variants."""
        return {
            "description": self.description,
            "dataset": self.dataset,
            "seeds": list(self.seeds),
            "baseline": self.baseline,
            "probe": self.probe.to_dict(),
            "expected": dict(self.expected),
            "variants": {
                variant.name: {**variant.training, "erase": variant.erase} for variant in self.variants
            },
        }


def read_ablation(path: Path, dataset: str | None = None) -> AblationConfig:
    """Reads a JSON file, or a TOML file by its suffix.

    Args:
        path: of the file.
        dataset: replaces that of the file.

    Raises:
        FERError: if the file cannot be read or is no ablation.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise FERError(f"{str(path)!r} cannot be read as an ablation: {error}") from error
    if dataset is not None and isinstance(values, dict):
        values["dataset"] = dataset
    try:
        return AblationConfig.from_dict(values)
    except FERError as error:
        raise FERError(f"{str(path)!r}: {error}") from error


def _variant(name: str, base: Mapping[str, Any], changes: Mapping[str, Any]) -> Variant:
    if not _NAME.fullmatch(name):
        raise FERError(
            "The name of a variant is at most 200 letters, digits and any of `_.=,+-`, the first a letter or "
            "digit; list long values as `variants`, with names of their own. "
            f"Received: {name!r}"
        )
    training: dict[str, Any] = {}
    objective: dict[str, Any] = {}
    erase = False
    for source in (base, changes):
        for key, value in source.items():
            if key == "erase":
                erase = value
            elif key == "objective_changes":
                objective |= _mapping(value, f"{name}.objective_changes")
            elif key in _OBJECTIVE_FIELDS:
                objective[key] = value
            elif key in _TRAINING_FIELDS:
                training[key] = value
            else:
                raise FERError(
                    f"The variant {name!r} has the field {key!r}, which neither a training config nor an "
                    "objective has" + (" (an ablation sets it itself)." if key in _NOT_TRAINING else ".")
                )
    if not isinstance(erase, bool):
        raise FERError(f"`erase` must be true or false. Received: {erase!r} in the variant {name!r}")
    return Variant(name, {**training, "objective_changes": objective}, erase)


def _grid(axes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every combination of the values of the fields, named `field=value,field=value`."""
    values = {name: _list(choices, f"grid.{name}") for name, choices in axes.items()}
    for name, choices in values.items():
        if not choices or not all(isinstance(choice, str | int | float) for choice in choices):
            raise FERError(f"`grid.{name}` must list strings, numbers, true or false. Received: {choices!r}")
    # Before they are written out: a short file can name more combinations than fit the memory.
    _require_few(math.prod(map(len, values.values())))
    return {
        ",".join(f"{name}={_word(value)}" for name, value in zip(values, combination, strict=True)): dict(
            zip(values, combination, strict=True)
        )
        for combination in itertools.product(*values.values())
        if combination
    }


def _word(value: Any) -> str:
    return json.dumps(value).strip('"')


def _require_few(num_runs: int) -> None:
    if num_runs > _MOST_RUNS:
        raise FERError(f"An ablation has at most {_MOST_RUNS:,} runs. Leave some out. Received: {num_runs:,}")


def _require_known(what: str, values: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(values) - known):
        raise FERError(f"{what} has no {unknown}. There are: {', '.join(sorted(known))}.")


def _mapping(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise FERError(f"`{name}` must be an object of names and values. Received: {value!r}")
    return dict(value)


def _list(value: Any, name: str) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise FERError(f"`{name}` must be a list. Received: {value!r}")
    return value


def _seeds(value: Any) -> tuple[int, ...]:
    seeds = tuple(_list(value, "seeds"))
    valid = all(_whole(seed) and 0 <= seed <= _MOST_SEED for seed in seeds)
    if not (seeds and valid and len(set(seeds)) == len(seeds)):
        raise FERError(
            f"`seeds` must list different whole numbers from 0 to {_MOST_SEED}. Received: {value!r}"
        )
    return seeds


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def sharing(runs: Sequence[AblationRun]) -> Iterator[list[AblationRun]]:
    """Yields the runs that share one training, those that are not erased first, in the order of `runs`."""
    groups: dict[str, list[AblationRun]] = {}
    for run in runs:
        groups.setdefault(settings_hash(run.training_settings()), []).append(run)
    for group in groups.values():
        yield sorted(group, key=lambda run: run.erase)
