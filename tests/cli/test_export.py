import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedWriter
from keras_fer.data.records import SPLITS
from keras_fer.labels import EXPRESSIONS_7


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    with PreparedWriter(
        tmp_path_factory.mktemp("data") / "prepared",
        source="noise",
        label_names=EXPRESSIONS_7,
        image_shape=(16, 16, 3),
    ) as writer:
        writer.append(
            images,
            labels=np.arange(30) % 7,
            splits=np.repeat([SPLITS.index("train"), SPLITS.index("test")], 15),
            sources=[f"{row}.png" for row in range(30)],
        )
        return writer.finish().path


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory, dataset):
    """A run folder with a model of a few hundred weights."""
    import keras

    from keras_fer.models.building import disentangling_model
    from keras_fer.models.normalization import normalization

    keras.utils.set_random_seed(0)
    images = keras.Input((16, 16, 3))
    features = keras.layers.Conv2D(4, 3, strides=4)(normalization("standardized_gray")(images))
    model = disentangling_model(
        keras.Model(images, features),
        objective="baseline",
        representation_size=6,
        non_expression_size=5,
        contract=ModelContract(EXPRESSIONS_7, 16, name="tiny"),
    )
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "config.json").write_text(json.dumps({"dataset": str(dataset)}), encoding="utf-8")
    return folder


def export(*arguments):
    return CliRunner().invoke(main, ["export", *map(str, arguments)])


def test_exports_with_the_data_set_of_the_run(run_folder, tmp_path, dataset):
    output = tmp_path / "exported"
    result = export(
        run_folder, output, "--recipe", "float32", "--recipe", "float32", "--verification-images", 5
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
    assert report["verification"]["dataset"]["path"] == str(dataset)
    assert report["calibration"]["split"] == "train"


def test_failed_check_is_exit_code_1_after_the_table(run_folder, tmp_path, dataset):
    output = tmp_path / "exported"
    result = export(
        run_folder / "model.keras", output, "--dataset", dataset, "--recipe", "float16",
        "--float16-difference", 0,
    )  # fmt: skip
    assert result.exit_code == 1
    assert "FAILED tiny_float16.tflite: largest difference of a probability" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("Error: The export failed its checks")
    assert not output.exists()


@pytest.mark.parametrize("change", ["missing config", "data set gone", "not a data set"])
def test_data_set_that_cannot_be_used(run_folder, tmp_path, change):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model.keras").write_bytes((run_folder / "model.keras").read_bytes())
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


def test_output_in_use(run_folder):
    result = export(run_folder, run_folder)
    assert result.exit_code == 1
    assert "exists already" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--recipe", "int4"], ["--agreement", "2"], ["--calibration-images", "0"]]
)
def test_refused_options(run_folder, tmp_path, arguments):
    assert export(run_folder, tmp_path / "out", *arguments).exit_code == 2


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
