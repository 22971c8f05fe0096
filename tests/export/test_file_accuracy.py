import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.records import SPLITS
from keras_fer.export.file_accuracy import file_accuracy


@pytest.fixture
def dataset(stripes, contract, tmp_path):
    """Stripes whose first ten labels are wrong."""
    images, labels = stripes(40, seed=9)
    labels[:10] = (labels[:10] + 1) % 4
    names = contract.label_names
    with PreparedWriter(tmp_path / "data", source="s", label_names=names, image_shape=(16, 16, 3)) as writer:
        splits = np.full(40, SPLITS.index("test"))
        writer.append(images, labels=labels, splits=splits, sources=[f"{row}.png" for row in range(40)])
        return writer.finish()


def test_share_of_right_answers(exported, dataset):
    found = file_accuracy(exported[0] / "stripes_float32.tflite", dataset, 100)
    assert found.answers.shape == (40,)
    assert found.accuracy == pytest.approx(0.75, abs=0.06)
    assert found.interval.low < found.accuracy < found.interval.high
    assert len(file_accuracy(exported[0] / "stripes_float32.tflite", dataset, 12).answers) == 12
