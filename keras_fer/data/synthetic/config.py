"""The configuration of a synthetic data set and what follows from it: who, which split, which label."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8

_LABEL_STREAM, _NOISE_STREAM = 13, 14
_IMAGES_PER_IDENTITY = 24
_MIN_SIZE, _MAX_SIZE = 32, 256


@dataclass(frozen=True)
class SyntheticConfig:
    """A synthetic data set; equal configurations give equal images.

    Args:
        num_images: images in all splits together.
        image_size: pixels per side, 32 to 256.
        difficulty: `"easy"`, `"standard"` or `"hard"`, see `difficulty.DIFFICULTIES`.
        seed: seed of everything.
        pairs: rows 2 i and 2 i + 1 show the same identity under the same nuisance with different
            expressions.
        num_identities: how many people; None for one per 24 images.
        validation_share: share of the identities in the validation split.
        test_share: share of the identities in the test split.
        label_noise: chance, in every split, that a label is another one than the expression shown;
            the true label stays in the factor `clean_label`, so the best accuracy that can be
            reached is `1 − label_noise`.

    Raises:
        FERError: if a value is out of range.
    """

    num_images: int = 12_000
    image_size: int = 64
    difficulty: str = "standard"
    seed: int = 0
    pairs: bool = False
    num_identities: int | None = None
    validation_share: float = 0.1
    test_share: float = 0.15
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        if self.difficulty not in DIFFICULTIES:
            raise FERError(
                f"There is no difficulty {self.difficulty!r} of synthetic faces. "
                f"There are: {', '.join(DIFFICULTIES)}."
            )
        if not _MIN_SIZE <= self.image_size <= _MAX_SIZE:
            raise FERError(
                f"Synthetic faces are rendered with {_MIN_SIZE} to {_MAX_SIZE} pixels per side. "
                f"Received: image_size={self.image_size}."
            )
        if self.seed < 0:
            raise FERError(f"The seed must be 0 or more. Received: seed={self.seed}.")
        if not 0 <= self.label_noise <= 1:
            raise FERError(f"`label_noise` is a chance in [0, 1]. Received: label_noise={self.label_noise}.")
        shares = (self.validation_share, self.test_share)
        if min(shares) < 0 or sum(shares) >= 1:
            raise FERError(
                "The shares of the validation and the test split must be 0 or more and leave room for "
                f"training. Received: validation_share={shares[0]}, test_share={shares[1]}."
            )
        if self.num_images < 1 or (self.pairs and self.num_images % 2):
            raise FERError(
                "The number of images must be positive, and even where they come in pairs. "
                f"Received: num_images={self.num_images}, pairs={self.pairs}."
            )
        needed = 1 + sum(share > 0 for share in shares)
        if not needed <= self.identities <= self.units:
            raise FERError(
                f"Splits with their own people need {needed} to {self.units} identities for these "
                f"{self.num_images} images. Received: num_identities={self.identities}."
            )

    @property
    def units(self) -> int:
        """Images that share no nuisance: pairs count once."""
        return self.num_images // 2 if self.pairs else self.num_images

    @property
    def identities(self) -> int:
        """Number of people."""
        if self.num_identities is not None:
            return self.num_identities
        return min(self.units, max(8, self.num_images // _IMAGES_PER_IDENTITY))

    def unit(self, index: int) -> int:
        """The pair of a row, or the row itself where there are no pairs."""
        return index // 2 if self.pairs else index

    def identity(self, index: int) -> int:
        """Who is on image `index`; the images of a person follow each other."""
        return self.unit(index) * self.identities // self.units

    def split(self, index: int) -> int:
        """Position in `records.SPLITS` of image `index`; a person is in one split only."""
        people = self.identities
        validation, test = (max(1, round(people * share)) if share else 0 for share in self._shares())
        train = max(1, people - validation - test)
        return int(np.searchsorted((train, train + validation), self.identity(index), side="right"))

    def _shares(self) -> tuple[float, float]:
        return self.validation_share, self.test_share

    def clean_label(self, index: int) -> int:
        """The expression shown on image `index`: every 8 units in a row show all of them."""
        unit = self.unit(index)
        block = unit // len(EXPRESSIONS_8)
        first = _shuffled_labels(self.seed, block)[unit % len(EXPRESSIONS_8)]
        if not self.pairs or index % 2 == 0:
            return first
        return (first + 1 + block % (len(EXPRESSIONS_8) - 1)) % len(EXPRESSIONS_8)

    def label(self, index: int) -> int:
        """The label given to image `index`, which noise may have changed."""
        clean = self.clean_label(index)
        if self.label_noise == 0:
            return clean
        chance, other = np.random.default_rng([self.seed, _NOISE_STREAM, index]).random(2)
        if chance >= self.label_noise:
            return clean
        return (clean + 1 + int(other * (len(EXPRESSIONS_8) - 1))) % len(EXPRESSIONS_8)


@lru_cache(maxsize=64)
def _shuffled_labels(seed: int, block: int) -> tuple[int, ...]:
    """All labels in the order of one block of images."""
    rng = np.random.default_rng([seed, _LABEL_STREAM, block])
    return tuple(rng.permutation(len(EXPRESSIONS_8)).tolist())
