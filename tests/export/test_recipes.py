"""Every recipe keeps one contract, in the files of a real export."""

import json
import subprocess
import sys

import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.export.recipes import DEFAULT_RECIPES, RECIPES, recipe
from keras_fer.export.tflite_graph import read_graph
from keras_fer.runtime.recognizer import ExpressionRecognizer

WEIGHT_TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "dynamic_wi8_afp32": "INT8",
    "static_wi8_ai8": "INT8",
}


@pytest.fixture(scope="module", params=list(RECIPES))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, request, export_stripes):
    """A folder with the file of one recipe; those of the default export are made once."""
    if RECIPES[kind] in DEFAULT_RECIPES:
        return request.getfixturevalue("exported")[0]
    return export_stripes(recipes=[RECIPES[kind]])[0]


@pytest.fixture
def path(kind, folder):
    return folder / RECIPES[kind].file_name("stripes")


def test_the_runtime_reads_the_contract_and_recognises(path, contract, stripes):
    recognizer = ExpressionRecognizer(path)
    assert recognizer.contract == contract
    images, labels = stripes(40, seed=7)
    probabilities = recognizer.recognize(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9


def test_weights_have_their_type(path, kind):
    graph = read_graph(path.read_bytes())
    kernels = [tensor for tensor in graph.tensors if tensor.is_constant and tensor.num_values == 12 * 24 * 9]
    assert [tensor.dtype for tensor in kernels] == [WEIGHT_TYPES[kind]]


def test_report_has_every_number(folder, kind, path):
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    entry = next(file for file in report["files"] if file["recipe"] == kind)
    assert entry["file"] == path.name
    assert entry["size_bytes"] == path.stat().st_size
    assert entry["passed"]
    assert entry["operators"]["CONV_2D"] == 2
    assert entry["num_images"] == 120
    assert 0 < entry["min_ms"] <= entry["median_ms"]
    assert entry["agreement"] >= 0.97
    assert abs(entry["accuracy"] - entry["keras_accuracy"]) <= 0.01
    assert all({"name", "value", "rule", "limit", "passed"} == set(check) for check in entry["checks"])


def test_unknown_recipe():
    assert recipe("float16") is RECIPES["float16"]
    with pytest.raises(FERError, match=r"'int4'.*float32, float16, dynamic_wi8_afp32, static_wi8_ai8"):
        recipe("int4")


def test_file_name_stays_in_its_folder():
    assert RECIPES["float32"].file_name("../my model/v2") == "my-model-v2_float32.tflite"
    assert RECIPES["float32"].file_name("..") == "model_float32.tflite"


def test_importing_the_recipes_loads_no_tensorflow():
    code = (
        "import sys, keras_fer.export.recipes; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
