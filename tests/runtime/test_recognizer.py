import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_fer.contract import ModelContract
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8
from keras_fer.runtime.preprocessing import face_crop
from keras_fer.runtime.recognizer import ExpressionRecognizer, Prediction


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def recognizer(model_file):
    return ExpressionRecognizer(model_file())


@pytest.fixture
def faces(tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        Image.fromarray(noise(20 + index, 30, 3, seed=index)).save(path)
    return paths


def test_answers_are_those_of_the_keras_model(recognizer, tiny_classifier):
    images = noise(5, 16, 16, 3)
    classifier = tiny_classifier()
    expected = np.concatenate(
        [np.asarray(classifier(image[None].astype(np.float32))["probabilities"]) for image in images]
    )
    probabilities = recognizer.recognize(images)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (5, 8)
    assert expected.std(axis=0).min() > 1e-3, "the model must tell these images apart"
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def test_uint8_input_takes_the_same_values(recognizer, model_file, tiny_tflite):
    quantized = ExpressionRecognizer(model_file(tiny_tflite(dtype="uint8"), name="uint8.tflite"))
    images = noise(5, 16, 16, 3)
    difference = quantized.recognize(images) - recognizer.recognize(images)
    assert np.abs(difference).max() < 0.05


@pytest.mark.parametrize("scale", [0.5, 0.97])
def test_input_scale_is_obeyed(recognizer, scale):
    zero_point = 3
    recognizer._input = {**recognizer._input, "quantization": (scale, zero_point)}
    values = recognizer._quantized(np.array([0, 100, 255], np.uint8))
    np.testing.assert_array_equal(
        values, np.clip([3, round(100 / scale) + 3, round(255 / scale) + 3], 0, 255)
    )


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_larger_static_batch(recognizer, model_file, tiny_tflite, count):
    batched = ExpressionRecognizer(model_file(tiny_tflite(batch_size=4), name="batch.tflite"))
    images = noise(count, 16, 16, 3)
    probabilities = batched.recognize(images)
    assert probabilities.shape == (count, 8)
    np.testing.assert_allclose(probabilities, recognizer.recognize(images), atol=1e-6)


def test_crops_of_any_size_are_preprocessed_by_the_one_definition(recognizer):
    crops = [noise(16, 16, 3), noise(50, 40, 3), noise(9, 30, 3)]
    ready = np.stack([face_crop(crop, None, 16) for crop in crops])
    np.testing.assert_array_equal(recognizer.recognize(crops), recognizer.recognize(ready))


def test_gray_crops_repeat_their_channel(recognizer):
    gray = noise(2, 16, 16, 1)
    expected = recognizer.recognize(np.repeat(gray, 3, axis=3))
    np.testing.assert_array_equal(recognizer.recognize(gray), expected)
    np.testing.assert_array_equal(recognizer.recognize([gray[0, :, :, 0], gray[1, :, :, 0]]), expected)


def test_representation_beside_the_probabilities(recognizer, model_file, tiny_tflite):
    both = ExpressionRecognizer(model_file(tiny_tflite(representation=True), name="both.tflite"))
    images = noise(2, 16, 16, 3)
    np.testing.assert_allclose(both.recognize(images), recognizer.recognize(images), atol=1e-6)


def test_single_image_needs_a_batch_axis(recognizer):
    with pytest.raises(ValueError, match=r"images\[None\].*\(16, 16, 3\)"):
        recognizer.recognize(noise(16, 16, 3))


def test_floating_point_pixels_are_refused(recognizer):
    with pytest.raises(ValueError, match="An image is uint8"):
        recognizer.recognize(np.zeros((1, 16, 16, 3), np.float32))


def test_files(recognizer, faces):
    predictions = list(recognizer.recognize_files(faces))
    assert [prediction.path for prediction in predictions] == [str(path) for path in faces]
    crops = [np.asarray(Image.open(path)) for path in faces]
    for prediction, row in zip(predictions, recognizer.recognize(crops), strict=True):
        assert list(prediction.probabilities) == list(EXPRESSIONS_8)
        np.testing.assert_array_equal(np.float32(list(prediction.probabilities.values())), row)
        assert prediction.expression == EXPRESSIONS_8[row.argmax()]
        assert prediction.probability == row.max()
        assert not prediction.uncertain


def test_file_that_is_no_image(recognizer, tmp_path):
    with pytest.raises(FERError, match=r"missing\.png"):
        list(recognizer.recognize_files([tmp_path / "missing.png"]))


@pytest.mark.parametrize(("threshold", "uncertain"), [(0.0, False), (1.0, True)])
def test_uncertain_below_the_threshold(model_file, faces, threshold, uncertain):
    contract = ModelContract(EXPRESSIONS_8, image_size=16, uncertain_below=threshold)
    recognizer = ExpressionRecognizer(model_file(contract=contract))
    assert recognizer.recognize_file(faces[0]).uncertain is uncertain


def test_threshold_of_the_caller_comes_before_that_of_the_contract(model_file, faces):
    contract = ModelContract(EXPRESSIONS_8, image_size=16, uncertain_below=1.0)
    path = model_file(contract=contract)
    assert not ExpressionRecognizer(path, uncertain_below=0.0).recognize_file(faces[0]).uncertain
    assert ExpressionRecognizer(path).uncertain_below == 1.0
    with pytest.raises(ValueError, match="uncertain_below=2"):
        ExpressionRecognizer(path, uncertain_below=2)


def test_prediction_of_a_row(recognizer):
    row = np.array([0.1, 0.6, 0.3, 0, 0, 0, 0, 0], np.float32)
    prediction = recognizer.prediction(row)
    assert (prediction.path, prediction.expression) == ("", EXPRESSIONS_8[1])
    assert prediction.probability == pytest.approx(0.6)


def test_top_is_sorted():
    prediction = Prediction("a.png", "fear", 0.5, {"anger": 0.2, "fear": 0.5, "disgust": 0.3}, False)
    assert list(prediction.top(2).items()) == [("fear", 0.5), ("disgust", 0.3)]
    assert len(prediction.top(10)) == 3


@pytest.mark.parametrize(
    ("options", "contract", "message"),
    [
        ({}, {"image_size": 24}, r"uint8 or float32 input \(batch, 24, 24, 3\) .* \[\(1, 16, 16, 3\)\]"),
        ({"channels": 1}, {}, r"input \(batch, 16, 16, 3\) is expected, .* \[\(1, 16, 16, 1\)\]"),
        ({"dtype": "int8"}, {}, r"uint8 or float32 input .* it has \['int8'\]"),
        ({}, {"label_names": EXPRESSIONS_7}, r"shape \(1, 7\), one column per label"),
        (
            {"num_expressions": 5, "representation": True},
            {"label_names": EXPRESSIONS_8[:5]},
            r"one float32 output of shape \(1, 5\)",
        ),
    ],
)
def test_file_that_breaks_its_contract(model_file, tiny_tflite, options, contract, message):
    contract = ModelContract(**{"label_names": EXPRESSIONS_8, "image_size": 16, **contract})
    with pytest.raises(FERError, match=rf"model\.tflite' does not keep its contract: .*{message}"):
        ExpressionRecognizer(model_file(tiny_tflite(**options), contract=contract))


@pytest.mark.parametrize("options", [{"bias": float("nan")}, {"bias": 9.0, "activation": "sigmoid"}])
def test_answers_that_are_no_probabilities(model_file, tiny_tflite, options):
    recognizer = ExpressionRecognizer(model_file(tiny_tflite(**options)))
    with pytest.raises(FERError, match="which are no probabilities"):
        recognizer.recognize(noise(1, 16, 16, 3))


def test_logits_that_happen_to_sum_to_one_are_no_probabilities(recognizer):
    class Interpreter:
        set_tensor = staticmethod(lambda index, values: None)
        invoke = staticmethod(lambda: None)
        get_tensor = staticmethod(lambda index: np.array([[3.0, -2.0, 0, 0, 0, 0, 0, 0]], np.float32))

    recognizer._interpreter = Interpreter()
    with pytest.raises(FERError, match="which are no probabilities"):
        recognizer.recognize(noise(1, 16, 16, 3))


@pytest.mark.parametrize("kept", [8, 100, 0.5, 0.9])
def test_truncated_flatbuffer_is_refused(model_file, tiny_tflite, kept):
    flatbuffer = tiny_tflite()
    size = kept if kept > 1 else int(len(flatbuffer) * kept)
    with pytest.raises(FERError, match="is damaged or needs operations that LiteRT lacks"):
        ExpressionRecognizer(model_file(flatbuffer[:size]))


def test_overwritten_flatbuffer_is_refused(model_file, tiny_tflite):
    flatbuffer = bytearray(tiny_tflite())
    flatbuffer[8:1000] = bytes(992)
    with pytest.raises(FERError, match="is damaged"):
        ExpressionRecognizer(model_file(bytes(flatbuffer)))


def test_number_of_threads(model_file):
    assert ExpressionRecognizer(model_file(), num_threads=2).recognize(noise(1, 16, 16, 3)).shape == (1, 8)
    with pytest.raises(ValueError, match="num_threads=0"):
        ExpressionRecognizer(model_file(), num_threads=0)


def test_no_tensorflow_is_imported(model_file):
    program = (
        "import sys, numpy\n"
        "import keras_fer.runtime.images, keras_fer.runtime.model_file, keras_fer.runtime.preprocessing\n"
        "import keras_fer.runtime.detectors, keras_fer.runtime.annotated_copies, keras_fer.runtime.window\n"
        "from keras_fer import ExpressionRecognizer\n"
        "assert 'ai_edge_litert' not in sys.modules\n"
        f"recognizer = ExpressionRecognizer({str(model_file())!r})\n"
        "recognizer.recognize(numpy.zeros((1, 16, 16, 3), numpy.uint8))\n"
        "print(sorted({'tensorflow', 'keras', 'cv2', 'sklearn', 'matplotlib'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_says_how_the_file_wants_its_pixels(model_file, tiny_tflite):
    assert ExpressionRecognizer(model_file()).input_details == ("float32", 1, 0.0, 0)
    details = ExpressionRecognizer(model_file(tiny_tflite("uint8", batch_size=1))).input_details
    assert (details.dtype, details.batch_size) == ("uint8", 1)
    assert details.scale == pytest.approx(1, abs=0.01)
