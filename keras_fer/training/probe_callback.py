"""Fresh probes while a model trains: leakage and effective rank in the logs, every few epochs."""

import math

import keras
import numpy as np

from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.random_part import random_part
from keras_fer.errors import FERError
from keras_fer.evaluation.effective_rank import effective_rank
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.leakage import keras_representation_function
from keras_fer.evaluation.probe_classification import usable_classes
from keras_fer.evaluation.probes import probe_representations
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION

DEFAULT_ROWS = 2000
_BATCH = 256

Labelled = tuple[np.ndarray, np.ndarray]


class ProbeCallback(keras.callbacks.Callback):
    """Trains fresh probes for the expression after every few epochs, and writes what they find to the logs.

    `val_leakage` is what the stronger of a linear and an MLP probe reads of the expression from the
    non-expression representation, `val_retention` the same from the expression representation, from chance
    (0) to perfect (1). `val_effective_rank` and `val_expression_effective_rank` say how many directions
    the two use on the held-out images; the former is left alone where validation has logged it. All are NaN
    where a representation is not finite.

    The cost is bounded by `max_rows`: twice as many images are represented, and four probes learn from
    that many rows, a few seconds at the default. **Small probes flatter**: with more images to learn from
    they find more, so compare these numbers with one another, and report those of `keras-fer probe`.

    Nothing of the model is changed. Callbacks after this one see its numbers (`CSVLogger`, `TensorBoard`,
    `EarlyStopping`), in the epochs that have them. With averaged weights, pass it after
    `keras.callbacks.SwapEMAWeights(swap_on_epoch=True)`: then it sees the averages, as validation does.

    Args:
        train: images `(n, size, size, channels)` in [0, 255] and int labels `(n,)` that probes learn from;
            −1 stands for none.
        held_out: the same for images that neither the encoder nor the probes learn from, of other people
            where people are known.
        every: epochs from one measurement to the next; the first is after this many.
        max_rows: the most images of each of the two; a random part stands for more.
        seed: of the probes and of the choice of images.

    Raises:
        ValueError: if images and labels do not match, or there are no two classes to tell apart.

    Example:
        model.fit(dataset, epochs=20, callbacks=[ProbeCallback((images, labels), (others, their_labels), 5)])
    """

    def __init__(
        self,
        train: Labelled,
        held_out: Labelled,
        every: int = 1,
        max_rows: int = DEFAULT_ROWS,
        seed: int = 0,
    ):
        super().__init__()
        if every < 1 or max_rows < 2:
            raise ValueError(
                "`every` must be at least 1 and `max_rows` at least 2. "
                f"Received: every={every}, max_rows={max_rows}"
            )
        self.every = every
        self.seed = seed
        self._train, self._held_out = (_part(*part, max_rows, seed) for part in (train, held_out))
        if len(usable_classes(self._train[1], self._held_out[1])) < 2:
            raise ValueError(
                "A probe needs two classes with images to learn from and to be judged on. Received: "
                f"classes {np.unique(self._train[1])} and {np.unique(self._held_out[1])}"
            )

    def on_train_begin(self, logs=None):
        """Refuses models without the two representations, and builds the graph to them once."""
        graph = getattr(self.model, "representations", None)
        names = set(graph.output) if graph is not None and isinstance(graph.output, dict) else set()
        if missing := {EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION} - names:
            raise ValueError(
                "Probes need a model with an expression and a non-expression representation. "
                f"Received: {type(self.model).__name__} without {sorted(missing)}"
            )
        self._function = keras_representation_function(self.model)

    def on_epoch_end(self, epoch, logs=None):
        """Measures, and adds the numbers to the logs that later callbacks see."""
        if (epoch + 1) % self.every or logs is None:
            return
        for name, value in self.measure().items():
            logs.setdefault(f"val_{name}", value)

    def measure(self) -> dict[str, float]:
        """Probes the model as it is; returns the numbers without the prefix `val_`."""
        train, held_out = self._represented(self._train[0]), self._represented(self._held_out[0])
        found = {}
        for name, score, rank in (
            (NON_EXPRESSION_REPRESENTATION, "leakage", "effective_rank"),
            (EXPRESSION_REPRESENTATION, "retention", "expression_effective_rank"),
        ):
            found[score] = found[rank] = math.nan
            if np.isfinite(train[name]).all() and np.isfinite(held_out[name]).all():
                found[rank] = effective_rank(held_out[name])
                found[score] = probe_representations(
                    train[name],
                    self._train[1],
                    held_out[name],
                    self._held_out[1],
                    seeds=(self.seed,),
                    control=False,
                ).leakage
        return found

    def _represented(self, images: np.ndarray) -> dict[str, np.ndarray]:
        batches = [self._function(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
        return {
            name: np.concatenate([np.asarray(batch[name], np.float32) for batch in batches])
            for name in (EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION)
        }


def dataset_probe_callback(
    dataset: PreparedDataset,
    image_size: int,
    held_out_split: str = "validation",
    every: int = 1,
    max_rows: int = DEFAULT_ROWS,
    seed: int = 0,
) -> ProbeCallback:
    """Returns a `ProbeCallback` that learns from the training split of a prepared data set.

    Args:
        dataset: a prepared data set.
        image_size: pixels that the model sees.
        held_out_split: what probes are judged on.
        every, max_rows, seed: see `ProbeCallback`.

    Raises:
        FERError: if the two splits have no two classes with labels in common.
    """
    parts = []
    for split in ("train", held_out_split):
        rows = dataset.indices(split)
        rows = random_part(rows[dataset.labels[rows] >= 0], max_rows, seed)
        views = list(view_batches(dataset, rows, image_size, _BATCH))
        parts.append((np.concatenate(views) if views else np.empty((0, image_size, image_size, 3)), rows))
    train, held_out = ((images, dataset.labels[rows]) for images, rows in parts)
    try:
        return ProbeCallback(train, held_out, every, max_rows, seed)
    except ValueError as error:
        raise FERError(
            f"The splits train and {held_out_split} of {str(dataset.path)!r} have no two expressions in "
            "common that a probe could tell apart; train without --probe-every."
        ) from error


def _part(images: np.ndarray, labels: np.ndarray, max_rows: int, seed: int) -> Labelled:
    images, labels = np.asarray(images), np.asarray(labels)
    if images.ndim != 4 or labels.shape != images.shape[:1]:
        raise ValueError(
            "Images must have shape (n, size, size, channels) and labels (n,). "
            f"Received: {images.shape}, {labels.shape}"
        )
    rows = random_part(np.flatnonzero(labels >= 0), max_rows, seed)
    return images[rows], labels[rows]
