from pathlib import Path

import pytest

from keras_fer.errors import FERError
from keras_fer.runtime.latency import Latency, measure_latency, slower_than_float32


def latency(name, median_ms, min_ms, num_threads=1):
    return Latency(Path(name), num_threads, 10, median_ms, min_ms, median_ms, 1000)


def test_measures_each_file(model_file, tiny_tflite):
    paths = [model_file(), model_file(tiny_tflite(dtype="uint8"), name="uint8.tflite")]
    first, second = measure_latency(paths, num_threads=2, num_runs=4)
    assert [first.path, second.path] == paths
    assert (first.num_threads, first.num_runs) == (2, 4)
    assert 0 < first.min_ms <= first.median_ms
    assert first.cpu_ms > 0
    assert first.size_bytes == paths[0].stat().st_size


def test_files_take_turns(monkeypatch, tmp_path):
    order = []

    class Fake:
        def __init__(self, name):
            self.name = name

        def invoke(self):
            order.append(self.name)

    for name in "ab":
        (tmp_path / name).write_bytes(b"")
    monkeypatch.setattr("keras_fer.runtime.latency._interpreter", lambda path, threads: Fake(path.name))
    measure_latency([tmp_path / "a", tmp_path / "b"], num_runs=3)
    assert order == ["a", "b"] * (3 + 5)


def test_what_is_no_model(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(50))
    with pytest.raises(FERError, match=r"model\.tflite' is not a TFLite model that can be run"):
        measure_latency([path])


@pytest.mark.parametrize("recipe", ["static_wi8_ai8", "dynamic_wi8_afp32", "qat_wi8_ai8"])
def test_slower_int8_is_said_plainly(recipe):
    float32 = latency("x/a_float32.tflite", 2.0, 1.8)
    slower = latency(f"x/a_{recipe}.tflite", 5.0, 4.0)
    (sentence,) = slower_than_float32([float32, slower])
    assert sentence == (
        f"a_{recipe}.tflite is SLOWER than a_float32.tflite on this machine with 1 thread(s): "
        "5.00 ms against 2.00 ms. Use it for its size only."
    )


@pytest.mark.parametrize(
    "other",
    [
        latency("x/a_static_wi8_ai8.tflite", 1.0, 0.9),
        latency("x/a_static_wi8_ai8.tflite", 2.5, 1.7),  # only the median, on a busy machine
        latency("x/a_static_wi8_ai8.tflite", 5.0, 4.0, num_threads=2),
        latency("x/b_static_wi8_ai8.tflite", 5.0, 4.0),
        latency("y/a_static_wi8_ai8.tflite", 5.0, 4.0),
        latency("x/a_float16.tflite", 5.0, 4.0),
        latency("x/a_static_wi8_ai8.onnx", 5.0, 4.0),
    ],
)
def test_nothing_is_said_of_others(other):
    assert slower_than_float32([latency("x/a_float32.tflite", 2.0, 1.8), other]) == []


def test_an_onnx_file_is_compared_with_an_onnx_file():
    tflite, onnx = latency("x/a_float32.tflite", 2.0, 1.8), latency("x/a_float32.onnx", 4.0, 3.8)
    assert slower_than_float32([tflite, onnx, latency("x/a_static_wi8_ai8.onnx", 3.0, 2.9)]) == []
    (sentence,) = slower_than_float32([tflite, onnx, latency("x/a_static_wi8_ai8.onnx", 5.0, 4.8)])
    assert sentence.startswith("a_static_wi8_ai8.onnx is SLOWER than a_float32.onnx on this machine")
