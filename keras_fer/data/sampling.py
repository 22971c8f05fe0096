"""Which rows make up the batch of a step: a pure function of seed and step.

Since nothing but (seed, step) decides, training resumes at any step with the order it would have had,
the shuffle is over the whole data set, and balancing costs nothing per image.
"""

import threading

import numpy as np

from keras_fer.data.block_shuffle import block_permutation, window_rows
from keras_fer.errors import FERError

MODES = ("natural", "balanced", "tempered", "pairs")


def balancing_weights(counts: np.ndarray) -> tuple[float, ...]:
    """Returns a factor per class, n / (classes with images · count): all classes weigh the same.

    Their mean over the images is 1.

    Args:
        counts: int `(classes,)`, images per class; a class without any gets 0.
    """
    counts = np.asarray(counts)
    present = counts > 0
    weights = counts.sum() / (max(1, present.sum()) * np.maximum(counts, 1))
    return tuple(float(weight) for weight in np.where(present, weights, 0.0))


class IndexSampler:
    """Draws the rows of each training batch.

    An epoch is `steps_per_epoch` batches with a fresh order of its own. Modes:

    - `natural`: each row at most once per epoch; fewer than `batch_size` rows, others in each epoch,
      are left over.
    - `balanced`: every class that has rows gets the same share.
    - `tempered`: p(class) ∝ count ** `temperature`; 1 is natural, 0 is balanced.
    - `pairs`: rows 2i and 2i+1 of a batch have the same pair id, in random order; each row at most
      once per epoch. Rows without a partner among `indices` are left out.

    The shares of `balanced` and `tempered` hold exactly, up to one row per class and epoch, and within a
    class every row is drawn equally often, up to once. A set too small for one batch is repeated in it.
    Rows with label −1 are left out in every mode, and counted in `num_left_out`.

    Mode `natural` can shuffle blocks of neighbouring rows instead, and rows within a window of blocks, see
    `keras_fer.data.block_shuffle`: then what is read from the disk lies together, and less of it has to be
    kept in memory. Rows of one class that lie together then come near each other.

    Args:
        labels: int array `(n,)`, the class of each of `indices`, −1 for none.
        indices: int array `(n,)`, the rows of the data set to draw from, usually one split.
        batch_size: rows per batch; even in mode `pairs`.
        mode: one of `MODES`.
        temperature: exponent in [0, 1] of mode `tempered`; ignored by the others.
        seed: not negative.
        pairs: int array `(n,)`, pair ids, −1 for none; needed by mode `pairs`.
        num_classes: length of `prior`; by default the largest label plus one.
        block_rows: rows of a block in mode `natural`; 0 shuffles over the whole set.

    Attributes:
        steps_per_epoch: batches per epoch, at least 1.
        prior: float64 `(num_classes,)`, the share of each class in what is delivered; sums to 1.
        num_left_out: rows of `indices` that are never drawn.

    Raises:
        FERError: if no row can be drawn, or an argument is out of its range.
    """

    def __init__(
        self,
        labels: np.ndarray,
        indices: np.ndarray,
        batch_size: int,
        mode: str = "natural",
        temperature: float = 0.5,
        seed: int = 0,
        pairs: np.ndarray | None = None,
        num_classes: int | None = None,
        block_rows: int = 0,
    ):
        labels = np.asarray(labels, np.int64)
        indices = np.asarray(indices, np.int64)
        _require_options(mode, batch_size, temperature, seed, block_rows)
        if labels.ndim != 1 or labels.shape != indices.shape:
            raise FERError(
                "`labels` must hold one label for each of `indices`. "
                f"Received: shapes {labels.shape} and {indices.shape}."
            )
        self.batch_size = int(batch_size)
        self.mode = mode
        self.temperature = float(temperature)
        self.seed = int(seed)
        self.block_rows = int(block_rows)
        usable = labels >= 0
        self._pairs: np.ndarray | None = None
        if mode == "pairs":
            pairs = _require_pairs(pairs, indices)
            usable &= _partnered(pairs, usable)
            self._pairs = pairs[usable]
        self._rows = indices[usable]
        self._labels = labels[usable]
        if block_rows:
            on_disk = np.argsort(self._rows, kind="stable")
            self._rows, self._labels = self._rows[on_disk], self._labels[on_disk]
        self.num_left_out = int(len(indices) - len(self._rows))
        if not len(self._rows):
            wanted = "labelled exact pair" if mode == "pairs" else "labelled row"
            raise FERError(f"There is no {wanted} among the {len(indices)} rows to draw batches from.")
        num_classes = int(self._labels.max()) + 1 if num_classes is None else int(num_classes)
        if self._labels.max() >= num_classes:
            raise FERError(f"Label {self._labels.max()} is outside the {num_classes} classes.")
        self.prior = self._class_shares(num_classes)
        self.steps_per_epoch = max(1, self._rows_per_epoch() // self.batch_size)
        self._orders: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()

    def batch(self, step: int) -> np.ndarray:
        """Returns the rows of one batch, int64 `(batch_size,)`.

        Args:
            step: number of the batch since the start of training, from 0.
        """
        if step < 0:
            raise ValueError(f"`step` must not be negative. Received: step={step}")
        epoch, position = divmod(int(step), self.steps_per_epoch)
        start = position * self.batch_size
        return self._rows[self._order(epoch)[start : start + self.batch_size]]

    def upcoming(self, step: int, first: bool = False) -> np.ndarray:
        """Returns rows that steps after this one will draw, to be read from the disk meanwhile.

        In each epoch every row comes once, at least a batch before it is drawn, and where windows of blocks
        are larger than batches about a window before.

        Args:
            step: number of the batch since the start of training, from 0.
            first: whether no step was asked for before; the rows of this one and all that should have been
                asked for come too.

        Returns:
            int64 `(n,)`, ascending; empty in most steps, and without blocks.
        """
        if not self.block_rows:
            return np.empty(0, np.int64)
        epoch, position = divmod(int(step), self.steps_per_epoch)
        num_windows = -(-self.steps_per_epoch * self.batch_size // window_rows(self.block_rows))
        if first:
            begin = position * self.batch_size // window_rows(self.block_rows)
        elif position:
            begin = self._windows_until(position - 1)
        else:
            begin = self._windows_until(self.steps_per_epoch - 1) - num_windows
        rows = [
            self._window(epoch + window // num_windows, window % num_windows)
            for window in range(begin, self._windows_until(position))
        ]
        return np.unique(np.concatenate([np.empty(0, np.int64), *rows]))

    def _windows_until(self, position: int) -> int:
        """Returns how many windows, counted on into the next epoch, are asked for with a step of an epoch."""
        size = window_rows(self.block_rows)
        return -(-(position + 2) * self.batch_size // size) + 1

    def _window(self, epoch: int, window: int) -> np.ndarray:
        """Returns the rows of one window of blocks, none beyond the end of the epoch."""
        size = window_rows(self.block_rows)
        length = self.steps_per_epoch * self.batch_size
        return self._rows[self._order(epoch)[window * size : min(length, (window + 1) * size)]]

    def _order(self, epoch: int) -> np.ndarray:
        """Returns positions in `_rows` for a whole epoch; the last two epochs are kept.

        Two, since a parallel pipeline asks for the next epoch before it is done with this one.
        """
        with self._lock:
            if epoch not in self._orders:
                while len(self._orders) >= 2:
                    del self._orders[next(iter(self._orders))]
                self._orders[epoch] = self._draw_order(epoch)
            return self._orders[epoch]

    def _draw_order(self, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence((self.seed, epoch))))
        length = self.steps_per_epoch * self.batch_size
        if self.block_rows:
            rounds = -(-length // len(self._rows))
            drawn = [block_permutation(len(self._rows), self.block_rows, generator) for _ in range(rounds)]
            return np.concatenate(drawn)[:length]
        if self.mode == "natural":
            return _repeated_permutation(np.arange(len(self._rows)), length, generator)
        if self._pairs is not None:
            couples = _couples(self._pairs, generator)
            return couples[_repeated_permutation(np.arange(len(couples)), length // 2, generator)].reshape(-1)
        # Systematic rounding: the counts sum to `length` and their expectation is exactly the prior's.
        present = np.flatnonzero(self.prior)
        edges = np.floor(np.cumsum(self.prior[present]) * length + generator.random())
        edges[-1] = length
        counts = np.diff(np.minimum(edges, length), prepend=0).astype(np.int64)
        drawn = [
            _repeated_permutation(np.flatnonzero(self._labels == label), count, generator)
            for label, count in zip(present, counts, strict=True)
            if count
        ]
        return generator.permutation(np.concatenate(drawn))

    def _rows_per_epoch(self) -> int:
        if self._pairs is None:
            return len(self._rows)
        sizes = np.unique(self._pairs, return_counts=True)[1]
        return int(2 * (sizes // 2).sum())

    def _class_shares(self, num_classes: int) -> np.ndarray:
        if self._pairs is not None:
            # A group of odd size leaves one of its rows out of every epoch.
            _, group, sizes = np.unique(self._pairs, return_inverse=True, return_counts=True)
            weights = (sizes // 2 * 2 / sizes)[group]
            shares = np.bincount(self._labels, weights=weights, minlength=num_classes)
        else:
            counts = np.bincount(self._labels, minlength=num_classes).astype(np.float64)
            exponent = {"natural": 1.0, "balanced": 0.0, "tempered": self.temperature}[self.mode]
            # A class without rows stays at 0, also where 0 ** 0 would be 1.
            shares = np.where(counts > 0, counts**exponent, 0.0)
        return shares / shares.sum()


def _require_options(mode: str, batch_size: int, temperature: float, seed: int, block_rows: int) -> None:
    if mode not in MODES:
        raise FERError(f"There is no sampling mode {mode!r}. There are: {', '.join(MODES)}.")
    if batch_size < 1:
        raise FERError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}.")
    if mode == "pairs" and batch_size % 2:
        raise FERError(f"`batch_size` must be even to hold whole pairs. Received: batch_size={batch_size}.")
    if not 0 <= temperature <= 1:
        raise FERError(
            "`temperature` must lie between 0 (balanced classes) and 1 (natural shares). "
            f"Received: temperature={temperature}."
        )
    if seed < 0:
        raise FERError(f"`seed` must not be negative. Received: seed={seed}.")
    if block_rows < 0:
        raise FERError(f"`block_rows` must not be negative. Received: block_rows={block_rows}.")
    if block_rows and mode != "natural":
        raise FERError(
            f"`block_rows` takes rows as they lie on the disk, which sampling mode {mode!r} cannot do: set "
            "it to 0 or sample in mode 'natural'."
        )


def _require_pairs(pairs: np.ndarray | None, indices: np.ndarray) -> np.ndarray:
    if pairs is None:
        raise FERError("Sampling mode 'pairs' needs `pairs`, the pair id of each of `indices`.")
    pairs = np.asarray(pairs, np.int64)
    if pairs.shape != indices.shape:
        raise FERError(
            "`pairs` must hold one id for each of `indices`. "
            f"Received: shapes {pairs.shape} and {indices.shape}."
        )
    return pairs


def _partnered(pairs: np.ndarray, usable: np.ndarray) -> np.ndarray:
    """Returns which rows share their pair id with another usable row."""
    ids, counts = np.unique(pairs[usable & (pairs >= 0)], return_counts=True)
    return np.isin(pairs, ids[counts >= 2])


def _repeated_permutation(items: np.ndarray, length: int, generator: np.random.Generator) -> np.ndarray:
    """Returns `length` of `items` in random order; each as often as any other, up to once."""
    rounds = -(-length // len(items))
    return np.concatenate([generator.permutation(items) for _ in range(rounds)])[:length]


def _couples(pairs: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns positions `(num_couples, 2)` with equal pair id; a larger group is coupled anew each time."""
    shuffled = generator.permutation(len(pairs))
    shuffled = shuffled[np.argsort(pairs[shuffled], kind="stable")]
    _, starts, sizes = np.unique(pairs[shuffled], return_index=True, return_counts=True)
    rank = np.arange(len(shuffled)) - np.repeat(starts, sizes)
    return shuffled[rank < np.repeat(sizes // 2 * 2, sizes)].reshape(-1, 2)
