import numpy as np
import onnx
import onnxruntime.quantization
import pytest

from keras_fer.export.onnx_conversion import convert_to_onnx
from keras_fer.export.onnx_file import OnnxFile
from keras_fer.export.onnx_quantize import CALIBRATION_METHODS, quantize_onnx


@pytest.fixture(scope="module")
def float32(classifier, contract):
    return convert_to_onnx(classifier, contract)


@pytest.fixture(scope="module")
def int8(float32, stripes):
    return quantize_onnx(float32, 16, stripes(33, seed=3)[0])


def written(tmp_path, model):
    path = tmp_path / "model.onnx"
    path.write_bytes(model)
    return path


def properties(model):
    return {entry.key: entry.value for entry in onnx.load_from_string(model).metadata_props}


def test_contract_and_any_batch_stay(float32, int8, contract, stripes, tmp_path):
    before, after = properties(float32), properties(int8)
    assert after.pop("calibration_method") in CALIBRATION_METHODS
    assert after == before
    assert onnx.load_from_string(int8).doc_string == "Tells stripes apart."
    file = OnnxFile(written(tmp_path, int8))
    assert file.contract == contract
    images, labels = stripes(70)
    together, _ = file.answers(images)
    single = np.concatenate([file.answers(image[None])[0] for image in images[:3]])
    np.testing.assert_allclose(single, together[:3], atol=1e-6)
    assert (together.argmax(axis=1) == labels).mean() > 0.95


def test_weights_are_signed_by_channel_and_of_seven_bits(int8):
    graph = onnx.load_from_string(int8).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kernels = [name for name, values in stored.items() if values.ndim == 4]
    assert len(kernels) == 2
    for name in kernels:
        assert stored[name].dtype == np.int8
        assert np.abs(stored[name]).max() == 64
        (step,) = [node for node in graph.node if name in node.input]
        assert step.op_type == "DequantizeLinear"
        scales, zeros = (stored[part] for part in step.input[1:])
        assert scales.shape == (len(stored[name]),)
        assert not zeros.any()
    # Activations, and nothing else, are quantised when it runs, to unsigned numbers.
    rounded = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    assert {stored[node.input[2]].dtype for node in rounded} == {np.dtype(np.uint8)}


def test_standardisation_and_answer_stay_in_float(int8):
    model = onnx.load_from_string(int8)
    kinds = [node.op_type for node in model.graph.node if node.op_type != "DequantizeLinear"]
    first, last = kinds.index("QuantizeLinear"), len(kinds) - kinds[::-1].index("QuantizeLinear")
    assert "Sqrt" in kinds[:first]
    assert [kind for kind in kinds[first:last] if kind != "QuantizeLinear"][:2] == ["Conv", "Conv"]
    assert kinds[-1] == "Softmax"
    assert {"Gemm", "MatMul"} & set(kinds[last:])
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]


@pytest.mark.parametrize("best", CALIBRATION_METHODS)
def test_the_method_with_the_smallest_divergence_is_kept(float32, stripes, monkeypatch, best):
    found = iter(0.1 if method == best else 0.2 for method in CALIBRATION_METHODS)
    monkeypatch.setattr("keras_fer.export.onnx_quantize.divergence", lambda *arguments: next(found))
    assert properties(quantize_onnx(float32, 16, stripes(8)[0]))["calibration_method"] == best


def test_images_that_judge_give_no_ranges(float32, stripes, monkeypatch):
    images, _ = stripes(41)
    seen, judged = [], []
    quantize, answers = onnxruntime.quantization.quantize_static, OnnxFile.answers

    def spy(model, path, reader, **options):
        reader.set_range(0, len(reader))
        seen.append(np.concatenate([batch["images"] for batch in iter(reader.get_next, None)]))
        quantize(model, path, reader, **options)

    monkeypatch.setattr(onnxruntime.quantization, "quantize_static", spy)
    monkeypatch.setattr(OnnxFile, "answers", lambda self, part: judged.append(part) or answers(self, part))
    quantize_onnx(float32, 16, images)
    for part in seen:
        np.testing.assert_array_equal(part, np.delete(images, np.s_[::4], axis=0))
    for part in judged:
        np.testing.assert_array_equal(part, images[::4])
    assert len(seen) == 3
    assert len(judged) == 4


def test_one_image_is_enough(float32, stripes, tmp_path):
    file = OnnxFile(written(tmp_path, quantize_onnx(float32, 16, stripes(1)[0])))
    assert file.operators["QuantizeLinear"] > 2


def test_nothing_is_printed(float32, stripes, capfd):
    quantize_onnx(float32, 16, stripes(4)[0])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "images", [None, np.zeros((0, 16, 16, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8)]
)
def test_needs_calibration_images(images):
    with pytest.raises(ValueError, match=r"needs calibration images, uint8 \(n, 16, 16, 3\)"):
        quantize_onnx(b"", 16, images)
