import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.contract import ModelContract
from keras_fer.labels import EXPRESSIONS_8


def benchmark(*arguments):
    return CliRunner().invoke(main, ["benchmark", *map(str, arguments)])


def test_table(model_file):
    path = model_file()
    result = benchmark(path, "--threads", 1, "--threads", 2, "--runs", 2)
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["file", "threads", "size", "kB", "median", "ms", "min", "ms", "CPU-ms"]
    assert [row.split()[:2] for row in rows] == [[str(path), "1"], [str(path), "2"]]


def test_json(model_file):
    path = model_file()
    result = benchmark(path, "--runs", 2, "--format", "json")
    entry = json.loads(result.stdout)
    assert entry["path"] == str(path)
    assert entry["size_bytes"] == path.stat().st_size
    assert entry["num_runs"] == 2


def test_accuracy_and_memory(model_file, noise_dataset):
    paths = [model_file(contract=ModelContract(EXPRESSIONS_8, 16)), model_file(name="b.tflite")]
    arguments = (*paths, "--runs", 1, "--dataset", noise_dataset, "--memory")
    result = benchmark(*arguments)
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading.endswith("accuracy (95 %)         agreement  memory MB")
    assert all("100.00%" in row for row in rows)  # the same net twice
    entries = [json.loads(line) for line in benchmark(*arguments, "--format", "json").stdout.splitlines()]
    for entry in entries:
        assert 0 <= entry["accuracy_low"] <= entry["accuracy"] <= entry["accuracy_high"] <= 1
        assert entry["agreement"] == 1
        assert entry["peak_memory_bytes"] > 2e7


def test_slower_int8_is_a_warning(model_file, monkeypatch):
    float32, int8 = model_file(name="a_float32.tflite"), model_file(name="a_static_wi8_ai8.tflite")
    monkeypatch.setattr("keras_fer.runtime.latency._NOTICEABLE", 0.0)
    result = benchmark(float32, int8, "--runs", 2)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1].startswith("Warning: a_static_wi8_ai8.tflite is SLOWER than")


@pytest.mark.parametrize("more", [(), ("--memory",)])
def test_what_is_no_model(tmp_path, more):
    path = tmp_path / "notes.tflite"
    path.write_text("no model")
    result = benchmark(path, *more)
    assert result.exit_code == 1
    assert "notes.tflite' is not a TFLite model that can be run" in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [[], ["missing.tflite"]])
def test_refused_arguments(arguments):
    assert benchmark(*arguments).exit_code == 2


def test_never_loads_tensorflow(model_file):
    code = (
        "import sys\n"
        "from keras_fer.cli.main import main\n"
        "main(sys.argv[1:], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)\n"
    )
    command = [sys.executable, "-c", code, "benchmark", str(model_file()), "--runs", "1"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
