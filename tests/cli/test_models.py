import json

from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.runtime import shipped_models as module
from keras_fer.runtime.shipped_models import CHECKSUMS, DEFAULT, shipped_models


def models(*arguments):
    return CliRunner().invoke(main, ["models", *arguments])


def test_table_names_every_model_its_labels_and_its_checksum():
    result = models()
    assert result.exit_code == 0
    assert result.stdout.count("(the default)") == 1
    for model in shipped_models():
        assert model.name in result.stdout
        assert model.sha256 in result.stdout
        assert f"  for     {model.purpose}\n" in result.stdout
        assert str(model.path) in result.stdout
    assert ", ".join(EXPRESSIONS_8) in result.stdout


def test_json_has_one_object_per_model():
    entries = [json.loads(line) for line in models("--format", "json").stdout.splitlines()]
    assert [entry["name"] for entry in entries] == [model.name for model in shipped_models()]
    assert [entry["name"] for entry in entries if entry["default"]] == [DEFAULT]
    assert all(entry["contract"]["label_names"] == list(EXPRESSIONS_8) for entry in entries)


def test_a_file_that_was_changed_is_an_error(tmp_path, monkeypatch):
    intact = shipped_models()[0]
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    (tmp_path / CHECKSUMS).write_text(f"{intact.sha256}  good.tflite\n{intact.sha256}  bad.tflite\n")
    (tmp_path / "good.tflite").write_bytes(intact.path.read_bytes())
    (tmp_path / "bad.tflite").write_bytes(b"something else")
    result = models()
    assert result.exit_code == 1
    assert result.stdout.startswith("good\n")
    assert result.stderr == "Error: bad is not the file that was shipped; install again.\n"
