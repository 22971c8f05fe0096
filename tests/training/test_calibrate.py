"""What a calibrated run says of its probabilities, and what stays as it was."""

import errno
import json
import shutil

import numpy as np
import pytest

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.models.loading import load_model
from keras_fer.training.calibrate import calibrate, remove_calibration, require_calibratable
from keras_fer.training.config import TrainingConfig
from keras_fer.training.finish import finish
from keras_fer.training.fit import fit
from keras_fer.training.initial_weights import take_classifier
from keras_fer.training.logit_adjustment import expression_bias
from keras_fer.training.run_folder import read_config, write_json


@pytest.fixture(scope="module")
def finished(prepared_folder, tmp_path_factory):
    config = TrainingConfig(
        str(prepared_folder),
        str(tmp_path_factory.mktemp("calibrate") / "run"),
        preset="baseline",
        backbone="plain_small",
        epochs=4,
        batch_size=16,
        learning_rate=0.01,
        augmentation="none",
        ema_momentum=0.0,
    )
    folder = fit(config, verbose=0).folder
    finish(folder)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def probabilities(run):
    dataset = open_prepared(read_config(run)["dataset"])
    return evaluate(open_recognizer(run), dataset, "test").probabilities


def test_the_temperature_is_stored_and_changes_no_answer(run, finished):
    before = probabilities(run)
    result = calibrate(run)
    after = probabilities(run)
    powers = before ** (1 / result.temperature)
    np.testing.assert_allclose(after, powers / powers.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-7)
    np.testing.assert_array_equal(after.argmax(axis=1), before.argmax(axis=1))
    assert abs(np.log(result.temperature)) > 0.05
    contract = ModelContract.from_json((run / "contract.json").read_bytes())
    assert contract == load_model(run).contract
    assert (contract.temperature, contract.uncertain_below) == (result.temperature, 0.0)
    one, other = (json.loads((folder / "evaluation.json").read_text()) for folder in (finished, run))
    assert one["accuracy"] == other["accuracy"]
    assert one["expected_calibration_error"] == result.error_before
    assert other["expected_calibration_error"] == result.error_after
    assert f"a temperature of {result.temperature:.3g}" in (run / "report.html").read_text()
    assert read_config(run)["calibrated"]["temperature"] == result.temperature
    weights = zip(load_model(run).weights, load_model(finished).weights, strict=True)
    assert all(np.array_equal(now, then) for now, then in weights)


def test_once_more_gives_the_same(run):
    first, second = calibrate(run, certain_accuracy=0.5), calibrate(run)
    assert second.temperature == pytest.approx(first.temperature, rel=1e-6)
    assert second.error_before == first.error_before
    assert second.uncertain_below == 0
    assert second.coverage == 1


def test_rare_classes_are_favoured_and_it_is_taken_back_to_the_bit(run, finished):
    plain = probabilities(run)
    expected = evaluate(open_recognizer(run), open_prepared(read_config(run)["dataset"]), "validation")
    result = calibrate(run, logit_adjustment=0.5)
    adjusted = plain * np.maximum(expected.probabilities.mean(axis=0), 1e-4) ** -0.5
    powers = (adjusted / adjusted.sum(axis=1, keepdims=True)) ** (1 / result.temperature)
    np.testing.assert_allclose(
        probabilities(run), powers / powers.sum(axis=1, keepdims=True), rtol=1e-3, atol=1e-6
    )
    scores = json.loads((run / "evaluation.json").read_text())
    assert (scores["accuracy"], scores["balanced_accuracy"]) == (
        result.accuracies[1],
        result.balanced_accuracies[1],
    )
    before = json.loads((finished / "evaluation.json").read_text())
    assert (before["accuracy"], before["balanced_accuracy"]) == (
        result.accuracies[0],
        result.balanced_accuracies[0],
    )
    assert read_config(run)["calibrated"]["logit_adjustment"] == 0.5
    once = load_model(run).get_weights()
    calibrate(run, logit_adjustment=0.5)
    assert all(map(np.array_equal, load_model(run).get_weights(), once))
    assert not all(map(np.array_equal, once, load_model(finished).get_weights()))
    assert "0.5: rare expressions are favoured" in (run / "report.html").read_text()
    calibrate(run)
    assert "logit_adjustment" not in read_config(run)["calibrated"]
    assert "rare expressions" not in (run / "report.html").read_text()
    assert all(map(np.array_equal, load_model(run).get_weights(), load_model(finished).get_weights()))


