"""Several prepared data sets in one batch, in the labels and the geometry of the first.

Each part gives a fixed number of rows to every batch. What a part does not know is marked as unknown, so that
each term of an objective acts on the rows that have what it reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError
from keras_fer.labels import label_ids


@dataclass(frozen=True, eq=False)
class MixturePart:
    """What one data set gives to each batch.

    Args:
        dataset: a prepared data set.
        sampler: draws its rows; an even number per batch, so that pairs and views stay at 2i and 2i + 1.
        expression_weight: factor of its rows in the expression term, 0 or more; 0 leaves them to the
            other terms.
        targets: further columns of the whole data set by name, `(n, ...)`, of the same names, types and
            row shapes in every part.
    """

    dataset: PreparedDataset
    sampler: IndexSampler | TwoViews
    expression_weight: float = 1.0
    targets: Mapping[str, np.ndarray] = field(default_factory=dict)


class Mixture:
    """The batches of several parts: a pure function of the step, as the batches of each part are.

    The rows of the first part come first in every batch, then those of the second, and so on. Labels are
    those of the first part: the others are mapped by name, aliases included. A row whose label is
    unknown there has none.

    Args:
        parts: the first one gives label names, geometry and the length of an epoch.
        soft_labels: whether to deliver label distributions where any part has them.

    Attributes:
        label_names: of the first part.
        batch_size: rows of all parts together.
        steps_per_epoch: of the first part.
        prior: float64 `(num_classes,)`, the share of each class among the rows with a label; sums to 1.

    Raises:
        FERError: if a part gives an odd number of rows, shares no label with the first, or has a
            weight below 0.
    """

    def __init__(self, parts: Sequence[MixturePart], soft_labels: bool = True):
        if not parts:
            raise ValueError("A mixture needs a part. Received: parts=[]")
        self.parts = tuple(parts)
        self.label_names = self.parts[0].dataset.label_names
        self.batch_size = sum(part.sampler.batch_size for part in self.parts)
        self.steps_per_epoch = self.parts[0].sampler.steps_per_epoch
        for part in self.parts:
            _require_usable(part)
        maps = [_label_map(part.dataset, self.parts[0].dataset) for part in self.parts]
        self.prior = self._class_shares(maps)
        self._columns = self._target_columns(maps, soft_labels)

    @property
    def target_specs(self) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
        """Shape of one row and type of each target, in their order."""
        return {name: (column.shape[1:], column.dtype) for name, column in self._columns[0].items()}

    def rows(self, step: int) -> list[np.ndarray]:
        """Returns the rows that each part gives to a batch, int64 arrays in the order of the parts."""
        return [part.sampler.batch(step) for part in self.parts]

    def targets(self, rows: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the targets of a batch, by name, each with `batch_size` rows.

        Args:
            rows: what `rows` returned.

        Returns:
            `expression`, int32 `(B,)`, −1 for none, or, soft, float32 `(B, num_classes)`, zeros for none;
            `part`, int32 `(B,)`, the number of the part. Where any part has it: `valence_arousal`,
            float32 `(B, 2)`, NaN for none; `pair` and `view`, int32 `(B,)`, no id in two parts, −1 for
            none; `expression_weight`, float32 `(B,)`. And the further columns of the parts.
        """
        return {
            name: np.concatenate(
                [columns[name][own] for columns, own in zip(self._columns, rows, strict=True)]
            )
            for name in self._columns[0]
        }

    def _class_shares(self, maps: Sequence[np.ndarray]) -> np.ndarray:
        shares = np.zeros(len(self.label_names))
        for part, ids in zip(self.parts, maps, strict=True):
            # A sampler that was not told the number of classes ends at the largest label.
            labels = np.flatnonzero(ids[: len(part.sampler.prior)] >= 0)
            np.add.at(shares, ids[labels], part.sampler.batch_size * part.sampler.prior[labels])
        return shares / shares.sum()

    def _target_columns(self, maps: Sequence[np.ndarray], soft_labels: bool) -> list[dict[str, np.ndarray]]:
        """Returns whole columns of each part, one row per image of its data set, by name of the target."""
        parts = self.parts
        soft = soft_labels and any(part.dataset.soft_labels is not None for part in parts)
        rated = any(part.dataset.valence_arousal is not None for part in parts)
        weighted = any(part.expression_weight != 1 for part in parts)
        modes = {part.sampler.mode for part in parts}
        tables, first_pair, first_view = [], 0, 0
        for number, (part, ids) in enumerate(zip(parts, maps, strict=True)):
            dataset, mode = part.dataset, part.sampler.mode
            size = len(dataset)
            columns = {"expression": _mapped_labels(dataset, ids)}
            if soft:
                columns["expression"] = _distributions(
                    dataset, ids, columns["expression"], len(self.label_names)
                )
            columns["part"] = np.full(size, number, np.int32)
            if rated:
                unknown = np.full((size, 2), np.nan, np.float32)
                known = dataset.valence_arousal
                columns["valence_arousal"] = unknown if known is None else np.asarray(known, np.float32)
            if "pairs" in modes:
                pairs = dataset.pairs if mode == "pairs" else np.full(size, -1, np.int64)
                columns["pair"] = _numbered(pairs, first_pair)
                first_pair = max(first_pair, int(columns["pair"].max()) + 1)
            if "views" in modes:
                views = np.arange(size) if mode == "views" else np.full(size, -1, np.int64)
                columns["view"] = _numbered(views, first_view)
                first_view = max(first_view, int(columns["view"].max()) + 1)
            if weighted:
                columns["expression_weight"] = np.full(size, part.expression_weight, np.float32)
            tables.append({**columns, **part.targets})
        _require_alike(tables)
        return tables


