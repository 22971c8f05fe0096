import shutil

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main
from keras_fer.cli.unfinished_run import warn_if_unfinished


@pytest.fixture
def run(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


def test_an_unfinished_run_is_named_with_the_way_on(run, capsys):
    warn_if_unfinished(run)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"The training of {run} has not ended" in captured.err
    assert f"`keras-fer train --resume {run}`" in captured.err


def test_silent_otherwise(run, capsys):
    (run / "checkpoints").rmdir()
    warn_if_unfinished(run)
    warn_if_unfinished(run / "config.json")
    warn_if_unfinished(run / "none.tflite")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_commands_say_it(command, tiny_run, noise_dataset, tmp_path):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    (run / "checkpoints").mkdir()
    arguments = {
        "evaluate": (noise_dataset,),
        "export": (tmp_path / "exported", "--recipe", "float32", "--verification-images", 5),
    }[command]
    result = CliRunner().invoke(main, [command, str(run), *map(str, arguments)])
    assert result.exit_code == 0, result.output
    assert "has not ended" in result.stderr
