import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.evaluation.evaluate import evaluate
from keras_fer.evaluation.leakage import keras_representation_function, representations
from keras_fer.evaluation.probes import probe
from keras_fer.evaluation.recognizers import open_recognizer
from keras_fer.models.erasure import fit_erasure
from keras_fer.models.loading import load_model
from keras_fer.training.calibrate import calibrate, remove_calibration
from keras_fer.training.config import TrainingConfig
from keras_fer.training.erase import erase
from keras_fer.training.fit import fit
from keras_fer.training.logit_adjustment import expression_bias


@pytest.fixture(scope="module")
def run(prepared_folder, tmp_path_factory):
    """A run whose representation keeps everything, the expression too."""
    config = TrainingConfig(
        str(prepared_folder),
        str(tmp_path_factory.mktemp("runs") / "run"),
        preset="baseline",
        objective_changes={"decorrelation_weight": 0.1},
        backbone="plain_small",
        non_expression_size=12,
        epochs=2,
        batch_size=16,
        ema_momentum=0.5,
        augmentation="none",
    )
    return fit(config, verbose=0).folder


@pytest.fixture(scope="module")
def erased(run):
    return erase(run, run.parent / "erased")


def non_expression(folder, dataset, split):
    function = keras_representation_function(load_model(folder))
    return representations(function, dataset, dataset.indices(split), 16)["non_expression_representation"]


def test_the_new_run_gives_the_map_that_the_train_split_gives(run, erased, prepared_folder):
    dataset = open_prepared(prepared_folder)
    train, test = dataset.indices("train"), dataset.indices("test")
    expected = fit_erasure(non_expression(run, dataset, "train"), dataset.labels[train])
    before, after = (non_expression(folder, dataset, "test") for folder in (run, erased.folder))
    np.testing.assert_allclose(after, expected(before), atol=1e-4)
    assert np.abs(after - before).max() > 0.1
    assert (erased.num_directions, erased.width) == (7, 12)
    assert (erased.num_rows, erased.num_test, erased.split) == (64, 64, "test")

    labels = dataset.labels[train], dataset.labels[test]
    rows = [non_expression(run, dataset, split) for split in ("train", "test")]
    assert erased.linear_before == pytest.approx(probe(rows[0], labels[0], rows[1], labels[1]))
    rows = [expected(part) for part in rows]
    assert erased.linear_after == pytest.approx(probe(rows[0], labels[0], rows[1], labels[1]))
    assert erased.linear_before > erased.linear_after + 0.1


def test_the_new_run_is_complete_and_says_what_was_erased(run, erased, prepared_folder):
    names = {path.name for path in erased.folder.iterdir()}
    assert names == {
        "model.keras",
        "config.json",
        "contract.json",
        "evaluation.json",
        "history.csv",
        "report.html",
    }
    dataset = open_prepared(prepared_folder)
    scores = [
        evaluate(open_recognizer(folder), dataset, "test").probabilities for folder in (run, erased.folder)
    ]
    np.testing.assert_array_equal(*scores)
    assert json.loads((erased.folder / "evaluation.json").read_text())["accuracy"] == (
        erased.evaluation.accuracy
    )
    configs = [json.loads((folder / "config.json").read_text()) for folder in (run, erased.folder)]
    page = (erased.folder / "report.html").read_text()
    assert "baseline, expression erased on" in page
    assert f"from the non-expression representation of {run.name}: 7 directions" in page
    note = configs[1].pop("erased")
    assert {name for name in configs[0] if configs[0][name] != configs[1][name]} == {"output"}
    assert note["source"] == str(run.resolve())
    assert (note["factor"], note["rows"], note["directions"]) == ("expression", 64, 7)
    assert note["dataset_hash"] == dataset.content_hash


def test_another_data_set_and_fewer_rows(run, prepared_folder, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(prepared_folder, moved)
    result = erase(run, tmp_path / "erased", moved, max_rows=40)
    assert result.num_rows == 40
    config = json.loads((result.folder / "config.json").read_text())
    assert config["erased"]["dataset"] == str(moved.resolve())
    assert config["dataset"] == str(prepared_folder.resolve())


def test_chance_is_that_of_the_classes_that_can_be_judged(run, prepared_folder, tmp_path, monkeypatch):
    labels = open_prepared(prepared_folder).labels.copy()
    splits = np.repeat(["train", "validation", "test"], 64)
    labels[(splits == "test") & (labels > 4)] = -1

    def opened(path):
        return replace(open_prepared(path), labels=labels)

    monkeypatch.setattr("keras_fer.training.erase.open_prepared", opened)
    result = erase(run, tmp_path / "erased")
    assert (result.chance, result.num_test, result.num_directions) == (1 / 5, 40, 7)

    labels[(splits == "test") & (labels > 0)] = -1
    with pytest.raises(
        FERError, match=r"fewer than two classes .* train and its test split.* another data set"
    ):
        erase(run, tmp_path / "again")
    assert [path.name for path in tmp_path.iterdir()] == ["erased"]


def test_what_cannot_be_erased_leaves_nothing(run, erased, tmp_path):
    output = tmp_path / "output"
    with pytest.raises(FERError, match=f"erased already. Name the run that it was made from: '{run}'"):
        erase(erased.folder, output)
    with pytest.raises(FERError, match="exists already"):
        erase(run, erased.folder)
    with pytest.raises(FERError, match="not a run folder"):
        erase(tmp_path, output)
    baseline = tmp_path / "baseline"
    baseline.mkdir()
    config = json.loads((run / "config.json").read_text())
    config["objective"]["decorrelation_weight"] = 0
    (baseline / "config.json").write_text(json.dumps(config))
    with pytest.raises(FERError, match=r"\(baseline\) never trained the non-expression"):
        erase(baseline, output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["baseline"]


def test_a_model_that_cannot_be_saved_leaves_nothing(run, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr("keras_fer.training.erase.write_run_report", full)
    with pytest.raises(OSError, match="disk full"):
        erase(run, tmp_path / "output")
    assert list(tmp_path.iterdir()) == []


def test_what_was_adjusted_is_taken_back_after_it_was_erased_too(run, tmp_path):
    adjusted = shutil.copytree(run, tmp_path / "adjusted")
    calibrate(adjusted, logit_adjustment=0.5)
    output = erase(adjusted, tmp_path / "erased").folder
    assert not np.array_equal(expression_bias(load_model(output)), expression_bias(load_model(run)))
    remove_calibration(output)
    np.testing.assert_array_equal(expression_bias(load_model(output)), expression_bias(load_model(run)))
