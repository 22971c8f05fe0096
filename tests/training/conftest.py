"""A prepared data set that is small enough to train on within a test."""

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.training.ablation_config import AblationConfig


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory):
    """Gray noise of 16 pixels with a bright square whose place is the class; every second row is a pair."""
    folder = tmp_path_factory.mktemp("prepared") / "squares"
    generator = np.random.default_rng(0)
    count = 192
    labels = np.tile(np.arange(8), count // 8)
    images = generator.integers(0, 120, (count, 16, 16, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 4)
        image[8 * row : 8 * row + 6, 4 * column : 4 * column + 4] += 120
    with PreparedWriter(
        folder, source="squares", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1), config={}
    ) as writer:
        writer.append(
            images,
            labels=labels,
            splits=np.repeat([0, 1, 2], count // 3),
            sources=[f"{index}.png" for index in range(count)],
            soft_labels=np.eye(8, dtype=np.float32)[labels],
            pairs=np.repeat(np.arange(count // 2), 2),
        )
        writer.finish()
    return folder


@pytest.fixture(scope="session")
def coloured_pairs_folder(tmp_path_factory):
    """Colour noise of 24 pixels in other label names and order, every two rows a pair; all of it training."""
    folder = tmp_path_factory.mktemp("prepared") / "coloured"
    count = 48
    with PreparedWriter(
        folder, source="coloured", label_names=("Angry", "smile", "boredom"), image_shape=(24, 24, 3)
    ) as writer:
        writer.append(
            np.random.default_rng(1).integers(0, 256, (count, 24, 24, 3), np.uint8),
            labels=np.arange(count) % 3,
            splits=np.zeros(count, int),
            sources=[f"{index}.png" for index in range(count)],
            pairs=np.repeat(np.arange(count // 2), 2),
            valence_arousal=np.full((count, 2), 0.5, np.float32),
        )
        writer.finish()
    return folder


@pytest.fixture(scope="session")
def make_ablation():
    """Returns a function that makes an ablation of three variants and two seeds, with changes to its file."""

    def make(**changes):
        values = {
            "dataset": "faces",
            "seeds": [0, 3],
            "base": {"epochs": 2, "decorrelation_weight": 0.1},
            "variants": {
                "plain": {"preset": "baseline"},
                "pulled": {"preset": "paper", "epochs": 3, "objective_changes": {"num_critics": 2}},
                "erased": {"preset": "baseline", "erase": True},
            },
        }
        return AblationConfig.from_dict({**values, **changes})

    return make
