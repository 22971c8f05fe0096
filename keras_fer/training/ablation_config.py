"""An ablation as a file: which variants are trained with which seeds, and how they are judged."""

import difflib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import parsed_json
from keras_fer.models.objective import Objective
from keras_fer.training.ablation_settings import AblationRun, ProbeSettings, Variant, settings_hash
from keras_fer.training.config import TrainingConfig
from keras_fer.training.json_values import mapping, require_known, seeds, sequence, unique_names

# File systems take names of 255 bytes, and folders and logs add to that of a variant.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=,+-]{0,199}")
_MOST_RUNS = 10_000
_KEYS = ("description", "dataset", "base", "variants", "grid", "seeds", "baseline", "probe", "expected")
# Set by the ablation itself.
_NOT_TRAINING = {"dataset", "output", "seed"}
_TRAINING_FIELDS = {item.name for item in fields(TrainingConfig)} - _NOT_TRAINING
_OBJECTIVE_FIELDS = {item.name for item in fields(Objective)}


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
        values = mapping(values, "the file")
        require_known("An ablation", values, set(_KEYS))
        if not isinstance(values.get("dataset"), str) or not values["dataset"]:
            raise FERError("An ablation needs `dataset`, the folder of a prepared data set.")
        if ("variants" in values) == ("grid" in values):
            raise FERError("An ablation needs either `variants` or `grid`.")
        base = mapping(values.get("base", {}), "base")
        if "grid" in values:
            named = _grid(mapping(values["grid"], "grid"))
        else:
            named = {
                name: mapping(changes, f"variants.{name}")
                for name, changes in mapping(values["variants"], "variants").items()
            }
        if not named:
            raise FERError("An ablation needs at least one variant.")
        description, expected = values.get("description", ""), values.get("expected", {})
        expected = {"result": expected} if isinstance(expected, str) else mapping(expected, "expected")
        # Pages show them, at the end of hours of training.
        if not all(isinstance(text, str) for text in (description, *expected.values())):
            raise FERError(
                "`description` must be a text, and `expected` a text or an object of texts. "
                f"Received: {description!r}, {expected!r}"
            )
        config = cls(
            dataset=values["dataset"],
            variants=tuple(_variant(name, base, changes) for name, changes in named.items()),
            seeds=seeds(values.get("seeds", (0, 1, 2))),
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
            if run.erase and run.config.factors is not None:
                raise FERError(
                    f"The variant {run.variant!r} has `factors` and `erase`, which is for models of the "
                    "expression alone. Remove one of them."
                )
            if run.erase and not run.config.objective().moves_non_expression_branch:
                raise FERError(
                    f"The variant {run.variant!r} has `erase`, but its objective never trains the "
                    "non-expression representation: there is nothing to keep."
                )

    def runs(self) -> list[AblationRun]:
        """Returns every variant with every seed, seed by seed, so that all variants soon have one."""
        return [run for seed in self.seeds for run in self._runs_of(seed).values()]

    def _runs_of(self, seed: int) -> dict[str, AblationRun]:
        """The runs with a seed by variant; a run takes weights from one before it."""
        runs: dict[str, AblationRun] = {}
        for variant in self.variants:
            training = {**variant.training, "dataset": self.dataset, "output": "", "seed": seed}
            source = None
            if variant.weights_of is not None:
                source = _source(variant, runs)
                # Until there is a folder; it tells in the config that there are weights to start from.
                training["weights"] = source.name
            try:
                config = TrainingConfig.from_dict(training)
            except FERError as error:
                raise FERError(f"The variant {variant.name!r}: {error}") from error
            if source is not None:
                _require_fitting(variant.name, config, source)
            runs[variant.name] = AblationRun(variant.name, config, variant.erase, self.probe, source)
        return runs

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
                variant.name: {**variant.training, "erase": variant.erase, **variant.source()}
                for variant in self.variants
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
        is_toml = path.suffix == ".toml"
        values = tomllib.loads(text) if is_toml else parsed_json(text, object_pairs_hook=unique_names)
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
    erase, weights_of = False, None
    for source in (base, changes):
        for key, value in source.items():
            if key == "erase":
                erase = value
            elif key == "weights_of":
                weights_of = value
            elif key == "objective_changes":
                objective |= mapping(value, f"{name}.objective_changes")
            elif key in _OBJECTIVE_FIELDS:
                objective[key] = value
            elif key in _TRAINING_FIELDS:
                training[key] = value
            else:
                raise FERError(
                    f"The variant {name!r} has the field {key!r}, which neither a training config nor an "
                    f"objective has{_instead(key)}"
                )
    if not isinstance(erase, bool):
        raise FERError(f"`erase` must be true or false. Received: {erase!r} in the variant {name!r}")
    if weights_of is not None and "weights" in training:
        raise FERError(f"The variant {name!r} has both `weights` and `weights_of`; leave one out.")
    if training.get("freeze_expression") is True and weights_of is None and training.get("weights") is None:
        raise FERError(
            f"The variant {name!r} has `freeze_expression`, which needs a trained classifier to keep; name "
            "the variant that gives it as `weights_of`, or a run folder as `weights`."
        )
    return Variant(name, {**training, "objective_changes": objective}, erase, weights_of)


def _instead(key: str) -> str:
    """The end of a sentence on a field that no variant has."""
    if key in _NOT_TRAINING:
        return " (an ablation sets it itself)."
    known = (*_TRAINING_FIELDS, *_OBJECTIVE_FIELDS, "erase", "weights_of")
    similar = difflib.get_close_matches(key, sorted(known), n=1)
    return f". Did you mean {similar[0]!r}?" if similar else "."


def _source(variant: Variant, runs: Mapping[str, AblationRun]) -> AblationRun:
    """The run, of those before it, that a variant takes its weights from."""
    source = runs.get(variant.weights_of) if isinstance(variant.weights_of, str) else None
    if source is None or source.erase:
        names = ", ".join(name for name, run in runs.items() if not run.erase)
        raise FERError(
            f"`weights_of` of the variant {variant.name!r} must name a variant before it, without `erase`: "
            f"{names or 'there is none'}. Received: {variant.weights_of!r}"
        )
    return source


def _require_fitting(name: str, config: TrainingConfig, source: AblationRun) -> None:
    """Refuses weights of other shapes than trunk and expression branch of a variant have.

    Training would refuse them too, but only when the turn comes to it.
    """
    other = source.config
    names = ["backbone", "pooling", "representation_size"]
    # The mean over positions takes any number of them; without a size it is that of the data set.
    if config.pooling == "flatten" and None not in (config.image_size, other.image_size):
        names.append("image_size")
    if _is_shaped(config) != _is_shaped(other):
        names.append("adversarial_weight" if config.factors == other.factors else "factors")
    for field_name in names:
        own, given = (
            values[field_name]
            for values in ({**of.to_dict(), **of.objective().to_dict()} for of in (config, other))
        )
        if own != given:
            raise FERError(
                f"The variant {name!r} cannot start from the weights of {source.variant!r}: `{field_name}` "
                f"is {own!r} in {name!r} and {given!r} in {source.variant!r}, and must be the same."
            )
    if config.freeze_expression and other.factors is not None:
        raise FERError(
            f"The variant {name!r} cannot freeze the classifier of {source.variant!r}, which has `factors`."
        )


def _is_shaped(config: TrainingConfig) -> bool:
    """Whether critics judge the expression branch, which is then normalised without scale and offset."""
    return config.factors is not None and len(config.factors) > 1 and config.objective().has_critics


def _grid(axes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every combination of the values of the fields, named `field=value,field=value`."""
    values = {name: sequence(choices, f"grid.{name}") for name, choices in axes.items()}
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
