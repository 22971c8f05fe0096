import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.data.prepared import PreparedWriter
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.training.config import TrainingConfig
from keras_fer.training.fit import fit


def keras_fer(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on gray noise that is brighter from class to class."""
    folder = tmp_path_factory.mktemp("erase")
    labels = np.tile(np.arange(8), 24)
    noise = np.random.default_rng(0).integers(0, 100, (len(labels), 16, 16, 1))
    with PreparedWriter(
        folder / "data", source="noise", label_names=EXPRESSIONS_8, image_shape=(16, 16, 1), config={}
    ) as writer:
        writer.append(
            (noise + 20 * labels[:, None, None, None] * (np.arange(16)[:, None] < 8)).astype(np.uint8),
            labels=labels,
            splits=np.repeat([0, 1, 2], 64),
            sources=[f"{row}.png" for row in range(len(labels))],
        )
        writer.finish()
    config = TrainingConfig(
        str(folder / "data"),
        str(folder / "run"),
        preset="baseline",
        objective_changes={"decorrelation_weight": 0.1},
        backbone="plain_small",
        epochs=1,
        batch_size=32,
    )
    return fit(config, verbose=0).folder


def test_erases_and_prints_the_probe_before_and_after(run):
    output = run.parent / "erased"
    result = keras_fer("erase", run, output)
    assert result.exit_code == 0, result.output
    assert "Erased 7 of 64 directions, fitted on 64 images of the train split." in result.output
    found = re.search(r"test split: ([\d.]+)% before, ([\d.]+)% after \(chance 12\.5%\)", result.output)
    assert all(0 <= float(share) <= 100 for share in found.groups())
    note = json.loads((output / "config.json").read_text())["erased"]
    assert np.round(100 * note["linear_after"], 1) == float(found[2])
    assert keras_fer("evaluate", output, run.parent / "data").exit_code == 0


@pytest.mark.parametrize(
    ("change", "arguments", "code", "message"),
    [
        ({}, ["{run}", "{run}"], 1, "exists already"),
        ({}, ["{run}", "output", "--dataset", "none"], 2, "none"),
        ({}, ["none", "output"], 2, "none"),
        ({"dataset": "gone"}, ["{run}", "output"], 1, "gone"),
        (
            {"erased": {"source": "elsewhere", "dataset": "gone"}},
            ["{run}", "output"],
            1,
            "made from: 'elsewhere'",
        ),
        ({"objective": {}}, ["{run}", "output"], 1, "never trained the non-expression"),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(
    assert_refused, run, tmp_path, change, arguments, code, message
):
    copy = tmp_path / "run"
    copy.mkdir()
    config = {**json.loads((run / "config.json").read_text()), **change}
    (copy / "config.json").write_text(json.dumps(config))
    arguments = [argument.format(run=copy) for argument in arguments]
    assert_refused("erase", *arguments, code=code, message=message)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
