"""What the representations of a model still know about the factors of a data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.effective_rank import effective_rank
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.factors import EXPRESSION, Factor, dataset_factors
from keras_fer.evaluation.probe_protocol import FactorRows, ProbeSplit, factor_rows, known_rows, named_split
from keras_fer.evaluation.probes import ProbeResult, probe_continuous, probe_representations
from keras_fer.field_types import require_field_types

# Probes fitted on fewer rows find less, which flatters a representation.
MAX_TRAIN_ROWS = 30_000

RepresentationFunction = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RepresentationProbe:
    """Probes of one representation of one model for one factor.

    Args:
        model: name of the model, such as its preset.
        representation: such as `"non_expression_representation"`.
        result: what the probes found.
        effective_rank: on the unseen images; low leakage at a low rank is collapse, not success.
        width: number of dimensions.
        floor: whether this row only shows how much an untrained or trivial representation tells.
        factor: what was looked for.
    """

    model: str
    representation: str
    result: ProbeResult
    effective_rank: float
    width: int
    floor: bool = False
    factor: str = EXPRESSION

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON types."""
        return {**vars(self), "result": self.result.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RepresentationProbe":
        """Builds a row from what `to_dict` returns."""
        require_field_types(cls, values, "A probed representation")
        return cls(**{**values, "result": ProbeResult.from_dict(values["result"])})


@dataclass(frozen=True, eq=False)
class Represented:
    """The representations of one model, computed once and probed for every factor.

    Args:
        model: name of the model.
        arrays: `(len(rows), width)` by name of the representation.
        rows: int64, ascending, rows of the data set.
        floor: see `RepresentationProbe`.
    """

    model: str
    arrays: Mapping[str, np.ndarray]
    rows: np.ndarray
    floor: bool = False

    def at(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Returns one representation of some of the rows, `(len(rows), width)`."""
        return self.arrays[name][np.searchsorted(self.rows, rows)]


def representations(
    function: RepresentationFunction,
    dataset: PreparedDataset,
    indices: np.ndarray,
    image_size: int,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Computes named representations of rows of a data set.

    Args:
        function: from images, uint8 `(n, image_size, image_size, 3)`, to arrays `(n, width)` by name.
        dataset: a prepared data set.
        indices: its rows, at least one.
        image_size: pixels that the function expects.
        batch_size: images per call.
        progress: called with the number of images done and to do.

    Returns:
        Arrays `(len(indices), width)` by name.
    """
    batches, done = [], 0
    for views in view_batches(dataset, indices, image_size, batch_size):
        batches.append(function(views))
        done += len(views)
        if progress is not None:
            progress(done, len(indices))
    return {name: np.concatenate([np.asarray(batch[name]) for batch in batches]) for name in batches[0]}


def keras_representation_function(model: Any) -> RepresentationFunction:
    """Returns the function of a `DisentanglingModel`: its graph `representations`, in inference mode."""
    graph = model.representations

    def function(images: np.ndarray) -> Mapping[str, np.ndarray]:
        return graph.predict_on_batch(np.asarray(images, np.float32))

    return function


def measure_leakage(
    function: RepresentationFunction,
    dataset: PreparedDataset,
    image_size: int,
    *,
    model: str,
    names: Sequence[str] | None = None,
    test_split: str = "test",
    seeds: Sequence[int] = (0, 1, 2),
    max_train_rows: int = MAX_TRAIN_ROWS,
    floor: bool = False,
    factors: Sequence[Factor] | None = None,
    control: bool = True,
) -> list[RepresentationProbe]:
    """Probes every representation of a model for factors of a data set, the expression by default.

    Args:
        function: the frozen model, see `representations`; a probe knows nothing else of it.
        dataset: a prepared data set whose test split the encoder never saw.
        image_size: pixels that the function expects.
        model: name for the rows.
        names: representations to probe; None probes all.
        test_split: split that the probes are judged on; they learn from the train split.
        seeds: of the probes.
        max_train_rows: a random part of this size stands for a larger training split.
        floor: see `RepresentationProbe`.
        factors: what to look for, see `dataset_factors`; None for the expression.
        control: whether to run the probes on permuted labels too, which takes as long again.

    Returns:
        A row per representation and factor; a factor that cannot be measured on these splits has none.

    Raises:
        FERError: if one of the splits has no image of which a factor is known, or no factor can be
            measured.
        ValueError: as `probe_representations` does, and if there is no representation of that name.
    """
    if factors is None:
        found = dataset_factors(dataset, "expression")
        factors = found.factors
        if not factors:
            raise FERError(" ".join(found.notes))
    known = known_rows(factors, len(dataset))
    split = named_split(dataset, known, "train", test_split, max_train_rows)
    rows = np.union1d(split.train, split.test)
    arrays = representations(function, dataset, rows, image_size)
    if unknown := [name for name in names or () if name not in arrays]:
        raise ValueError(f"There are the representations {list(arrays)}. Received: names={unknown}")
    chosen = {name: arrays[name] for name in (arrays if names is None else names)}
    represented = Represented(model, chosen, rows, floor)
    return probe_factors([represented], factors, split, seeds=seeds, control=control)


def probe_factors(
    sources: Sequence[Represented],
    factors: Sequence[Factor],
    split: ProbeSplit,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    floor_seeds: Sequence[int] | None = None,
    control: bool = True,
    progress: Progress | None = None,
) -> list[RepresentationProbe]:
    """Probes every representation of some models for every factor.

    Args:
        sources: models with their representations of at least the rows of `split`.
        factors: what to look for; one that cannot be measured is passed over (`factor_rows` says why).
        split: what to learn from and what to judge on.
        seeds: of the probes.
        floor_seeds: of the probes of floors; None for the same.
        control: whether to run the probes on permuted labels too.
        progress: called with the number of probed pairs of representation and factor, and of all.

    Returns:
        Rows, source by source, representation by representation, in the order of the factors.

    Raises:
        FERError: if no factor can be measured.
    """
    rows_of = {factor.name: factor_rows(factor, split) for factor in factors}
    measured = [(factor, rows) for factor in factors if isinstance(rows := rows_of[factor.name], FactorRows)]
    if not measured:
        raise FERError(" ".join(str(reason) for reason in rows_of.values()) or "There is no factor to probe.")
    total = len(measured) * sum(len(source.arrays) for source in sources)
    probes: list[RepresentationProbe] = []
    for source in sources:
        chosen = seeds if floor_seeds is None or not source.floor else floor_seeds
        for name, values in source.arrays.items():
            rank = effective_rank(source.at(name, split.test))
            for factor, rows in measured:
                result = _probed(source, name, factor, rows, chosen, control)
                probes.append(
                    RepresentationProbe(
                        source.model, name, result, rank, values.shape[1], source.floor, factor.name
                    )
                )
                if progress is not None:
                    progress(len(probes), total)
    return probes


def _probed(
    source: Represented,
    name: str,
    factor: Factor,
    rows: FactorRows,
    seeds: Sequence[int],
    control: bool,
) -> ProbeResult:
    train, test = source.at(name, rows.train), source.at(name, rows.test)
    known = factor.values[rows.train], factor.values[rows.test]
    clusters = {"train_clusters": rows.train_clusters, "test_clusters": rows.test_clusters}
    if factor.kind == "categorical":
        return probe_representations(train, known[0], test, known[1], seeds, control=control, **clusters)
    return probe_continuous(
        train,
        known[0],
        test,
        known[1],
        seeds,
        control=control,
        dimension_names=factor.dimension_names,
        **clusters,
    )
