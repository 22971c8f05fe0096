"""The leakage matrix: from which representation which factor can be read, by fresh probes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import dataset_facts
from keras_fer.evaluation.factors import EXPRESSION, Factor, FactorSet
from keras_fer.evaluation.floors import PIXELS, pixel_representation, untrained_model
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage import (
    MAX_TRAIN_ROWS,
    Progress,
    RepresentationFunction,
    RepresentationProbe,
    Represented,
    keras_representation_function,
    probe_factors,
    representations,
)
from keras_fer.evaluation.leakage_notes import doubts, is_chance
from keras_fer.evaluation.probe_protocol import factor_rows, known_rows, probe_split
from keras_fer.evaluation.representation_names import (
    EXPRESSION_REPRESENTATION,
    FACE_FEATURES,
    non_expression_name,
    short_name,
)
from keras_fer.field_types import require_field_types

UNTRAINED = "untrained"

StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RepresentationSource:
    """Something that gives representations.

    Args:
        model: name.
        function: from images to arrays by name, see `representations`.
        names: which of them to probe; None for all.
        floor: whether it only shows how much an untrained or trivial representation tells.
    """

    model: str
    function: RepresentationFunction
    names: tuple[str, ...] | None = None
    floor: bool = False


@dataclass(frozen=True)
class MatrixFactor:
    """A row of the matrix.

    Args:
        name: of the factor.
        group: `"expression"` or `"nuisance"`.
        headline: whether it counts for the utility.
        within_people: whether its probe learned from other images of the very people it was judged on.
    """

    name: str
    group: Literal["expression", "nuisance"]
    headline: bool
    within_people: bool


class MatrixColumn(NamedTuple):
    """A column of the matrix: one representation of one model."""

    model: str
    representation: str
    floor: bool
    effective_rank: float
    width: int

    @property
    def title(self) -> str:
        """The representation for people, such as `"non-expression"`."""
        return short_name(self.representation)


@dataclass(frozen=True)
class LeakageSummary:
    """What the matrix comes to. A(r, f) is the leakage of factor f from representation r.

    None stands for what was not measured.

    Args:
        leakage: L = A(non-expression, expression), lower is better; with its interval.
        relative_leakage: L / A(face features, expression), where that is above chance.
        retention: K = A(expression representation, expression), higher is better; with its interval.
        utility: M = mean over `nuisance_factors` of A(non-expression, f), higher is better.
        nuisance_leakage: N = mean over `nuisance_factors` of A(expression representation, f); the
            invariance of the expression representation to nuisance is 1 − N.
        disentanglement_score: ½ [max(0, K − L) + max(0, M − N)], in [0, 1].
        nuisance_factors: the factors of the two means.
    """

    leakage: float | None = None
    leakage_interval: Interval | None = None
    relative_leakage: float | None = None
    retention: float | None = None
    retention_interval: Interval | None = None
    utility: float | None = None
    nuisance_leakage: float | None = None
    disentanglement_score: float | None = None
    nuisance_factors: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the summary as plain JSON types."""
        values = dict(vars(self), nuisance_factors=list(self.nuisance_factors))
        for name in ("leakage_interval", "retention_interval"):
            values[name] = values[name] and values[name].to_json()
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LeakageSummary":
        """Builds a summary from what `to_dict` returns."""
        require_field_types(cls, values, "A summary")
        read = dict(values, nuisance_factors=tuple(values["nuisance_factors"]))
        for name in ("leakage_interval", "retention_interval"):
            read[name] = Interval.from_json(read[name]) if read[name] else None
        return cls(**read)