@pytest.mark.parametrize("last", ["model.keras", "config.json"])
def test_killed_while_it_is_stored_it_is_taken_back(run, finished, last):
    """Config and model get their names one after the other; either may be the one of before."""
    adjusted = shutil.copytree(finished, run.parent / "adjusted")
    calibrate(adjusted, logit_adjustment=0.5)
    # The config comes first, at the first adjustment and at any later one.
    shutil.copy(adjusted / "config.json", run)
    if last == "config.json":
        shutil.copy(adjusted / "model.keras", run)
    remove_calibration(run)
    assert all(map(np.array_equal, load_model(run).get_weights(), load_model(finished).get_weights()))
    # And after it was removed, a model that is still the adjusted one.
    shutil.copy(adjusted / "model.keras", run)
    calibrate(run)
    assert all(map(np.array_equal, load_model(run).get_weights(), load_model(finished).get_weights()))


def test_a_frozen_classifier_is_taken_as_it_was_trained(run, finished):
    calibrate(run, logit_adjustment=0.5)
    taken = load_model(finished)
    expression_bias(taken).assign(np.zeros(8, np.float32))
    take_classifier(taken, run)
    assert all(map(np.array_equal, taken.get_weights(), load_model(finished).get_weights()))


@pytest.mark.parametrize("biases", [[1.0], "none", ["a"] * 8, [None] * 8, [float("inf")] * 8])
def test_biases_that_were_damaged_are_said(run, biases):
    (run / "config.json").write_text(json.dumps({**read_config(run), "trained_expression_bias": biases}))
    with pytest.raises(FERError, match="must be the biases of its 8 classes"):
        remove_calibration(run)
    with pytest.raises(FERError, match="must be the biases of its 8 classes"):
        calibrate(run)


def test_removed_is_as_before(run, finished):
    calibrate(run, certain_accuracy=0.5)
    remove_calibration(run)
    assert read_config(run) == read_config(finished)
    for name in ("contract.json", "evaluation.json", "report.html"):
        assert (run / name).read_bytes() == (finished / name).read_bytes(), name
    np.testing.assert_array_equal(probabilities(run), probabilities(finished))


def test_a_config_that_the_report_cannot_show_is_refused_before_anything_changes(run):
    calibrate(run)
    config = read_config(run)
    del config["environment"]
    write_json(run / "config.json", config)
    before = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    with pytest.raises(FERError, match="Restore it"):
        remove_calibration(run)
    assert before == {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


def test_a_threshold_for_the_accuracy_that_is_asked_for(run, finished):
    dataset = open_prepared(read_config(run)["dataset"])
    plain = evaluate(open_recognizer(finished), dataset, "validation")
    # What the surest 50 of the 64 images reach.
    surest = np.argsort(-plain.probabilities.max(axis=1))[:50]
    wanted = (plain.probabilities.argmax(axis=1) == plain.labels)[surest].mean()
    result = calibrate(run, certain_accuracy=wanted)
    predictions = evaluate(open_recognizer(run), dataset, "validation")
    answered = predictions.probabilities.max(axis=1) >= result.uncertain_below
    right = (predictions.probabilities.argmax(axis=1) == predictions.labels)[answered]
    assert right.mean() >= wanted
    assert load_model(run).contract.uncertain_below == result.uncertain_below


def test_what_no_threshold_reaches_is_refused_and_changes_nothing(run, finished, monkeypatch):
    monkeypatch.setattr("keras_fer.training.calibrate.threshold_of_accuracy", lambda *_: None)
    with pytest.raises(
        FERError, match=r"No threshold makes 99\.0% of the answers .* threshold \d+\.\d%\. Nothing was"
    ):
        calibrate(run, certain_accuracy=0.99)
    for path in finished.iterdir():
        if path.is_file():
            assert (run / path.name).read_bytes() == path.read_bytes()


def test_too_few_images_for_any_threshold(run, monkeypatch):
    monkeypatch.setattr("keras_fer.training.calibrate.LEAST_ANSWERS", 65)
    with pytest.raises(FERError, match="leave at least 65 answers, and the validation split has 64 images"):
        calibrate(run, certain_accuracy=0.1)


def test_a_disk_that_is_full_in_the_middle_changes_nothing(run, finished, monkeypatch):
    def sync(path):
        if path.suffix == ".keras":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("keras_fer.training.calibrate.fsync", sync)
    with pytest.raises(OSError, match="No space left"):
        calibrate(run)
    assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in finished.iterdir())
    for path in finished.iterdir():
        if path.is_file():
            assert (run / path.name).read_bytes() == path.read_bytes()


def test_a_run_that_is_not_finished(run, tmp_path):
    (run / "checkpoints").mkdir()
    with pytest.raises(FERError, match="is not finished: `keras-fer train --resume"):
        require_calibratable(run)
    with pytest.raises(FERError, match="not a run folder"):
        calibrate(tmp_path)
    with pytest.raises(FERError, match="is a file; name the folder of a run"):
        require_calibratable(run / "config.json")
