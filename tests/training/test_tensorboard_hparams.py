from dataclasses import replace

import keras
import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from keras_fer.training.config import INPUT_PATHS, TrainingConfig
from keras_fer.training.tensorboard_hparams import hparams, hparams_callback

CONFIG = TrainingConfig("/data/faces", "/runs/one", preset="paper", objective_changes={"num_critics": 2})


def test_settings_are_numbers_and_words():
    values = hparams(CONFIG, CONFIG.objective())
    assert values["dataset"] == "faces"
    assert values["learning_rate"] == 1.5e-3
    assert values["soft_labels"] is True
    assert values["objective.num_critics"] == 2
    assert not {"output", "objective_changes", "weights", "objective.class_prior"} & set(values)


def test_of_a_path_stands_its_last_part():
    paths = {"mixed_dataset": "/data/more", "weights": "/runs/two", "teachers": ("/runs/a.keras", "/runs/b")}
    values = hparams(replace(CONFIG, **paths), CONFIG.objective())
    assert {name: values[name] for name in INPUT_PATHS} == {
        "dataset": "faces",
        "mixed_dataset": "more",
        "weights": "two",
        "teachers": "a.keras, b",
    }
    assert not {"mixed_dataset", "weights", "teachers"} & set(hparams(CONFIG, CONFIG.objective()))


def test_what_tensorboard_reads(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = hparams_callback(tmp_path, hparams(CONFIG, CONFIG.objective()), "one")
    model.fit(np.ones((2, 1)), np.ones((2, 1)), verbose=0, callbacks=[callback])
    events = EventAccumulator(str(tmp_path)).Reload()
    found = {}
    for tag in events.PluginTagToContent("hparams").values():
        data = plugin_data_pb2.HParamsPluginData.FromString(tag)
        found[data.WhichOneof("data")] = data
    start = found["session_start_info"].session_start_info
    assert start.hparams["preset"].string_value == "paper"
    assert start.hparams["objective.num_critics"].number_value == 2
    assert start.group_name == "one"
    assert "session_end_info" in found
