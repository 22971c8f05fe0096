import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.runtime.model_file import read_contract


def export(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_exports_with_the_data_set_of_the_run(tiny_run, tmp_path, noise_dataset):
    output = tmp_path / "exported"
    result = export(
        tiny_run, output, "--recipe", "float32", "--recipe", "float32", "--verification-images", 5
    )
    assert result.exit_code == 0, result.output
    assert "Compared with the Keras model on 5 images of the test split" in result.stdout
    assert {path.name for path in output.iterdir()} == {
        "tiny_float32.tflite",
        "labels.txt",
        "contract.json",
        "report.json",
    }
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    assert report["verification"]["dataset"]["path"] == str(noise_dataset)
    assert report["calibration"]["split"] == "train"


def test_name_is_that_of_the_files_and_in_the_contract(tiny_run, tmp_path):
    output = tmp_path / "exported"
    result = export(tiny_run, output, "--name", "mine", "--recipe", "float32", "--verification-images", 5)
    assert result.exit_code == 0, result.output
    assert read_contract(output / "mine_float32.tflite").name == "mine"


@pytest.mark.parametrize("name", ["", "../mine", "a/b", ".hidden", "a" * 101, "a b"])
def test_name_that_is_no_file_name_is_refused(tiny_run, tmp_path, name):
    result = export(tiny_run, tmp_path / "exported", "--name", name)
    assert result.exit_code == 2
    assert "letters, digits" in result.stderr


def test_failed_check_is_exit_code_1_after_the_table(tiny_run, tmp_path, noise_dataset):
    output = tmp_path / "exported"
    result = export(
        tiny_run / "model.keras", output, "--dataset", noise_dataset, "--recipe", "float16",
        "--float16-difference", 0,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "FAILED tiny_float16.tflite: largest difference of a probability" in result.stdout
    message = result.stderr.splitlines()[-1]
    assert message.startswith("Error: The export failed its checks")
    assert "--keep-failed keeps" in message
    assert "--float16-difference" in message
    assert not output.exists()


@pytest.mark.parametrize("change", ["missing config", "data set gone", "not a data set"])
def test_data_set_that_cannot_be_used(tiny_run, tmp_path, change):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.keras").write_bytes((tiny_run / "model.keras").read_bytes())
    expected = {
        "missing config": "with --dataset",
        "data set gone": "not there any more",
        "not a data set": "prepared",
    }
    if change == "data set gone":
        (folder / "config.json").write_text('{"dataset": "gone"}')
    if change == "not a data set":
        (folder / "config.json").write_text(json.dumps({"dataset": str(tmp_path)}))
    result = export(folder, tmp_path / "out")
    assert result.exit_code == 1
    assert expected[change] in result.stderr
    assert not (tmp_path / "out").exists()


def test_output_in_use(tiny_run):
    result = export(tiny_run, tiny_run)
    assert result.exit_code == 1
    assert "exists already" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--recipe", "int4"], ["--agreement", "2"], ["--calibration-images", "0"]]
)
def test_refused_options(tiny_run, tmp_path, arguments):
    assert export(tiny_run, tmp_path / "out", *arguments).exit_code == 2


def test_refusal_loads_no_tensorflow(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"")
    code = (
        "import sys\n"
        "from keras_fer.cli.main import main\n"
        "try:\n"
        "    main(sys.argv[1:], standalone_mode=False)\n"
        "except Exception as error:\n"
        "    print(error)\n"
        "sys.exit('loaded' if {'tensorflow', 'keras', 'cv2', 'sklearn'} & set(sys.modules) else 0)\n"
    )
    command = [sys.executable, "-c", code, "export", str(tmp_path / "model.keras"), str(tmp_path / "out")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "--dataset" in result.stdout
