import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.evaluate import SPLIT_NAMES
from keras_fer.cli.main import main
from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.records import SPLITS
from keras_fer.labels import EXPRESSIONS_7, EXPRESSIONS_8


@pytest.fixture
def dataset(tmp_path):
    """Returns a function that writes a data set of noise, 3 images per class in the test split."""

    def write(label_names=EXPRESSIONS_8):
        count = 3 * len(label_names)
        images = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
        writer = PreparedWriter(
            tmp_path / "prepared", source="noise", label_names=label_names, image_shape=(16, 16, 3)
        )
        with writer:
            writer.append(
                images,
                labels=np.arange(count) % len(label_names),
                splits=np.full(count, SPLITS.index("test")),
                sources=[f"{row}.png" for row in range(count)],
            )
            return writer.finish().path

    return write


def evaluate(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_table(model_file, dataset):
    result = evaluate(model_file(), dataset())
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "24 images of the test split, 8 classes"
    assert lines[1].startswith("source noise, crop 16 px, hash ")
    assert [line.split()[0] for line in lines if line.startswith(EXPRESSIONS_8)] == list(EXPRESSIONS_8)
    assert "balanced accuracy" in result.stdout


def test_mirrored_says_so(model_file, dataset):
    path = dataset()
    plain = json.loads(evaluate(model_file(), path, "--format", "json").stdout)
    mirrored = json.loads(evaluate(model_file(), path, "--format", "json", "--mirrored").stdout)
    (note,) = set(mirrored["notes"]) - set(plain["notes"])
    assert "its mirror image" in note
    assert note in evaluate(model_file(), path, "--mirrored").stdout


def test_json_on_the_terminal_equals_the_file(model_file, dataset, tmp_path):
    output = tmp_path / "scores.json"
    result = evaluate(model_file(), dataset(), "--format", "json", "--output", output)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document == json.loads(output.read_text(encoding="utf-8"))
    assert document["num_images"] == 24
    assert document["model"].endswith("model.tflite")
    assert document["dataset"]["source"] == "noise"
    assert np.sum(document["confusion"]) == 24


def test_a_model_of_eight_classes_on_seven_says_so(model_file, dataset):
    result = evaluate(model_file(), dataset(EXPRESSIONS_7))
    assert "21 images of the test split, 7 of the model's 8 classes, without contempt" in result.stdout
    assert "\ncontempt" not in result.stdout


def test_a_taxonomy_restricts_the_view(model_file, dataset):
    result = evaluate(model_file(), dataset(), "--taxonomy", "expressions-7")
    assert "7 of the model's 8 classes, without contempt" in result.stdout
    assert "Note: 3 images of contempt were left out" in result.stdout


def test_a_model_without_shared_classes_is_refused(model_file, dataset):
    contract = ModelContract(tuple("abcdefgh"), image_size=16)
    result = evaluate(model_file(contract=contract), dataset())
    assert result.exit_code == 1
    assert "share fewer than two" in result.stderr


def test_refusals_are_one_sentence_and_leave_nothing(model_file, dataset, tmp_path):
    model, data = model_file(), dataset()
    (tmp_path / "empty").mkdir()
    output = tmp_path / "scores.json"
    for arguments, message in (
        ((model, tmp_path / "empty"), "There is no prepared data set"),
        ((model, data, "--split", "train"), "The train split of"),
        ((tmp_path / "empty", data), "There is no model at"),
        ((model, data, "--output", tmp_path / "absent" / "scores.json"), "There is no folder"),
    ):
        result = evaluate(*arguments, *([] if "--output" in arguments else ["--output", output]))
        assert result.exit_code == 1
        assert message in result.stderr
        assert "Traceback" not in result.output
        assert not output.exists()


@pytest.mark.parametrize(
    "arguments", [["absent", "absent"], ["--split", "dev"], ["--taxonomy", "expressions-9"], []]
)
def test_wrong_options_are_refused_by_the_parser(arguments):
    assert evaluate(*arguments).exit_code == 2


def test_the_splits_are_those_of_the_records():
    assert SPLIT_NAMES == SPLITS


def test_an_exported_file_is_evaluated_without_tensorflow(model_file, dataset):
    program = (
        "import sys\n"
        "from keras_fer.cli.main import main\n"
        f"main(['evaluate', {str(model_file())!r}, {str(dataset())!r}], standalone_mode=False)\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_robustness_in_table_and_file(model_file, dataset, tmp_path):
    output = tmp_path / "scores.json"
    result = evaluate(model_file(), dataset(), "--robustness", "--output", output)
    assert result.exit_code == 0, result.output
    rows = json.loads(output.read_text(encoding="utf-8"))["robustness"]["conditions"]
    assert [row["name"] for row in rows] == ["crop -15 %", "crop +15 %", "tilt -10°", "tilt +10°"]
    for row in rows:
        (line,) = [line for line in result.stdout.splitlines() if line.startswith(row["name"])]
        assert f"{row['changed']:7.2%}" in line
    assert "Note: No other resize filters" in result.stdout
    assert "robustness" not in json.loads(
        evaluate(model_file(), tmp_path / "prepared", "--format", "json").stdout
    )
