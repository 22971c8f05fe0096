import pytest

from keras_fer.errors import FERError
from keras_fer.web.models import model_files, web_model


def test_files_and_folders(tmp_path):
    for name in ("b.tflite", "a.tflite", "labels.txt", "c.TXT"):
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "d.tflite").touch()
    assert [path.name for path in model_files([tmp_path / "deeper", tmp_path])] == [
        "d.tflite",
        "a.tflite",
        "b.tflite",
    ]
    assert model_files([tmp_path / "b.tflite"]) == [tmp_path / "b.tflite"]


def test_a_folder_without_files_and_equal_names_are_refused(tmp_path):
    with pytest.raises(FERError, match=r"holds no \.tflite file"):
        model_files([tmp_path])
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.tflite").touch()
    with pytest.raises(FERError, match=r"Several files are called 'same\.tflite'"):
        model_files([tmp_path / "one", tmp_path / "two"])


def test_entry_of_a_float_model(model_file):
    path = model_file()
    entry = web_model(path).to_dict("models/model.tflite")
    assert (entry["name"], entry["file"]) == ("model", "models/model.tflite")
    assert entry["size_bytes"] == path.stat().st_size
    assert entry["input"] == {"dtype": "float32", "scale": 0.0, "zero_point": 0}
    assert entry["contract"]["image_size"] == 16
    assert len(entry["contract"]["label_names"]) == 8


def test_entry_of_an_int8_model_says_how_pixels_are_scaled(model_file, tiny_tflite):
    entry = web_model(model_file(tiny_tflite("uint8"))).to_dict("")
    assert entry["input"]["dtype"] == "uint8"
    assert entry["input"]["scale"] == pytest.approx(1, abs=0.01)


def test_a_batch_is_refused(model_file, tiny_tflite):
    with pytest.raises(FERError, match="takes 2 images at a time"):
        web_model(model_file(tiny_tflite(batch_size=2)))


def test_a_file_without_a_contract_is_refused(model_file):
    with pytest.raises(FERError, match="holds no contract"):
        web_model(model_file(members={}))
