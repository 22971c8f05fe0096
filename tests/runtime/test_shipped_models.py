import pytest

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.errors import FERError
from keras_fer.runtime import shipped_models as module
from keras_fer.runtime.recognizer import ExpressionRecognizer
from keras_fer.runtime.shipped_models import CHECKSUMS, DEFAULT, FOLDER, shipped_model, shipped_models


def test_files_are_those_that_the_checksums_are_of():
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
        [CHECKSUMS, *(model.path.name for model in shipped_models())]
    )
    assert all(model.is_intact for model in shipped_models())
    assert DEFAULT in [model.name for model in shipped_models()]


def test_files_are_small_enough_to_be_installed_with_the_package():
    assert sum(model.path.stat().st_size for model in shipped_models()) <= 6e6


def test_contracts_say_what_a_user_must_know():
    for model in shipped_models():
        assert model.contract.name == "ferplus"
        assert model.contract.training_data.startswith("ferplus")
        assert model.contract.temperature != 1
        assert 0 < model.contract.uncertain_below < 1


def test_damaged_and_missing_files_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / CHECKSUMS).write_text(f"{'0' * 64}  a.tflite\n{'0' * 64}  b.tflite\n")
    (tmp_path / "a.tflite").write_bytes(b"other")
    assert [(model.name, model.is_intact) for model in shipped_models()] == [("a", False), ("b", False)]


def test_unknown_name():
    with pytest.raises(FERError, match=f"No model 'ferplus' .* There are: .*{DEFAULT}"):
        shipped_model("ferplus")


# What the files answered when they were made: image number, expression, probability in float32.
ANSWERS = (
    (0, "happiness", 0.999),
    (3, "neutral", 0.968),
    (6, "fear", 0.799),
    (21, "surprise", 0.845),
    (29, "anger", 0.681),
    (33, "sadness", 0.552),
)


@pytest.fixture(scope="module")
def rendered():
    config = SyntheticConfig(num_images=64, difficulty="easy", image_size=48, seed=5)
    return [render(config, number)[0] for number, _, _ in ANSWERS]


@pytest.mark.parametrize(("name", "tolerance"), [("ferplus_float32", 0.02), ("ferplus_static_wi8_ai8", 0.08)])
def test_answers_on_rendered_faces(rendered, name, tolerance):
    recognizer = ExpressionRecognizer(shipped_model(name).path)
    answers = [recognizer.prediction(row) for row in recognizer.recognize(rendered)]
    assert [answer.expression for answer in answers] == [expression for _, expression, _ in ANSWERS]
    assert [answer.probability for answer in answers] == pytest.approx(
        [probability for _, _, probability in ANSWERS], abs=tolerance
    )
