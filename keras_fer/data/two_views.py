"""Batches that hold each image twice, so that two views of it can be compared."""

import numpy as np

from keras_fer.data.sampling import IndexSampler
from keras_fer.errors import FERError


class TwoViews:
    """Delivers every row of a sampler twice, as rows 2i and 2i + 1.

    What the two have in common is the stored image; they become two views by an augmentation that
    draws for each row by itself. An epoch is still one pass over the images, in twice the steps of the
    same size.

    Args:
        sampler: draws the images; in any mode but `pairs`.

    Attributes:
        batch_size: rows per batch, twice those of `sampler`.
        mode: `"views"`.
        steps_per_epoch: those of `sampler`.
        prior: that of `sampler`.

    Raises:
        FERError: if `sampler` draws exact pairs: an image cannot lie beside its partner and its view.
    """

    mode = "views"

    def __init__(self, sampler: IndexSampler):
        if sampler.mode == "pairs":
            raise FERError(
                "Rows 2i and 2i + 1 of a batch are either an exact pair or two views of one image. Draw the "
                "images of the views in mode 'natural', 'balanced' or 'tempered'."
            )
        self._sampler = sampler
        self.batch_size = 2 * sampler.batch_size
        self.steps_per_epoch = sampler.steps_per_epoch
        self.prior = sampler.prior

    def batch(self, step: int) -> np.ndarray:
        """Returns the rows of one batch, int64 `(batch_size,)`, each twice in succession.

        Args:
            step: number of the batch since the start of training, from 0.
        """
        return np.repeat(self._sampler.batch(step), 2)

    def upcoming(self, step: int, first: bool = False) -> np.ndarray:
        """Returns rows that later steps will draw, see `IndexSampler.upcoming`."""
        return self._sampler.upcoming(step, first)
