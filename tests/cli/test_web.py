import json

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.runtime import blazeface
from keras_fer.web import build, server
from keras_fer.web.build import BUILT_FILES


@pytest.fixture
def app(tmp_path):
    """Returns the folder of an app of one line per file."""
    folder = tmp_path / "app"
    folder.mkdir()
    for name in BUILT_FILES:
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def no_detector(monkeypatch):
    monkeypatch.setattr(blazeface, "installed_model", lambda: None)


def web(*arguments):
    return CliRunner().invoke(main, ["web", *map(str, arguments)])


def test_writes_a_site(model_file, app, tmp_path):
    one, two = model_file(name="one.tflite"), model_file(name="two.tflite")
    result = web(two, one, "--app", app, "--output", tmp_path / "site")
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Wrote 8 files to {tmp_path / 'site'}; serve it over https.\n"
    assert "No face detector" in result.stderr
    document = json.loads((tmp_path / "site" / "models.json").read_text(encoding="utf-8"))
    assert [model["name"] for model in document["models"]] == ["two", "one"]


def test_serves_until_ctrl_c(model_file, app, monkeypatch):
    asked = []

    def serve_forever(self):
        asked.append(self.server_address)
        raise KeyboardInterrupt

    monkeypatch.setattr(server.ThreadingHTTPServer, "serve_forever", serve_forever)
    result = web(model_file(), "--app", app, "--port", 0)
    assert result.exit_code == 0, result.output
    ((host, port),) = asked
    assert host == "127.0.0.1"
    assert f"http://localhost:{port}/" in result.stdout


def test_the_app_is_built_where_none_is_named(model_file, app, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "built_app", lambda: app)
    result = web(model_file(), "--output", tmp_path / "site")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "site" / "main.js").read_text() == "main.js\n"


def test_refusals_are_one_sentence(model_file, app, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "detector.tflite").write_bytes(b"none")
    model = model_file()
    for arguments, message in (
        ((tmp_path / "empty", "--app", app), "holds no .tflite file"),
        ((model, "--app", tmp_path / "empty"), "holds no built app"),
        ((model, "--app", app, "--output", app), "exists already"),
        ((model_file(members={}, name="bare.tflite"), "--app", app), "holds no contract"),
        ((model, "--app", app, "--detector-model", tmp_path / "detector.tflite"), "is not a TFLite model"),
        ((model, "--app", app, "--host", "192.0.2.1", "--port", "0"), "Choose another --port"),
    ):
        result = web(*arguments)
        assert result.exit_code == 1, arguments
        assert message in result.stderr
        assert "Traceback" not in result.output


@pytest.mark.parametrize("arguments", [[], ["absent.tflite"], ["--port", "70000"]])
def test_wrong_arguments_are_refused_by_the_parser(arguments):
    assert web(*arguments).exit_code == 2
