"""What the representations of a model still know about the labels of a data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.effective_rank import effective_rank
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.probes import ProbeResult, probe_representations

# Probes fitted on fewer rows find less, which flatters a representation.
MAX_TRAIN_ROWS = 30_000

RepresentationFunction = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class RepresentationProbe:
    """Probes of one representation of one model.

    Args:
        model: name of the model, such as its preset.
        representation: such as `"non_expression_representation"`.
        result: what the probes found.
        effective_rank: on the unseen images; low leakage at a low rank is collapse, not success.
        width: number of dimensions.
        floor: whether this row only shows how much an untrained or trivial representation tells.
    """

    model: str
    representation: str
    result: ProbeResult
    effective_rank: float
    width: int
    floor: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as plain JSON types."""
        return {**vars(self), "result": self.result.to_dict()}


def representations(
    function: RepresentationFunction,
    dataset: PreparedDataset,
    indices: np.ndarray,
    image_size: int,
    batch_size: int = 128,
) -> dict[str, np.ndarray]:
    """Computes named representations of rows of a data set.

    Args:
        function: from images, uint8 `(n, image_size, image_size, 3)`, to arrays `(n, width)` by name.
        dataset: a prepared data set.
        indices: its rows, at least one.
        image_size: pixels that the function expects.
        batch_size: images per call.

    Returns:
        Arrays `(len(indices), width)` by name.
    """
    batches = [function(views) for views in view_batches(dataset, indices, image_size, batch_size)]
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
    train_split: str = "train",
    test_split: str = "test",
    seeds: Sequence[int] = (0, 1, 2),
    max_train_rows: int = MAX_TRAIN_ROWS,
    floor: bool = False,
) -> list[RepresentationProbe]:
    """Probes every representation of a model for the labels of a data set.

    Args:
        function: the frozen model, see `representations`; a probe knows nothing else of it.
        dataset: a prepared data set whose test split the encoder never saw.
        image_size: pixels that the function expects.
        model: name for the rows.
        names: representations to probe; None probes all.
        train_split: split that the probes learn from.
        test_split: split that they are judged on.
        seeds: of the probes.
        max_train_rows: a random part of this size stands for a larger training split.
        floor: see `RepresentationProbe`.

    Raises:
        FERError: if one of the splits has no labelled image.
        ValueError: as `probe_representations` does.
    """
    rng = np.random.default_rng(0)
    train, test = (_labelled(dataset, split) for split in (train_split, test_split))
    if len(train) > max_train_rows:
        train = np.sort(rng.choice(train, max_train_rows, replace=False))
    train_sets = representations(function, dataset, train, image_size)
    test_sets = representations(function, dataset, test, image_size)
    return [
        RepresentationProbe(
            model=model,
            representation=name,
            result=probe_representations(
                train_sets[name], dataset.labels[train], test_sets[name], dataset.labels[test], seeds
            ),
            effective_rank=effective_rank(test_sets[name]),
            width=test_sets[name].shape[1],
            floor=floor,
        )
        for name in (train_sets if names is None else names)
    ]


def _labelled(dataset: PreparedDataset, split: str) -> np.ndarray:
    rows = dataset.indices(split)
    rows = rows[dataset.labels[rows] >= 0]
    if len(rows) == 0:
        raise FERError(f"The {split} split of {str(dataset.path)!r} has no image with a label to probe.")
    return rows
