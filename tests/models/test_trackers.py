import numpy as np
import pytest
from keras import ops

from keras_fer.models.objective import PRESETS, Objective
from keras_fer.models.trackers import TARGETS, hits, trackers


def test_hits_by_hand():
    labels = np.array([[0, 1, 0], [0.2, 0.3, 0.5], [1, 0, 0], [0, 0, 0]], np.float32)
    logits = np.array([[0, 3, 1], [0, 1, 2], [0, 1, 0], [5, 0, 0]], np.float32)
    right, present = (ops.convert_to_numpy(values) for values in hits(ops.convert_to_tensor(labels), logits))
    assert right[:3].tolist() == [1, 1, 0]
    assert present.tolist() == [1, 1, 1, 0]


def test_what_depends_on_a_target_is_logged():
    everything = {name: 1.0 for name in Objective.__dataclass_fields__ if name.endswith("_weight")}
    assert set(TARGETS) <= set(trackers(Objective(**everything)))


def test_one_mean_per_weight_that_is_set():
    assert set(trackers(Objective())) == {"expression_loss", "expression_accuracy"}
    for name in Objective.__dataclass_fields__:
        if name.endswith("_weight") and name != "expression_weight":
            logged = set(trackers(Objective(**{name: 1.0}))) - set(trackers(Objective()))
            critics = {"critic_loss", "critic_accuracy"} if name == "adversarial_weight" else set()
            assert logged == {name.replace("_weight", "_loss"), *critics}


@pytest.mark.parametrize("name", PRESETS)
def test_names_of_the_means(name):
    assert all(mean.name == key for key, mean in trackers(PRESETS[name]).items())
