import os

import pytest

from keras_fer.export.recipes import FLOAT32
from keras_fer.export.tflite_conversion import convert


def test_converter_is_silent_unless_it_fails(classifier, contract, capfd, monkeypatch):
    assert convert(classifier, contract, FLOAT32)[4:8] == b"TFL3"
    assert capfd.readouterr() == ("", "")
    import tensorflow as tf

    def fail(self):
        os.write(2, b"what the converter says\n")
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_keras_model", fail)
    with pytest.raises(RuntimeError, match="no such kernel") as failure:
        convert(classifier, contract, FLOAT32)
    assert failure.value.__notes__ == ["what the converter says\n"]
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"
