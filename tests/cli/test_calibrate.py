import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from keras_fer.cli.main import main

RESULT = SimpleNamespace(
    temperature=1.25,
    uncertain_below=0.4,
    split="validation",
    num_images=1200,
    judged_split="test",
    accuracies=(0.8, 0.79),
    balanced_accuracies=(0.6, 0.65),
    error_before=0.05,
    error_after=0.01,
    coverage=0.8,
    accuracy=0.95,
    at_bound=False,
)


@pytest.fixture
def run(tmp_path, noise_dataset):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"dataset": str(noise_dataset)}))
    return folder


def test_says_what_came_of_it(run, monkeypatch):
    asked = []
    result = RESULT

    def calibrate(*arguments):
        asked.append(arguments)
        return result

    monkeypatch.setattr("keras_fer.training.calibrate.calibrate", calibrate)
    runner = CliRunner()
    plain = runner.invoke(main, ["calibrate", str(run)])
    assert plain.exit_code == 0, plain.output
    assert "Temperature 1.250, fitted on 1,200 images of the validation split." in plain.output
    assert "error on the test split: 5.00% without it, 1.00% with it." in plain.output
    assert "uncertain" not in plain.output
    chosen = runner.invoke(main, ["calibrate", str(run), "--split", "test", "--certain-accuracy", "0.95"])
    assert "Answers below 0.400 read uncertain: on the test split 80.0% are answered, 95.0%" in chosen.output
    assert asked == [(run, None, "validation", None, 0.0), (run, None, "test", 0.95, 0.0)]
    assert "adjustment" not in chosen.output
    adjusted = runner.invoke(main, ["calibrate", str(run), "--logit-adjustment", "0.1"])
    assert asked[-1] == (run, None, "validation", None, 0.1)
    assert (
        "Accuracy on the test split: 80.00% (balanced 60.00%) before the adjustment, 79.00% (balanced 65.00%)"
        in adjusted.output
    )
    assert "Warning" not in chosen.output
    result = SimpleNamespace(**{**vars(RESULT), "error_after": 0.06})
    assert (
        "Warning: it grew there. 1,200 images may be too few"
        in runner.invoke(main, ["calibrate", str(run)]).stderr
    )


def test_remove(run, monkeypatch):
    asked = []
    monkeypatch.setattr("keras_fer.training.calibrate.remove_calibration", lambda *given: asked.append(given))
    result = CliRunner().invoke(main, ["calibrate", str(run), "--remove"])
    assert result.exit_code == 0, result.output
    assert "is as it was before it was calibrated" in result.stdout
    assert asked == [(run, None)]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none"], 1, "There is no run folder"),
        (["{run}", "--split", "train"], 2, "'train' is not one of"),
        (["{run}", "--certain-accuracy", "95"], 2, "95"),
        (["{run}", "--dataset", "{run}"], 1, "run"),
        (["{run}", "--remove", "--split", "validation"], 2, "leave out what says how"),
        (["{run}", "--remove", "--certain-accuracy", "0.9"], 2, "--remove takes the calibration away"),
        (["{run}", "--remove", "--dataset", "{run}"], 1, "run"),
        (["{run}/unfinished"], 1, "is not finished"),
        (["{run}/unfinished", "--remove"], 1, "is not finished"),
        (["{run}/empty"], 1, "not a run folder"),
    ],
)
def test_refused_in_one_sentence_without_tensorflow(assert_refused, run, arguments, code, message):
    (run / "unfinished" / "checkpoints").mkdir(parents=True)
    (run / "unfinished" / "config.json").write_text(json.dumps({"dataset": "a"}))
    (run / "empty").mkdir()
    arguments = [argument.format(run=run) for argument in arguments]
    assert_refused("calibrate", *arguments, code=code, message=message)
