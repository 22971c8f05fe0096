from keras_fer.runtime.memory import peak_memory


def test_peak_of_a_process_that_runs_the_file(model_file):
    peak = peak_memory(model_file())
    assert 2e7 < peak < 5e8  # Python and NumPy alone need more than 20 MB, TensorFlow more than 500 MB


def test_other_formats_are_not_measured(tmp_path):
    assert peak_memory(tmp_path / "model.onnx") is None
