import zipfile

import h5py
import numpy as np
from run_state import history_without_seconds, model_arrays


def test_every_array_whatever_its_name_and_depth(tmp_path):
    weights, model = tmp_path / "weights.h5", tmp_path / "model.keras"
    with h5py.File(weights, "w") as file:
        file["layers/dense/vars/0"] = np.uint8([7, 9])
        file["optimizer/0"] = np.uint8([1])
    with zipfile.ZipFile(model, "w") as archive:
        archive.write(weights, "model.weights.h5")
    assert model_arrays(model) == [b"\x01", b"\x07\x09"]


def test_seconds_do_not_count(tmp_path):
    (tmp_path / "history.csv").write_text("epoch,seconds,loss\n0,3.5,1.25\n")
    assert history_without_seconds(tmp_path) == [{"epoch": 0, "loss": 1.25}]
