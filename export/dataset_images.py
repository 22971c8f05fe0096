"""Images of a prepared data set for calibration and verification, as the model sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import dataset_facts, model_views
from keras_fer.labels import label_ids


@dataclass(frozen=True)
class ImageSample:
    """Some images of a split.

    Args:
        images: uint8 `(n, size, size, 3)`.
        labels: int64 `(n,)`, positions in the label names of the contract, −1 where it lacks the class.
        facts: where they come from, plain JSON types.
    """

    images: np.ndarray
    labels: np.ndarray
    facts: dict[str, Any]


def image_sample(
    dataset: PreparedDataset, contract: ModelContract, splits: Sequence[str], num_images: int, seed: int = 0
) -> ImageSample:
    """Draws images at random from the first of some splits that has any.

    Args:
        dataset: to draw from.
        contract: with the image size and the label names, which are matched by name.
        splits: in the order of preference.
        num_images: at most so many.
        seed: of the choice.

    Raises:
        FERError: if all these splits are empty.
    """
    split = next((name for name in splits if len(dataset.indices(name))), None)
    if split is None:
        raise FERError(
            f"The data set {str(dataset.path)!r} has no images in {' or '.join(splits)}; name another one "
            "with --dataset."
        )
    rows = dataset.indices(split)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[:num_images])
    # The extra entry is for label −1, which stands for none.
    ids = np.array([*label_ids(dataset.label_names, contract.label_names), -1], np.int64)
    images = model_views(dataset.images(rows), dataset.crop_size, contract.image_size)
    facts = {"dataset": dataset_facts(dataset), "split": split, "num_images": len(rows), "seed": seed}
    return ImageSample(images, ids[dataset.labels[rows]], facts)
