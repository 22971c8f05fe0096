"""Every recipe keeps one contract, in the files of a real export."""

import gzip
import json
import subprocess
import sys

import keras
import numpy as np
import onnx
import pytest

from keras_fer.errors import FERError
from keras_fer.export.checks import Limits
from keras_fer.export.onnx_file import OnnxFile
from keras_fer.export.recipes import RECIPES
from keras_fer.export.tflite_graph import read_graph
from keras_fer.export.toolkit import Finetuning
from keras_fer.runtime.recognizer import ExpressionRecognizer

WEIGHT_TYPES = {
    "float32": "FLOAT32",
    "float16": "FLOAT16",
    "dynamic_wi8_afp32": "INT8",
    "static_wi8_ai8": "INT8",
    "qat_wi8_ai8": "INT8",
    "pruned": "FLOAT32",
    "clustered": "FLOAT32",
}


@pytest.fixture(scope="module", params=list(RECIPES))
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def folder(kind, export_stripes, stripes):
    """A folder with the file of one recipe, with both outputs."""
    return export_stripes(
        recipes=[RECIPES[kind]],
        representation=True,
        training_images=stripes(128, seed=4)[0],
        finetuning=Finetuning(epochs=20, learning_rate=1e-3),
        # With half of the weights of so small a net gone, its representation turns; the answers stay.
        limits=Limits(agreement=0.9, accuracy_loss=0.1, representation_similarity=0.8),
        measure_memory=True,
    )[0]


@pytest.fixture
def path(kind, folder):
    return folder / RECIPES[kind].file_name("stripes")


def test_report_has_every_number(folder, kind, path):
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    (entry,) = report["files"]
    assert entry["recipe"] == kind
    assert entry["file"] == path.name
    assert entry["size_bytes"] == path.stat().st_size
    assert entry["compressed_bytes"] == len(gzip.compress(path.read_bytes(), 9, mtime=0))
    assert entry["passed"]
    is_onnx = RECIPES[kind].format == "onnx"
    assert entry["operators"]["Conv" if is_onnx else "CONV_2D"] == 2
    assert entry["num_partitions"] is None if is_onnx else entry["num_partitions"] >= 1
    assert entry["num_images"] == 120
    assert 0 < entry["min_ms"] <= entry["median_ms"]
    assert entry["agreement"] >= 0.9
    assert abs(entry["accuracy"] - entry["keras_accuracy"]) <= 0.1
    assert entry["representation_similarity"] > 0.8
    assert is_onnx or 2e7 < entry["peak_memory_bytes"] < 1e9
    assert all({"name", "value", "rule", "limit", "passed"} == set(check) for check in entry["checks"])


def test_the_file_carries_the_contract_and_recognises(kind, path, contract, stripes, classifier):
    images, labels = stripes(40, seed=7)
    if RECIPES[kind].format == "onnx":
        file = OnnxFile(path)
        assert all(check.passed for check in file.checks(contract, RECIPES[kind], 24))
        probabilities, representations = file.answers(images)
    else:
        recognizer = ExpressionRecognizer(path)
        assert recognizer.contract == contract
        probabilities, representations = recognizer.represent(images)
        np.testing.assert_array_equal(probabilities, recognizer.recognize(images))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.9
    pooled = keras.Model(classifier.input, classifier.get_layer("logits").input)
    expected = np.asarray(pooled(images.astype(np.float32)))
    assert representations.shape == expected.shape
    if kind.endswith("float32"):
        np.testing.assert_allclose(representations, expected, atol=1e-5)


def test_weights_have_their_type(path, kind):
    if RECIPES[kind].format == "onnx":
        kernels = [tensor for tensor in onnx.load(path).graph.initializer if np.prod(tensor.dims) > 2000]
        assert [onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in kernels] == [
            {"onnx_float32": "FLOAT", "onnx_static_wi8_ai8": "INT8"}[kind]
        ]
        return
    graph = read_graph(path.read_bytes())
    kernels = [tensor for tensor in graph.tensors if tensor.is_constant and tensor.num_values == 12 * 24 * 9]
    assert [tensor.dtype for tensor in kernels] == [WEIGHT_TYPES[kind]]


def test_file_name_stays_in_its_folder():
    assert RECIPES["float32"].file_name("../my model/v2") == "my-model-v2_float32.tflite"
    assert RECIPES["float32"].file_name("..") == "model_float32.tflite"


def test_each_recipe_has_a_file_of_its_own():
    assert RECIPES["onnx_static_wi8_ai8"].file_name("model") == "model_static_wi8_ai8.onnx"
    assert len({recipe.file_name("model") for recipe in RECIPES.values()}) == len(RECIPES)


def test_importing_the_recipes_loads_no_tensorflow():
    code = (
        "import sys, keras_fer.export.recipes; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


def test_without_the_representation_it_is_refused(exported):
    recognizer = ExpressionRecognizer(exported[0] / "stripes_float32.tflite")
    with pytest.raises(FERError, match=r"gives no expression representation.*--representation"):
        recognizer.represent(np.zeros((1, 16, 16, 3), np.uint8))
