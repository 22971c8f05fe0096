import numpy as np
import onnx
import pytest

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.export.onnx_conversion import convert_to_onnx, require_packages
from keras_fer.export.onnx_file import OnnxFile


def test_any_batch_and_the_contract_in_the_file(classifier, contract, stripes, tmp_path, capfd):
    path = tmp_path / "stripes.onnx"
    path.write_bytes(convert_to_onnx(classifier, contract))
    assert capfd.readouterr() == ("", "")
    proto = onnx.load(path)
    properties = {entry.key: entry.value for entry in proto.metadata_props}
    assert ModelContract.from_json(properties["contract.json"]) == contract
    assert properties["labels.txt"].split() == list(contract.label_names)
    images, _ = stripes(70)
    together, representations = OnnxFile(path).answers(images)
    single = np.concatenate([OnnxFile(path).answers(image[None])[0] for image in images[:3]])
    np.testing.assert_allclose(single, together[:3], atol=1e-6)
    assert representations is None
    logits = np.asarray(classifier(images.astype(np.float32)), np.float64) / contract.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(together, expected, atol=1e-5)


def test_missing_package_is_one_sentence():
    require_packages("json")
    with pytest.raises(FERError, match=r"needs the package 'no_such_package'.*pip install"):
        require_packages("json", "no_such_package")
