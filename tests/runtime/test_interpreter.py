import numpy as np
import pytest

from keras_fer.errors import FERError
from keras_fer.runtime.interpreter import opened_interpreter


def test_a_file_and_its_content_answer_alike(tiny_tflite, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(tiny_tflite())
    answers = []
    for model in (path, tiny_tflite()):
        interpreter = opened_interpreter(model, 1, "It cannot be run")
        image = np.full((1, 16, 16, 3), 100, np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    assert answers[0].shape == (1, 8)
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("kept", [8, 100, 0.5, 0.9])
def test_damage_is_one_sentence(tiny_tflite, kept):
    content = tiny_tflite()
    size = kept if kept > 1 else int(len(content) * kept)
    with pytest.raises(FERError, match=r"^It cannot be run: .*\. Export it again\.$") as found:
        opened_interpreter(content[:size], 1, "It cannot be run", ". Export it again.")
    assert found.value.__cause__ is not None


def test_what_fails_on_preparing_is_said_alike(tiny_tflite):
    def prepare(interpreter):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.zeros(3, np.float32))
        raise AssertionError("not reached")

    with pytest.raises(FERError, match=r"^It cannot be run: Cannot set tensor"):
        opened_interpreter(tiny_tflite(), 1, "It cannot be run", prepare=prepare)
