import dataclasses
import sys

import pytest

from keras_fer.errors import FERError
from keras_fer.export.onnx_conversion import convert_to_onnx
from keras_fer.export.onnx_file import OnnxFile, OnnxRunner
from keras_fer.export.recipes import ONNX_FLOAT32
from keras_fer.runtime.latency import measure_latency


@pytest.fixture(scope="module")
def path(classifier, contract, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "stripes_float32.onnx"
    path.write_bytes(convert_to_onnx(classifier, contract))
    return path


def failed(path, contract, representation_size=None):
    checks = OnnxFile(path).checks(contract, ONNX_FLOAT32, representation_size)
    return [check.name for check in checks if not check.passed]


def test_checks(path, contract):
    assert failed(path, contract) == []
    assert failed(path, contract, representation_size=24) == ["interface"]
    other = dataclasses.replace(contract, label_names=contract.label_names[::-1])
    assert failed(path, other) == ["metadata", "contract"]


def test_latency(path):
    (latency,) = measure_latency([path], num_runs=2, openers={".onnx": OnnxRunner})
    assert 0 < latency.min_ms <= latency.median_ms


def test_what_is_no_model(tmp_path):
    path = tmp_path / "notes.onnx"
    path.write_text("no model")
    with pytest.raises(FERError, match=r"notes\.onnx' is not an ONNX model that can be run"):
        OnnxRunner(path, 1)


def test_without_onnxruntime(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FERError, match=r"needs onnxruntime, which is not installed. Install it with `pip"):
        OnnxRunner(path, 1)
