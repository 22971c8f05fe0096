"""Models of a few hundred weights, and batches for them."""

import keras
import numpy as np
import pytest

from keras_fer.models.building import disentangling_model
from keras_fer.models.normalization import normalization
from keras_fer.models.objective import Objective, preset

IMAGE_SIZE = 16
NUM_EXPRESSIONS = 4


@pytest.fixture
def float64():
    """Lets everything that a test builds compute in float64."""
    policy = keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)


@pytest.fixture
def dtype_policy():
    """Returns a function that sets the dtype policy until the test ends."""
    policy = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(policy)


@pytest.fixture(scope="session")
def tiny_trunk():
    """Returns a function that builds a trunk: images (16, 16, 3) to face features (4, 4, 4)."""

    def build(kind="standardized_gray", image_size=IMAGE_SIZE):
        images = keras.Input((image_size, image_size, 3), name="images")
        # A smooth activation: no difference quotient ever meets a kink.
        features = keras.layers.Conv2D(4, 3, strides=4, padding="same", activation="tanh")(
            normalization(kind)(images)
        )
        return keras.Model(images, features, name="trunk")

    return build


@pytest.fixture(scope="session")
def tiny_model(tiny_trunk):
    """Returns a function that builds a `DisentanglingModel` for an objective, a preset or its changes."""

    def build(objective="baseline", kind="standardized_gray", seed=0, **settings):
        keras.utils.set_random_seed(seed)
        if isinstance(objective, dict):
            objective = Objective(**objective)
        elif isinstance(objective, str):
            # The bank of the preset would take longer to allocate than the step.
            objective = preset(objective, **({"bank_size": 64} if objective == "disentangle" else {}))
        options = {"representation_size": 6, "non_expression_size": 5, "decoder_width": 1, **settings}
        return disentangling_model(tiny_trunk(kind), NUM_EXPRESSIONS, objective=objective, **options)

    return build


@pytest.fixture(scope="session")
def make_batch():
    """Returns a function that draws images and a dict of targets."""

    def draw(size=12, seed=0, pairs=True, valence_arousal=False, soft=False, missing=()):
        generator = np.random.default_rng(seed)
        images = generator.integers(0, 256, (size, IMAGE_SIZE, IMAGE_SIZE, 3)).astype(np.uint8)
        labels = generator.integers(0, NUM_EXPRESSIONS, size).astype(np.int32)
        labels[list(missing)] = -1
        targets = {"expression": labels}
        if soft:
            targets["expression"] = generator.dirichlet(np.ones(NUM_EXPRESSIONS), size)
            targets["expression"][list(missing)] = 0
        if pairs:
            targets["pair"] = np.repeat(np.arange(size // 2), 2).astype(np.int32)
            targets["view"] = targets["pair"] + 100
            targets["view"][2:4] = -1
        if valence_arousal:
            targets["valence_arousal"] = generator.uniform(-1, 1, (size, 2))
            targets["valence_arousal"][1] = np.nan
            targets["valence_arousal"][2, 0] = np.nan
        return images, targets

    return draw


@pytest.fixture(scope="session")
def three_factors():
    """Returns an expression of 4 classes, an identity of 3, and a pose of two values."""
    from keras_fer.models.factors import Factor

    return (
        Factor("expression", "categorical", NUM_EXPRESSIONS, width=6, weight=1.1),
        Factor("identity", "categorical", 3, width=5, weight=0.7, adversarial_weight=0.6, label_key="person"),
        Factor(
            "pose",
            "continuous",
            2,
            width=4,
            weight=1.3,
            adversarial_weight=1.7,
            mean=(0.3, -1),
            scale=(0.5, 2),
        ),
    )


@pytest.fixture(scope="session")
def tiny_factor_model(tiny_trunk, three_factors):
    """Returns a function that builds a `FactorModel` for an objective or its fields."""
    from keras_fer.models.factor_building import factor_model

    def build(objective=None, factors=three_factors, kind="standardized_gray", seed=0, **settings):
        keras.utils.set_random_seed(seed)
        if not isinstance(objective, Objective):
            objective = Objective(**(objective or {}))
        options = {"residual_size": 5, "decoder_width": 1, **settings}
        return factor_model(tiny_trunk(kind), factors, objective=objective, **options)

    return build


@pytest.fixture(scope="session")
def make_factor_batch():
    """Returns a function that draws images and targets; half the rows lack identity, the others pose."""

    def draw(size=12, seed=0):
        generator = np.random.default_rng(seed)
        images = generator.integers(0, 256, (size, IMAGE_SIZE, IMAGE_SIZE, 3)).astype(np.uint8)
        targets = {
            "expression": generator.integers(0, NUM_EXPRESSIONS, size).astype(np.int32),
            "person": generator.integers(0, 3, size).astype(np.int32),
            "pose": generator.normal((0.3, -1), (0.5, 2), (size, 2)),
        }
        targets["person"][: size // 2] = -1
        targets["pose"][size // 2 :] = np.nan
        return images, targets

    return draw
