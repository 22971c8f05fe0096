"""Lets `pytest` run in a bare checkout, and makes the small model files that several folders test with.

`cli/` and `export/` are registered under their installed names.
"""

import functools
import importlib.util
import os
import sys
import warnings
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if importlib.util.find_spec("keras_fer") is None:
    sys.path.insert(0, str(ROOT))


def _register(folder: str) -> None:
    """Makes `ROOT/folder` importable as `keras_fer.folder` where the package is not installed."""
    name = f"keras_fer.{folder}"
    if importlib.util.find_spec(name) is not None:
        return
    spec = importlib.util.spec_from_file_location(
        name, ROOT / folder / "__init__.py", submodule_search_locations=[str(ROOT / folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_register("cli")
_register("export")


@pytest.fixture(scope="session")
def tiny_classifier():
    """Returns a function that builds a classifier of a few hundred parameters, the same at every call."""

    @functools.cache
    def build(
        batch_size=1, num_expressions=8, channels=3, bias=0.0, activation="softmax", representation=False
    ):
        import keras

        initializer = keras.initializers.RandomNormal(stddev=0.3, seed=1)
        images = keras.Input((16, 16, channels), batch_size=batch_size, name="images")
        features = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(images)
        features = keras.layers.Conv2D(
            8, 3, strides=2, activation="relu", kernel_initializer=initializer, bias_initializer="ones"
        )(features)
        features = keras.layers.GlobalAveragePooling2D()(features)
        head = keras.layers.Dense(
            num_expressions,
            activation=activation,
            kernel_initializer=initializer,
            bias_initializer=keras.initializers.Constant(bias),
            name="probabilities",
        )
        outputs = {"probabilities": head(features)}
        if representation:
            outputs["expression_representation"] = keras.layers.Dense(5, name="representation")(features)
        return keras.Model(images, outputs)

    return build


@pytest.fixture(scope="session")
def tiny_tflite(tiny_classifier):
    """Returns a function that converts a `tiny_classifier` to the bytes of a TFLite flatbuffer."""

    @functools.cache
    def convert(dtype="float32", **options):
        import numpy as np
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(tiny_classifier(**options))
        if dtype != "float32":
            images = np.random.default_rng(0).integers(0, 256, (16, 1, 16, 16, 3)).astype(np.float32)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([batch] for batch in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = tf.as_dtype(dtype)
        with warnings.catch_warnings():
            # The converter warns about its own deprecation and that inputs state no statistics.
            warnings.simplefilter("ignore")
            return converter.convert()

    return convert


@pytest.fixture
def model_file(tmp_path, tiny_tflite):
    """Returns a function that writes a `.tflite` file with members in an appended archive."""
    from keras_fer.contract import ModelContract
    from keras_fer.labels import EXPRESSIONS_8

    def write(flatbuffer=None, members=None, contract=None, name="model.tflite"):
        path = tmp_path / name
        path.write_bytes(tiny_tflite() if flatbuffer is None else flatbuffer)
        contract = contract or ModelContract(EXPRESSIONS_8, image_size=16)
        if members is None:
            labels = "".join(f"{label}\n" for label in contract.label_names)
            members = {"labels.txt": labels, "contract.json": contract.to_json()}
        if members:
            with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
                for member, content in members.items():
                    archive.writestr(member, content)
        return path

    return write


class WhitePatches:
    """A `FaceDetector` that takes every white patch of a picture for a face with level eyes."""

    def detect(self, image):
        from scipy import ndimage

        from keras_fer.runtime.faces import Face
        from keras_fer.runtime.preprocessing import Box

        labels, _ = ndimage.label(image.min(axis=2) > 225)
        faces = []
        for rows, columns in ndimage.find_objects(labels):
            if min(rows.stop - rows.start, columns.stop - columns.start) < 10:
                continue  # what compression leaves beside a patch
            box = Box(columns.start, rows.start, columns.stop, rows.stop)
            eyes = {"right_eye": (box.left, box.top), "left_eye": (box.right, box.top)}
            faces.append(Face(box, 0.75, eyes))
        return faces


@pytest.fixture
def white_patches():
    """Returns a `FaceDetector` for pictures with white patches in the place of faces."""
    return WhitePatches()
