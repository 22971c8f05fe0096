import sys

import pytest

from keras_fer.errors import FERError
from keras_fer.runtime.memory import peak_memory


def test_peak_of_a_process_that_runs_the_file(model_file):
    peak = peak_memory(model_file())
    assert 2e7 < peak < 5e8  # Python and NumPy alone need more than 20 MB, TensorFlow more than 500 MB


def test_other_formats_are_not_measured(tmp_path):
    assert peak_memory(tmp_path / "model.onnx") is None


def test_what_cannot_be_run_is_said_in_one_sentence(tmp_path, model_file, monkeypatch):
    damaged = tmp_path / "a.tflite"
    damaged.write_bytes(model_file().read_bytes()[:200])
    with pytest.raises(FERError, match=r"memory of '.*' failed: '.*a\.tflite' is not a TFLite model"):
        peak_memory(damaged)
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -SEGV $$\n")
    killed.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(killed))
    with pytest.raises(FERError, match="failed: it ended by signal 11"):
        peak_memory(damaged)
