"""A classifier of stripes that is right nearly always, made without training, and its exported files."""

import keras
import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.export.export import export
from keras_fer.models.normalization import StandardizedGray

IMAGE_SIZE = 16
LABEL_NAMES = ("neutral", "happiness", "sadness", "surprise")


@pytest.fixture(scope="session")
def stripes():
    """Returns a function that draws images of stripes in four directions, and their labels.

    Contrast and brightness differ greatly between images, so that an inaccurate standardisation shows.
    """

    def draw(count, seed=0):
        random = np.random.default_rng(seed)
        labels = np.arange(count) % len(LABEL_NAMES)
        rows, columns = np.mgrid[:IMAGE_SIZE, :IMAGE_SIZE]
        directions = np.array([(1, 0), (0, 1), (1, 1), (1, -1)])[labels]
        waves = directions[:, :1, None] * rows[None] + directions[:, 1:, None] * columns[None]
        waves = np.sin(1.6 * waves + random.uniform(0, 6, (count, 1, 1)))
        contrast = random.uniform(4, 100, (count, 1, 1))
        gray = random.uniform(100, 150, (count, 1, 1)) + contrast * (
            waves + random.normal(0, 0.3, waves.shape)
        )
        images = np.clip(gray, 0, 255).astype(np.uint8)[..., None]
        return np.repeat(images, 3, axis=3), labels.astype(np.int64)

    return draw


@pytest.fixture(scope="session")
def contract():
    return ModelContract(
        LABEL_NAMES,
        IMAGE_SIZE,
        temperature=1.5,
        name="stripes",
        description="Tells stripes apart.",
        training_data="Made for tests; no terms.",
    )


@pytest.fixture(scope="session")
def classifier(stripes):
    """Random convolutions and a dense layer fitted to them by least squares."""
    keras.utils.set_random_seed(0)
    images = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), name="images")
    features = keras.layers.Conv2D(12, 3, padding="same", use_bias=False)(StandardizedGray()(images))
    features = keras.layers.ReLU()(keras.layers.BatchNormalization()(features))
    features = keras.layers.Conv2D(24, 3, strides=2, padding="same", activation="relu")(features)
    features = keras.layers.GlobalAveragePooling2D()(features)
    trunk = keras.Model(images, features)
    head = keras.layers.Dense(len(LABEL_NAMES), name="logits")
    model = keras.Model(images, head(features), name="classifier")
    pictures, labels = stripes(256, seed=1)
    inputs = np.asarray(trunk(pictures.astype(np.float32)))
    targets = 8.0 * np.eye(len(LABEL_NAMES))[labels] - 2.0
    design = np.hstack([inputs, np.ones((len(inputs), 1))])
    solution = np.linalg.lstsq(design, targets, rcond=None)[0]
    head.set_weights([solution[:-1], solution[-1]])
    return model


@pytest.fixture(scope="session")
def export_stripes(classifier, contract, stripes, tmp_path_factory):
    """Returns a function that exports the classifier and gives folder and report."""

    def run(**options):
        images, labels = stripes(120, seed=2)
        folder = tmp_path_factory.mktemp("exported") / "stripes"
        report = export(
            classifier,
            contract,
            folder,
            images=images,
            labels=labels,
            calibration_images=stripes(32, seed=3)[0],
            calibration={"split": "train"},
            verification={"split": "test"},
            num_runs=3,
            **options,
        )
        return folder, report

    return run


@pytest.fixture(scope="session")
def exported(export_stripes):
    """Folder and report of an export by the default recipes."""
    return export_stripes()
