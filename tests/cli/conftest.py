"""A data set and a run that are small enough to export in a second; what every refusal keeps to."""

import json
import subprocess
import sys

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.records import SPLITS
from keras_fer.labels import EXPRESSIONS_7

_PROGRAM = """
import sys
from keras_fer.cli.main import main
try:
    main()
finally:
    print("heavy:", sorted({"tensorflow", "keras", "sklearn", "matplotlib"} & set(sys.modules)))
"""


@pytest.fixture
def assert_refused(tmp_path):
    """Returns a function that runs a command: it is refused in one sentence, before TensorFlow loads."""

    def check(*arguments, code, message):
        command = [sys.executable, "-c", _PROGRAM, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
        assert done.returncode == code, done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
        assert "heavy: []" in done.stdout

    return check


@pytest.fixture(scope="session")
def noise_dataset(tmp_path_factory):
    """A prepared data set of 15 training and 15 test images without any meaning."""
    images = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    with PreparedWriter(
        tmp_path_factory.mktemp("data") / "prepared",
        source="noise",
        label_names=EXPRESSIONS_7,
        image_shape=(16, 16, 3),
    ) as writer:
        writer.append(
            images,
            labels=np.arange(30) % 7,
            splits=np.repeat([SPLITS.index("train"), SPLITS.index("test")], 15),
            sources=[f"{row}.png" for row in range(30)],
        )
        return writer.finish().path


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, noise_dataset):
    """A run folder with a model of a few hundred weights."""
    import keras

    from keras_fer.models.building import disentangling_model
    from keras_fer.models.normalization import normalization

    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=4)(normalization("standardized_gray")(images))
    model = disentangling_model(
        keras.Model(images, features),
        objective="baseline",
        representation_size=6,
        non_expression_size=5,
        contract=ModelContract(EXPRESSIONS_7, 16, name="tiny"),
    )
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": str(noise_dataset)}), encoding="utf-8")
    return folder
