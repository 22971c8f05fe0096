import json
import re
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli.main import main
from keras_fer.contract import ModelContract
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.runtime.shipped_models import DEFAULT, shipped_model


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    (folder / "more").mkdir(parents=True)
    for index, name in enumerate(("b.png", "a.jpg", "more/c.png")):
        pixels = np.random.default_rng(index).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


def predict(*arguments):
    """Runs the command on crops, so that no detector need be installed."""
    return CliRunner().invoke(main, ["predict", "--detector", "none", *map(str, arguments)])


def test_json_lines(model_file, faces):
    result = predict(model_file(), faces, faces / "b.png", "--format", "json")
    assert result.exit_code == 0
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    names = ["a.jpg", "b.png", "more/c.png", "b.png"]
    assert [answer["path"] for answer in answers] == [str(faces / name) for name in names]
    for answer in answers:
        assert list(answer) == ["path", "expression", "probability", "probabilities", "uncertain"]
        assert list(answer["probabilities"]) == list(EXPRESSIONS_8)
        assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert answer["probabilities"][answer["expression"]] == max(answer["probabilities"].values())


def test_table(model_file, faces):
    path = faces / "a.jpg"
    answer = json.loads(predict(model_file(), path, "--format", "json").stdout)
    row = predict(model_file(), path, "--top", 2).stdout
    best, second = sorted(answer["probabilities"], key=answer["probabilities"].get, reverse=True)[:2]
    assert row.split() == [
        best,
        f"{answer['probability']:.1%}",
        second,
        f"{answer['probabilities'][second]:.1%}",
        str(path),
    ]


def test_top_is_limited_by_the_classes(model_file, faces):
    row = predict(model_file(), faces / "a.jpg", "--top", 100).stdout
    assert all(name in row for name in EXPRESSIONS_8)


def test_uncertain_answers_say_so(model_file, faces):
    contract = ModelContract(EXPRESSIONS_8, image_size=16, uncertain_below=1.0)
    path = model_file(contract=contract)
    assert predict(path, faces / "a.jpg").stdout.endswith("a.jpg  uncertain\n")
    assert predict(path, faces / "a.jpg", "--uncertain-below", 0).stdout.endswith("a.jpg\n")
    assert predict(model_file(), faces / "a.jpg", "--uncertain-below", 1).stdout.endswith("  uncertain\n")


def test_says_once_that_images_are_taken_as_crops(model_file, faces):
    assert predict(model_file(), faces).stderr.count("taken as the crop of one face") == 1


def test_images_that_cannot_be_read_do_not_stop_the_others(model_file, faces, tmp_path):
    (faces / "b.png").write_bytes(b"text")
    (tmp_path / "empty").mkdir()
    result = predict(model_file(), tmp_path / "empty", faces, "missing.png", "--format", "json")
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    for part, line in zip(("empty' holds no images", "b.png", "missing.png"), errors, strict=True):
        assert part in line
    assert result.stderr.endswith("3 could not be read.\n")


def test_output_file(model_file, faces, tmp_path):
    output = tmp_path / "answers.jsonl"
    result = predict(model_file(), faces, "--format", "json", "--output", output)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert output.read_text() == predict(model_file(), faces, "--format", "json").stdout


@pytest.mark.parametrize(
    ("name", "expected"), [("a.json", "json"), ("a.JSONL", "json"), ("a.csv", "csv"), ("a.txt", "table")]
)
def test_the_name_of_the_output_chooses_the_format_unless_one_is_asked_for(
    model_file, faces, tmp_path, name, expected
):
    output = tmp_path / name
    for options, format_ in ((), expected), (("--format", "csv"), "csv"):
        assert predict(model_file(), faces, "--output", output, *options).exit_code == 0
        assert output.read_text() == predict(model_file(), faces, "--format", format_).stdout


def test_a_name_that_asks_for_no_format_that_there_is(model_file, faces, tmp_path):
    result = predict(model_file(), faces, "--output", tmp_path / "answers.xlsx")
    assert result.exit_code == 2
    assert ".csv. Received: .xlsx. Give --format" in result.stderr
    assert predict(model_file(), faces, "--output", tmp_path / "a.b", "--format", "csv").exit_code == 0


