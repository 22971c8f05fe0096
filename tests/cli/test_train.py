import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.cli.train import CONFIG_OPTIONS, OBJECTIVE_OPTIONS
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.prepare import prepare_synthetic
from keras_fer.models.objective import Objective
from keras_fer.training.config import TrainingConfig


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared") / "faces"
    prepare_synthetic(SyntheticConfig(num_images=256, image_size=32, difficulty="easy", pairs=True), folder)
    return folder


def keras_fer(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


SMALL = ("--backbone", "plain_small", "--epochs", "1", "--batch-size", "16", "--no-progress")


def test_train_leaves_a_run_that_config_repeats(faces, tmp_path):
    run = tmp_path / "run"
    result = keras_fer("train", faces, run, *SMALL, "--preset", "disentangle", "--critic-steps", 2)
    assert result.exit_code == 0, result.output
    assert "The best epoch was 1" in result.output
    assert "of the test split" in result.output
    assert (run / "report.html").is_file()
    stored = json.loads((run / "config.json").read_text())
    assert stored["objective"]["critic_steps"] == 2
    assert stored["objective"]["num_critics"] == 3
    result = keras_fer("train", faces, tmp_path / "again", "--config", run / "config.json", "--seed", 1)
    assert result.exit_code == 0, result.output
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    different = {name for name in stored if stored[name] != again[name]}
    assert different == {"output", "seed"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nowhere", "run"], 1, "nowhere"),
        (["{faces}", "{faces}"], 1, "exists already"),
        (["{faces}", "run", "--preset", "magic"], 2, "disentangle_pairs"),
        (["{faces}", "run", "--backbone", "vgg"], 2, "residual_small"),
        (["{faces}", "run", "--batch-size", "3"], 1, "batch_size"),
        (["{faces}", "run", "--epochs", "0"], 2, "epochs"),
        (["{faces}", "run", "--learning-rate", "0"], 2, "learning-rate"),
        (["{faces}", "run", "--config", "none.json"], 2, "none.json"),
        (["{faces}", "run", "--config", "{faces}/images-00000.npy"], 1, "config.json of a run"),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(faces, tmp_path, arguments, code, message):
    arguments = [argument.format(faces=faces) for argument in arguments]
    program = (
        "import sys; from keras_fer.cli.main import main\n"
        "try: main()\n"
        "finally: print('heavy:', sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "train", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "heavy: []" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_every_option_is_a_field():
    assert set(CONFIG_OPTIONS) <= set(TrainingConfig.__dataclass_fields__)
    assert set(OBJECTIVE_OPTIONS) <= set(Objective.__dataclass_fields__)
