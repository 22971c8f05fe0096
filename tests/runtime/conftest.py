import numpy as np
import pytest
from scipy import ndimage

from keras_fer.runtime import blazeface
from keras_fer.runtime.blazeface import NUM_ANCHORS, anchors

# Like the real net, the fake one does not see smaller faces: pixels of its input.
SMALLEST_FACE = 20


def tensor(index, shape, dtype=np.float32):
    return {"index": index, "shape": np.array(shape), "dtype": dtype}


class FakeNet:
    """An interpreter in the place of BlazeFace that takes white patches for faces.

    The box is the patch; the eyes lie at a quarter and three quarters of its width, a third down, the
    mouth in the middle, two thirds down. `logit` may be a function of the number of the call.
    """

    def __init__(self, logit=3.0):
        self.logit = logit
        self.inputs = []

    def get_input_details(self):
        return [tensor(7, (1, 128, 128, 3))]

    def get_output_details(self):
        return [tensor(9, (1, NUM_ANCHORS, 1)), tensor(8, (1, NUM_ANCHORS, 16))]

    def set_tensor(self, index, values):
        assert index == 7
        assert values.dtype == np.float32
        assert values.shape == (1, 128, 128, 3)
        self.inputs.append(values)

    def invoke(self):
        self.outputs = {8: np.zeros((1, NUM_ANCHORS, 16)), 9: np.full((1, NUM_ANCHORS, 1), -200.0)}
        labels, _ = ndimage.label(self.inputs[-1][0, :, :, 1] > 0.9)
        for rows, columns in ndimage.find_objects(labels):
            self._found(columns.start, rows.start, columns.stop, rows.stop)

    def _found(self, left, top, right, bottom):
        if max(right - left, bottom - top) < SMALLEST_FACE:
            return
        center = np.array([left + right, top + bottom]) / 2
        size = np.array([right - left, bottom - top])
        nearest = np.linalg.norm(anchors() * 128 - center, axis=1).argmin()
        shares = [(0.25, 1 / 3), (0.75, 1 / 3), (0.5, 0.5), (0.5, 2 / 3), (0, 0.4), (1, 0.4)]
        points = np.array([left, top]) + np.array(shares) * size
        points = np.concatenate([center[None], points]) - anchors()[nearest] * 128
        self.outputs[8][0, nearest] = [*points[0], *size, *points[1:].ravel()]
        self.outputs[9][0, nearest] = self.logit(len(self.inputs)) if callable(self.logit) else self.logit

    def get_tensor(self, index):
        return self.outputs[index].astype(np.float32)


@pytest.fixture
def fake_blazeface(monkeypatch, tmp_path):
    """Returns a function that puts a `FakeNet` in the place of the installed BlazeFace and returns it."""

    def install(**options):
        net = FakeNet(**options)
        path = tmp_path / "blazeface.tflite"
        path.write_bytes(b"fake")
        monkeypatch.setattr(blazeface, "opened_interpreter", lambda file, num_threads, problem: net)
        monkeypatch.setattr(blazeface, "installed_model", lambda: path)
        return net

    return install
