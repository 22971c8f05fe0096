"""A prepared data set that can be recognised by its brightness, and a recogniser that does so."""

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.evaluation.interval import Interval
from keras_fer.evaluation.leakage import RepresentationProbe
from keras_fer.evaluation.leakage_matrix import LeakageMatrix, MatrixFactor, summarize
from keras_fer.evaluation.probes import ProbeResult
from keras_fer.labels import EXPRESSIONS_8


class BrightnessRecognizer:
    """Takes the mean of an image, 30 per class, for its class; sees `image_size` pixels.

    Args:
        label_names: names of the outputs.
        classes: for each output the class whose brightness it answers to.
    """

    def __init__(self, label_names=EXPRESSIONS_8, classes=None, image_size=16):
        self.contract = ModelContract(label_names, image_size=image_size)
        self.classes = np.arange(len(label_names)) if classes is None else np.asarray(classes)
        self.shapes = []

    def recognize(self, images):
        """Returns a softmax of the distance to the brightness of each class."""
        assert images.dtype == np.uint8
        self.shapes.append(images.shape)
        distances = np.abs(images.mean(axis=(1, 2, 3))[:, None] - (30 * self.classes + 15)) / 10
        exponentials = np.exp(-distances)
        return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def brightness_recognizer():
    return BrightnessRecognizer


@pytest.fixture
def brightness_dataset(tmp_path):
    """Returns a function that writes a data set whose centre tells the class and whose margin misleads."""

    def write(
        label_names=EXPRESSIONS_8, labels=(0, 1, 2, 3, 4, 5, 6, 7), brightness=None, channels=3, overlap=0
    ):
        labels = np.asarray(labels)
        values = np.maximum(labels, 0) if brightness is None else np.asarray(brightness)
        images = np.full((len(labels), 20, 20, channels), 250, np.uint8)
        images[:, 2:18, 2:18] = (30 * values + 15).astype(np.uint8)[:, None, None, None]
        both = np.concatenate([images, images])
        # Told apart by one pixel, so that no two images are equal but the first `overlap` of both splits.
        numbers = np.arange(len(both))
        numbers[len(labels) : len(labels) + overlap] -= len(labels)
        both[:, 0, 0] = numbers[:, None] % 256
        writer = PreparedWriter(
            tmp_path / f"prepared-{len(list(tmp_path.iterdir()))}",
            source="brightness",
            label_names=label_names,
            image_shape=(20, 20, channels),
            crop_size=16,
            config={"crop_margin": 0.1},
        )
        with writer:
            writer.append(
                both,
                labels=np.concatenate([labels, labels]),
                splits=np.repeat([0, 2], len(labels)),
                sources=[f"{row}.png" for row in range(2 * len(labels))],
            )
            return writer.finish()

    return write


@pytest.fixture
def probe_result():
    """Returns a function that makes what a probe found, with numbers by hand."""

    def result(leakage, known=True, **changes):
        interval = Interval(leakage - 0.1, leakage + 0.1) if known else Interval(np.nan, np.nan)
        values = {"linear_mean": 0.5, "linear_sd": 0.0, "mlp_mean": 0.6, "mlp_sd": 0.01, "leakage": leakage}
        values |= {"control_mean": 0.13, "control_sd": 0.01, "chance": 0.125, "num_classes": 8}
        values |= {"num_train": 600, "num_test": 150, "num_seeds": 3, "converged": True}
        return ProbeResult(**{**values, "leakage_interval": interval, "num_clusters": 30, **changes})

    return result


@pytest.fixture
def leakage_matrix(probe_result):
    """Returns a function that makes a matrix of three representations and a floor, with numbers by hand."""

    def make(model="model", leaked=0.2, with_pose=True, within_people=False, control=0.13):
        pose = {"kind": "continuous", "num_classes": 0, "dimensions": {"yaw": 0.5, "pitch": 0.1}}
        pose["control_mean"] = control
        columns = [
            (model, "expression_representation", 0.8, probe_result(0.3, known=False, **pose)),
            (model, "non_expression_representation", leaked, probe_result(0.6, **pose)),
            (model, "face_features", 0.5, probe_result(0.6, **pose)),
            ("untrained", "non_expression_representation", 0.1, probe_result(0.2, **pose)),
        ]
        probes = []
        for name, representation, leakage, of_pose in columns:
            facts = {"effective_rank": 20.0, "width": 64, "floor": name == "untrained"}
            probes.append(RepresentationProbe(name, representation, probe_result(leakage), **facts))
            if with_pose:
                probes.append(RepresentationProbe(name, representation, of_pose, **facts, factor="pose"))
        factors = [MatrixFactor("expression", "expression", True, False)]
        factors += [MatrixFactor("pose", "nuisance", True, within_people)] if with_pose else []
        return LeakageMatrix(
            model=model,
            probes=tuple(probes),
            factors=tuple(factors),
            summary=summarize(probes, factors),
            notes=("Careful.",),
            dataset={"source": "synthetic", "path": "faces", "content_hash": "0123"},
            num_train=600,
            num_test=150,
        )

    return make
