import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.samples import Sample, choose_samples


def test_right_and_wrong_ones_come_from_every_class(brightness_dataset, brightness_recognizer):
    # Ten images of each of four classes; the last five of each class look like the next class.
    labels = np.repeat(np.arange(4), 10)
    brightness = labels + np.tile(np.arange(10) >= 5, 4)
    dataset = brightness_dataset(labels=labels, brightness=brightness)
    predictions = evaluate(brightness_recognizer(), dataset)
    samples = choose_samples(predictions, dataset, num_each=8)
    right = [sample for sample in samples if sample.label == sample.prediction]
    wrong = [sample for sample in samples if sample.label != sample.prediction]
    names = dataset.label_names
    assert sorted(sample.label for sample in right) == sorted(names[:4] * 2)
    assert sorted(sample.label for sample in wrong) == sorted(names[:4] * 2)
    for sample in samples:
        assert sample.image.shape == (16, 16, 3)  # what the model sees, without the margin
        # The image is that of the prediction, since the recogniser reads it from the brightness.
        assert sample.image.mean() == 30 * names.index(sample.prediction) + 15
        assert 0 < sample.probability <= 1


def test_wrong_ones_are_the_most_confident():
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.6, 0.4]])
    predictions = SimpleNamespace(
        labels=np.array([0, 0, 0, 1]),
        probabilities=probabilities,
        indices=np.arange(4),
        evaluation=SimpleNamespace(label_names=("a", "b")),
    )
    dataset = SimpleNamespace(images=lambda rows: np.zeros((len(rows), 4, 4, 1), np.uint8), crop_size=4)
    samples = choose_samples(predictions, dataset, num_each=3)
    assert [(sample.label, sample.probability) for sample in samples] == [("a", 0.9), ("b", 0.6), ("a", 0.7)]


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_the_data_uri_holds_the_pixels(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    uri = Sample(image, "a", "b", 0.5).data_uri()
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    np.testing.assert_array_equal(decoded, image.reshape(decoded.shape))
