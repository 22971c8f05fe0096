import keras
import numpy as np

from keras_fer.models.critic_panel import CriticPanel
from keras_fer.models.critics import critic

SIZES = {"identity": 3, "pose": 2}


def alone(panel, factor, number):
    """The critic that the panel holds at a place, as a model of its own."""
    judge = critic(panel.representation_size, panel.sizes[factor])
    index = list(panel.sizes).index(factor) * panel.num_critics + number
    arrays = [np.asarray(array)[index] for pair in panel.hidden for array in pair]
    arrays += [np.asarray(array)[number] for array in panel.outputs[factor]]
    judge.set_weights([array[0] if array.shape[0] == 1 else array for array in arrays])
    return judge


def test_each_is_a_critic_of_its_own():
    panel = CriticPanel(SIZES, 2, 5)
    for variable in panel.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape) / 10)
    representations = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    said = panel(representations)
    assert {name: tuple(values.shape) for name, values in said.items()} == {
        "identity": (2, 7, 3),
        "pose": (2, 7, 2),
    }
    for factor in SIZES:
        for number in range(2):
            expected = alone(panel, factor, number)(representations)
            np.testing.assert_allclose(said[factor][number], expected, rtol=1e-4, atol=1e-5)


def test_initialised_as_a_critic_of_its_own():
    """Keras would count the critics in front as positions of a kernel."""
    keras.utils.set_random_seed(0)
    panel, judge = CriticPanel({"identity": 40}, 4, 64), critic(64, 40)
    for stacked, single in zip(panel.trainable_variables, judge.trainable_variables, strict=True):
        np.testing.assert_allclose(np.std(stacked), np.std(single), rtol=0.03, err_msg=stacked.path)
        np.testing.assert_allclose(np.abs(stacked).max(), np.abs(single).max(), rtol=0.03)
    first = np.asarray(panel.hidden[0][0])
    assert (first[0] != first[1]).all()


def test_full_precision_under_every_policy(dtype_policy):
    dtype_policy("mixed_float16")
    panel = CriticPanel(SIZES, 1, 5)
    assert panel.compute_dtype == "float32"
    assert panel(np.zeros((2, 5), np.float32))["pose"].dtype == "float32"


def test_config_round_trip():
    panel = CriticPanel(SIZES, 2, 5, name="critics_of_pose")
    again = CriticPanel.from_config(panel.get_config())
    assert again.get_config() == panel.get_config()
    assert [v.shape for v in again.variables] == [v.shape for v in panel.variables]
