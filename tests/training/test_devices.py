import json
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_fer.errors import FERError
from keras_fer.training.devices import Devices

# A minute and a quarter of one core that has nothing else to do.
pytestmark = pytest.mark.timeout(1200)

# In a process of its own: the processor cannot be split once TensorFlow has computed anything.
SCRIPT = """
import json, sys
import keras, numpy as np
from keras_fer.models.loading import load_model
from keras_fer.training.config import TrainingConfig
from keras_fer.training.fit import fit
from keras_fer.training.resume import resume
from keras_fer.training.run_folder import read_history
from pathlib import Path

folder, output = sys.argv[1], Path(sys.argv[2])
objective = {"num_critics": 1, "critic_steps": 1, "bank_size": 32, "bank_draws": 16}


class Stop(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise RuntimeError("killed")


def train(name, callbacks=(), **changes):
    settings = {"preset": "disentangle", "backbone": "plain_small", "batch_size": 16, "epochs": 2}
    settings |= {"objective_changes": objective, "dropout": 0.0, "steps_per_epoch": 2, **changes}
    fit(TrainingConfig(folder, str(output / name), **settings), callbacks, verbose=0)


def histories(*names):
    rows = [read_history(output / name) for name in names]
    columns = sorted(column for column in rows[0][0] if column.endswith("loss"))
    return columns, [np.array([[row[column] for column in columns] for row in run]) for run in rows]


train("two", devices="cpu:2")
train("one")
columns, (one, two) = histories("one", "two")
train("whole", devices="cpu:2", dropout=0.2)
try:
    train("stopped", [Stop()], devices="cpu:2", dropout=0.2)
except RuntimeError:
    resume(output / "stopped", verbose=0)
weights = [load_model(output / name).get_weights() for name in ("whole", "stopped")]
print(json.dumps({
    "one_device": dict(zip(columns, np.abs(one - two).max(axis=0))),
    "resumed_is_equal": all(map(np.array_equal, *weights)),
}))
"""


@pytest.fixture(scope="module")
def found(prepared_folder, tmp_path_factory):
    command = [sys.executable, "-c", SCRIPT, str(prepared_folder), str(tmp_path_factory.mktemp("runs"))]
    result = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_a_run_on_two_parts_of_the_processor_is_that_on_one(found):
    """Augmentation, averages of the weights and validation included; in float32, which Adam amplifies."""
    assert max(found["one_device"].values()) < 1e-2, found["one_device"]


def test_a_run_on_two_parts_goes_on_bit_for_bit(found):
    assert found["resumed_is_equal"]


@pytest.mark.parametrize(
    ("text", "devices"), [("1", Devices("GPU", 1)), ("2", Devices("GPU", 2)), ("cpu:16", Devices("CPU", 16))]
)
def test_parsed(text, devices):
    assert Devices.parse(text) == devices


@pytest.mark.parametrize("text", ["", "0", "-1", "all", "gpu:2", "cpu:", "cpu:0", "2.0", "1,2", "1000", "2 "])
def test_what_is_no_number_of_devices(text):
    with pytest.raises(FERError, match=rf"such as 2, or .* such as cpu:2. Received: devices={text!r}"):
        Devices.parse(text)


def test_one_device_has_no_strategy():
    with Devices.parse("1").scope(), Devices.parse("cpu:1").scope():
        assert not tf.distribute.has_strategy()


def test_more_devices_than_there_are():
    with pytest.raises(
        FERError, match=r"asks for 999 GPUs, and TensorFlow has \d+ here. Ask for fewer, or .*"
    ):
        Devices("GPU", 999).scope()


def test_a_processor_that_is_at_work_is_not_split():
    assert tf.constant(1) + 1 == 2
    with pytest.raises(FERError, match=r"asks for 2 CPUs, and TensorFlow has 1 here. It has been"):
        Devices("CPU", 2).scope()
