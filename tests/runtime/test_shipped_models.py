import re
from pathlib import Path

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


def test_each_says_what_it_is_for_with_the_numbers_of_the_card():
    card = (Path(__file__).parents[2] / "docs" / "model_card.md").read_text(encoding="utf-8")
    for model in shipped_models():
        (share,) = re.findall(r"(\d+\.\d) %", model.purpose)
        (stated,) = re.findall(rf"\| `{model.name}`.*?\| (\d+\.\d+) % \|", card)
        assert share == f"{float(stated):.1f}"


def test_contracts_say_what_a_user_must_know():
    for model in shipped_models():
        assert model.contract.name == model.name.split("_")[0]
        assert model.contract.training_data.startswith("ferplus")
        assert model.contract.temperature != 1
        assert 0 < model.contract.uncertain_below < 1


def test_damaged_and_missing_files_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / CHECKSUMS).write_text(f"{'0' * 64}  a.tflite\n{'0' * 64}  b.tflite\n")
    (tmp_path / "a.tflite").write_bytes(b"other")
    assert [(model.name, model.is_intact) for model in shipped_models()] == [("a", False), ("b", False)]


def test_a_file_that_nothing_is_known_of_is_for_nothing(tmp_path):
    assert module.ShippedModel(tmp_path / "other.tflite", "").purpose == ""


def test_unknown_name():
    with pytest.raises(FERError, match=f"No model 'ferplus' .* There are: .*{DEFAULT}"):
        shipped_model("ferplus")


# What the files answered when they were made: image number, expression, probability.
ANSWERS = {
    "ferplus": (
        (0, "happiness", 0.985),
        (23, "neutral", 0.984),
        (42, "fear", 0.574),
        (21, "surprise", 0.822),
        (58, "anger", 0.530),
    ),
    "ferplus-edge": (
        (20, "happiness", 0.986),
        (14, "neutral", 0.969),
        (12, "fear", 0.788),
        (40, "surprise", 0.891),
        (31, "anger", 0.806),
    ),
}


@pytest.mark.parametrize("model", shipped_models(), ids=lambda model: model.name)
def test_answers_on_rendered_faces(model):
    expected = ANSWERS[model.contract.name]
    config = SyntheticConfig(num_images=64, difficulty="easy", image_size=48, seed=5)
    recognizer = ExpressionRecognizer(model.path)
    rows = recognizer.recognize([render(config, number)[0] for number, _, _ in expected])
    answers = [recognizer.prediction(row) for row in rows]
    assert [answer.expression for answer in answers] == [expression for _, expression, _ in expected]
    tolerance = 0.02 if "float32" in model.name else 0.08
    assert [answer.probability for answer in answers] == pytest.approx(
        [probability for _, _, probability in expected], abs=tolerance
    )
