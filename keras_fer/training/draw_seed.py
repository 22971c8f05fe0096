"""The seed of what a run draws: the order of its images, and how each is changed."""

import numpy as np

from keras_fer.training.config import TrainingConfig

# Keeps the stream of a second stage apart from others that are made of the same seed.
_SECOND_STAGE = 2


def draw_seed(config: TrainingConfig) -> int:
    """Returns the seed of the config, or another one made of it where the run starts from weights.

    With the same seed the run would else see the images in the order and with the changes that these weights
    have learned, and a frozen classifier would know the first epochs by heart. It depends on nothing but the
    config, so that a run that is resumed, and every process of a cluster, draws the same; a third stage draws
    as the second did unless it has another seed.

    Args:
        config: of the run.

    Returns:
        An int from 0 to 2³¹ − 1 with weights, else `config.seed`.
    """
    if config.weights is None:
        return config.seed
    return int(np.random.SeedSequence((config.seed, _SECOND_STAGE)).generate_state(1)[0] >> 1)
