"""The seed of what a run draws: the order of its images, and how each is changed."""

import numpy as np

from keras_fer.training.config import TrainingConfig
from keras_fer.training.content_hash import model_hash


def draw_seed(config: TrainingConfig) -> int:
    """Returns the seed of the config, mixed with the content of the weights that the run starts from.

    With the same seed the run would else see the images in the order and with the changes that these weights
    have learned, and a frozen classifier would know the first epochs by heart.

    Args:
        config: of the run.

    Returns:
        An int from 0 to 2³¹ − 1 with weights, else `config.seed`.
    """
    digest = config.weights and model_hash(config.weights)
    if not digest:
        return config.seed
    return int(np.random.SeedSequence((config.seed, int(digest, 16))).generate_state(1)[0] >> 1)