def _require_alike(tables: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Rows of all parts stand in one array, which has one type and one row shape."""
    looks = [{name: (column.shape[1:], column.dtype) for name, column in table.items()} for table in tables]
    if any(look != looks[0] for look in looks):
        raise ValueError(f"The targets of all parts must be alike. Received: {looks}")


def _require_usable(part: MixturePart) -> None:
    if part.sampler.batch_size % 2:
        raise FERError(
            "Each part of a mixture gives an even number of rows to a batch, so that pairs stay together. "
            f"Received: {part.sampler.batch_size} rows of {part.dataset.path.name!r}."
        )
    if not 0 <= part.expression_weight < float("inf"):
        raise FERError(
            "`expression_weight` must be finite and not negative. "
            f"Received: expression_weight={part.expression_weight}."
        )


def _label_map(dataset: PreparedDataset, first: PreparedDataset) -> np.ndarray:
    """Returns for each label of a data set its id in the first one, −1 where it has none."""
    ids = np.array(label_ids(dataset.label_names, first.label_names))
    if not (ids >= 0).any():
        raise FERError(
            f"The data sets {first.path.name!r} and {dataset.path.name!r} have no label in common: "
            f"{', '.join(first.label_names)} and {', '.join(dataset.label_names)}."
        )
    return ids


def _mapped_labels(dataset: PreparedDataset, ids: np.ndarray) -> np.ndarray:
    """Returns labels in the ids of the first part, int32 `(n,)`."""
    return np.where(dataset.labels >= 0, ids[dataset.labels], -1).astype(np.int32)


def _distributions(
    dataset: PreparedDataset, ids: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Returns label distributions over the labels of the first part, float32 `(n, num_classes)`.

    What a distribution gives to labels that are unknown there is shared among the others; where the
    label itself, in `labels`, is unknown the whole row is.
    """
    one_hot = (labels[:, None] == np.arange(num_classes)).astype(np.float32)
    if dataset.soft_labels is None:
        return one_hot
    mapped = dataset.soft_labels @ (ids[:, None] == np.arange(num_classes)).astype(np.float32)
    total = mapped.sum(axis=1, keepdims=True)
    # A distribution that was whole before stays as it is, to the last bit.
    whole = np.abs(total - 1) < 1e-3
    mapped = np.where(total > 0, mapped / np.where(whole | (total == 0), 1, total), one_hot)
    return np.where(labels[:, None] >= 0, mapped, 0).astype(np.float32)


def _numbered(ids: np.ndarray, first: int) -> np.ndarray:
    """Returns the ids ≥ 0 renumbered without gaps from `first` on, int32; the others are −1."""
    numbers = np.full(len(ids), -1, np.int32)
    numbers[ids >= 0] = first + np.unique(ids[ids >= 0], return_inverse=True)[1]
    return numbers
