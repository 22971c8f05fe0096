"""Seeds of the random numbers inside a training step: a function of the run's seed and the step."""

import random

import numpy as np
import tensorflow as tf


def drawn_seed() -> int:
    """Returns a seed from Python's generator, as Keras does; `keras.utils.set_random_seed` decides it."""
    return random.randrange(2**31)


def step_seed(seed: int, step, salt: int):
    """Returns the seed of one stateless draw, two int32 numbers.

    It has no state: a resumed run repeats the numbers, and a model file holds no variable for them.

    Args:
        seed: of the run, at least 0; a constant of the compiled step.
        step: steps taken so far, a scalar.
        salt: tells the draws of one step from one another, at least 0.
    """
    salted = np.random.SeedSequence((seed, salt)).generate_state(1)[0] >> 1
    return tf.cast(step, tf.int32), int(salted)