def test_output_file_is_whole_or_as_before(model_file, faces, tmp_path, monkeypatch):
    output = tmp_path / "answers.jsonl"
    output.write_text("before")

    def stop(self, images):
        raise RuntimeError("stopped in the middle")

    monkeypatch.setattr("keras_fer.runtime.recognizer.ExpressionRecognizer.recognize", stop)
    assert isinstance(predict(model_file(), faces, "--output", output).exception, RuntimeError)
    assert output.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"answers.jsonl", "faces", "model.tflite"}


def test_output_in_a_missing_folder(model_file, faces, tmp_path):
    result = predict(model_file(), faces, "--output", tmp_path / "missing" / "answers.txt")
    assert result.exit_code == 1
    assert "missing' for the output; make it first." in result.stderr


@pytest.mark.parametrize(
    ("members", "message"), [({}, "holds no contract"), ({"contract.json": "{}"}, "contract lacks")]
)
def test_model_that_cannot_be_used(model_file, faces, members, message):
    result = predict(model_file(members=members), faces)
    assert result.exit_code == 1
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line


@pytest.mark.parametrize("name", ["run", "model.keras"])
def test_model_that_is_not_exported(faces, tmp_path, name):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "contract.json").write_text("{}")
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04")
    result = predict(tmp_path / name, faces)
    assert result.exit_code == 1
    assert "is not an exported model" in result.stderr
    assert "`keras-fer export RUN OUT`" in result.stderr


def test_model_file_that_is_missing(faces):
    result = predict("missing.tflite", faces)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no model file 'missing.tflite'.")


def test_without_a_model_the_shipped_one_answers(faces):
    named = predict(DEFAULT, faces, "--format", "json")
    unnamed = predict(faces, "--format", "json")
    assert named.stdout == unnamed.stdout == predict(shipped_model().path, faces, "--format", "json").stdout
    assert len(unnamed.stdout.splitlines()) == 3
    assert f"The model is {DEFAULT}" in unnamed.stderr
    assert "The model is" not in named.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["ferplus", "a.jpg"],
            f"neither a file 'ferplus' nor a model of that name; installed are .*{DEFAULT}",
        ),
        (["a.jpg", DEFAULT], f"'{DEFAULT}' must be the first argument"),
        (["a.jpg", "other.tflite"], "'other.tflite' must be the first argument"),
    ],
)
def test_another_model_never_answers_for_one_that_was_meant(arguments, message):
    result = predict(*arguments)
    assert result.exit_code == 2
    assert re.search(message, " ".join(result.stderr.split()))
    assert "The model is" not in result.stderr


def test_file_that_is_called_like_a_shipped_model_is_an_input(faces, monkeypatch):
    monkeypatch.chdir(faces)
    (faces / "a.jpg").rename(DEFAULT)
    result = predict(DEFAULT, "--format", "json")
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [DEFAULT]


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.tflite"],
        [DEFAULT],
        [],
        [".", "a.png", "--top", "0"],
        [".", "a.png", "--threads", "0"],
        [".", "a.png", "--detector", "mtcnn"],
        [".", "a.png", "--detect-every", "0"],
        [".", "a.png", "--smoothing", "-1"],
        [".", "a.png", "--frames", "0"],
        [".", "a.png", "--uncertain-below", "2"],
    ],
)
def test_refused_arguments(arguments):
    assert predict(*arguments).exit_code == 2


def test_file_name_that_is_not_unicode(model_file, faces):
    odd = faces / "odd\udcff.png"
    (faces / "b.png").rename(odd)
    for output_format in ("table", "json", "csv"):
        assert predict(model_file(), odd, "--format", output_format).exit_code == 0
        output = faces / "answers"
        assert predict(model_file(), odd, "--format", output_format, "--output", output).exit_code == 0


def test_no_tensorflow_is_imported(model_file, faces):
    program = (
        "import sys\n"
        "from keras_fer.cli.main import main\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'sklearn', 'matplotlib'}\n"
        "for arguments in (['--help'], sys.argv[1:]):\n"
        "    main(['predict', '--detector', 'none', *arguments], standalone_mode=False)\n"
        "    if arguments == ['--help']:\n"
        "        heavy_for_help = heavy | {'numpy', 'PIL', 'ai_edge_litert'}\n"
        "        print(sorted(heavy_for_help & set(sys.modules)))\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(model_file()), str(faces), "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = result.stdout.splitlines()
    assert lines.count("[]") == 2
    assert len([line for line in lines if line.startswith("{")]) == 3