@dataclass(frozen=True)
class LeakageMatrix:
    """From which representation which factor can be read.

    Args:
        model: name of the model that was judged.
        probes: one per representation and factor, floors included.
        factors: what was looked for.
        summary: what it comes to.
        notes: what a reader must know, and what could not be measured.
        dataset: facts about the images, see `dataset_facts`.
        splits: the split that probes learned from, and the one they were judged on.
        num_train, num_test: images in them; a factor that is not known for all has fewer.
    """

    model: str
    probes: tuple[RepresentationProbe, ...]
    factors: tuple[MatrixFactor, ...]
    summary: LeakageSummary
    notes: tuple[str, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    splits: tuple[str, str] = ("train", "test")
    num_train: int = 0
    num_test: int = 0

    @property
    def columns(self) -> list[MatrixColumn]:
        """The representations in their order, floors last."""
        found = {
            MatrixColumn(row.model, row.representation, row.floor, row.effective_rank, row.width): None
            for row in self.probes
        }
        return sorted(found, key=lambda column: column.floor)

    def probe(self, column: MatrixColumn, factor: str) -> RepresentationProbe:
        """Returns one cell.

        Raises:
            KeyError: if there is none.
        """
        # A run may be called as a floor is, "untrained".
        wanted = (column.model, column.representation, column.floor, factor)
        for row in self.probes:
            if (row.model, row.representation, row.floor, row.factor) == wanted:
                return row
        raise KeyError(f"There is no such cell. Received: column={column}, factor={factor!r}")

    def to_dict(self) -> dict[str, Any]:
        """Returns the matrix as plain JSON types."""
        return {
            "model": self.model,
            "summary": self.summary.to_dict(),
            "notes": list(self.notes),
            "dataset": dict(self.dataset),
            "splits": list(self.splits),
            "num_train": self.num_train,
            "num_test": self.num_test,
            "factors": [dict(vars(factor)) for factor in self.factors],
            "probes": [row.to_dict() for row in self.probes],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "LeakageMatrix":
        """Builds a matrix from what `to_dict` returns."""
        require_field_types(cls, values, "A leakage matrix")
        train, test = values["splits"]
        return cls(
            model=values["model"],
            probes=tuple(RepresentationProbe.from_dict(row) for row in values["probes"]),
            factors=tuple(map(_factor, values["factors"])),
            summary=LeakageSummary.from_dict(values["summary"]),
            notes=tuple(values["notes"]),
            dataset=values["dataset"],
            splits=(train, test),
            num_train=values["num_train"],
            num_test=values["num_test"],
        )


def _factor(values: Mapping[str, Any]) -> MatrixFactor:
    require_field_types(MatrixFactor, values, "A factor of the matrix")
    return MatrixFactor(**values)


def model_sources(
    model: Any, name: str, names: Sequence[str] | None = None, floors: bool = True
) -> list[RepresentationSource]:
    """Returns a `DisentanglingModel` as a source, and the two floors of it.

    Args:
        model: with a graph `representations`.
        name: of the model.
        names: representations to probe; None for all.
        floors: whether to add the same representations of an untrained model of the same architecture,
            and raw pixels.
    """
    chosen = None if names is None else tuple(names)
    sources = [RepresentationSource(name, keras_representation_function(model), chosen)]
    if floors:
        untrained = keras_representation_function(untrained_model(model))
        sources.append(RepresentationSource(UNTRAINED, untrained, chosen, floor=True))
        sources.append(RepresentationSource("raw", pixel_representation, (PIXELS,), floor=True))
    return sources


def measure_matrix(
    sources: Sequence[RepresentationSource],
    dataset: PreparedDataset,
    image_size: int,
    factors: FactorSet,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    max_rows: int = MAX_TRAIN_ROWS,
    progress: StageProgress | None = None,
) -> LeakageMatrix:
    """Probes every representation for every factor.

    Args:
        sources: the model first, then its floors, see `model_sources`.
        dataset: a prepared data set, on other people than the encoder saw where it has such.
        image_size: pixels that the functions expect.
        factors: what to look for, see `dataset_factors`.
        seeds: of the probes; those of the floors take the first.
        max_rows: the most images to learn from, and the most to be judged on.
        progress: called with `"Images"` and the number represented and to be represented, then with
            `"Probes"` and the number of pairs of representation and factor done and to do.

    Raises:
        FERError: if there is nothing to measure, or no representation of a name.
    """
    if not factors.factors:
        raise FERError(" ".join(["There is nothing to probe.", *factors.notes]))
    split = probe_split(dataset, known_rows(factors.factors, len(dataset)), max_rows)
    rows = np.union1d(split.train, split.test)
    represented = _represented(sources, dataset, rows, image_size, progress)
    reasons = [reason for factor in factors.factors if isinstance(reason := factor_rows(factor, split), str)]
    probes = probe_factors(
        represented,
        factors.factors,
        split,
        seeds=seeds,
        floor_seeds=seeds[:1],
        progress=None if progress is None else partial(progress, "Probes"),
    )
    measured = {row.factor for row in probes}
    rows_of_matrix = tuple(matrix_factor(factor) for factor in factors.factors if factor.name in measured)
    return LeakageMatrix(
        model=sources[0].model,
        probes=tuple(probes),
        factors=rows_of_matrix,
        summary=summarize(probes, rows_of_matrix),
        notes=(*factors.notes, *reasons, *split.notes, *doubts(probes)),
        dataset=dataset_facts(dataset),
        splits=split.names,
        num_train=len(split.train),
        num_test=len(split.test),
    )


def matrix_factor(factor: Factor) -> MatrixFactor:
    """Returns the row of the matrix for a factor."""
    return MatrixFactor(factor.name, factor.group, factor.headline, factor.within_people)


def summarize(probes: Sequence[RepresentationProbe], factors: Sequence[MatrixFactor]) -> LeakageSummary:
    """Sums up the probes of one model; floors among them are left out.

    Args:
        probes: rows of `measure_leakage` or `probe_factors`. For the non-expression representation of
            the summary stands the residual one where a model of several factors has that instead.
        factors: what was looked for; `nuisance_factors` are those of the headline that are no expression.
    """
    cells = {(row.representation, row.factor): row.result for row in probes if not row.floor}
    nuisance = tuple(factor.name for factor in factors if factor.headline and factor.group == "nuisance")

    def mean(representation: str) -> float | None:
        found = [cells[key].leakage for name in nuisance if (key := (representation, name)) in cells]
        return float(np.mean(found)) if found else None

    non_expression = non_expression_name({row.representation for row in probes if not row.floor})
    leaked = cells.get((non_expression, EXPRESSION))
    retained = cells.get((EXPRESSION_REPRESENTATION, EXPRESSION))
    known = cells.get((FACE_FEATURES, EXPRESSION))
    utility, nuisance_leakage = mean(non_expression), mean(EXPRESSION_REPRESENTATION)
    score = None
    if leaked and retained and utility is not None and nuisance_leakage is not None:
        gains = retained.leakage - leaked.leakage, utility - nuisance_leakage
        score = sum(max(0.0, gain) for gain in gains) / 2
    return LeakageSummary(
        leakage=leaked.leakage if leaked else None,
        leakage_interval=leaked.leakage_interval if leaked else None,
        relative_leakage=leaked.leakage / known.leakage
        if leaked and known and not is_chance(known)
        else None,
        retention=retained.leakage if retained else None,
        retention_interval=retained.leakage_interval if retained else None,
        utility=utility,
        nuisance_leakage=nuisance_leakage,
        disentanglement_score=score,
        nuisance_factors=nuisance,
    )


def _represented(
    sources: Sequence[RepresentationSource],
    dataset: PreparedDataset,
    rows: np.ndarray,
    image_size: int,
    progress: StageProgress | None,
) -> list[Represented]:
    """Computes the representations of every source, with one progress over all."""
    found = []
    for number, source in enumerate(sources):
        advance = None if progress is None else _part_of(progress, number, len(sources))
        arrays = representations(source.function, dataset, rows, image_size, progress=advance)
        if unknown := [name for name in source.names or () if name not in arrays]:
            raise FERError(
                f"The model {source.model!r} has no representation {', '.join(unknown)}. "
                f"There are: {', '.join(arrays)}."
            )
        chosen = {name: arrays[name] for name in (arrays if source.names is None else source.names)}
        found.append(Represented(source.model, chosen, rows, source.floor))
    return found


def _part_of(progress: StageProgress, number: int, parts: int) -> Progress:
    def advance(done: int, total: int) -> None:
        progress("Images", number * total + done, parts * total)

    return advance
