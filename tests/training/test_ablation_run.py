import json
import shutil
from dataclasses import replace

import pytest

from keras_fer.errors import FERError
from keras_fer.training import ablation_run
from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_folder import AblationFolder
from keras_fer.training.ablation_run import run_group
from keras_fer.training.ablation_settings import sharing
from keras_fer.training.callbacks import WriteHistory
from keras_fer.training.checkpoint_folder import is_unfinished


@pytest.fixture(scope="module")
def config(prepared_folder):
    return AblationConfig.from_dict(
        {
            "dataset": str(prepared_folder),
            "seeds": [3],
            "base": {
                "preset": "baseline",
                "decorrelation_weight": 0.1,
                "backbone": "plain_small",
                "non_expression_size": 12,
                "epochs": 1,
                "batch_size": 16,
                "ema_momentum": 0.5,
            },
            "variants": {"erased": {"erase": True}, "plain": {}},
            "probe": {"seeds": [0], "max_rows": 100},
        }
    )


@pytest.fixture(scope="module")
def group(config):
    return next(sharing(config.runs()))


@pytest.fixture(scope="module")
def folder(group, tmp_path_factory):
    folder = AblationFolder(tmp_path_factory.mktemp("ablation"))
    (folder.path / "runs").mkdir()
    # Half a run, of a process that was killed.
    half = folder.run_folder(group[0])
    half.mkdir()
    (half / "last.keras").write_text("half")
    run_group(folder, group)
    return folder


@pytest.fixture
def trainings(monkeypatch):
    """Counts trainings, and refuses them."""
    counted = []

    def fit(config, **options):
        counted.append(config)
        raise FERError("no training here")

    monkeypatch.setattr(ablation_run, "fit", fit)
    return counted


def read(path):
    return json.loads(path.read_text())


def test_one_training_gives_two_results(folder, group):
    plain, erased = (folder.result(run) for run in group)
    names = {path.name for path in (folder.path / "runs").iterdir()}
    assert names == {"plain-seed3", "erased-seed3"}
    assert (plain["name"], erased["name"]) == ("plain-seed3", "erased-seed3")
    source = read(folder.run_folder(group[1]) / "config.json")["erased"]["source"]
    assert source == str(folder.run_folder(group[0]).resolve())
    assert plain["metrics"]["accuracy"] == erased["metrics"]["accuracy"]
    assert plain["metrics"]["effective_rank"] > erased["metrics"]["effective_rank"]
    assert erased["metrics"]["seconds"] > plain["metrics"]["seconds"] > 0
    assert plain["settings"]["erase"] is False
    assert erased["settings"]["erase"] is True
    assert read(folder.run_folder(group[0]) / "config.json")["seed"] == 3


def test_results_are_those_of_evaluation_and_probes(folder, group):
    result = folder.result(group[0])
    evaluation = read(folder.run_folder(group[0]) / "evaluation.json")
    metrics = result["metrics"]
    assert metrics["accuracy"] == evaluation["accuracy"]
    assert metrics["balanced_accuracy"] == evaluation["balanced_accuracy"]
    assert (result["split"], result["num_images"], result["width"]) == ("test", 64, 12)
    assert result["chance"] == 1 / 8
    (row,) = result["probes"]
    assert row["representation"] == "non_expression_representation"
    assert row["result"]["num_seeds"] == 1
    assert metrics["linear_probe"] == row["result"]["linear_mean"]
    assert metrics["mlp_probe"] == row["result"]["mlp_mean"]
    stronger = max(metrics["linear_probe"], metrics["mlp_probe"])
    assert metrics["leakage"] == pytest.approx((stronger - 1 / 8) / (1 - 1 / 8))
    # The critic's own accuracy is no evidence.
    assert not any("critic" in name for name in metrics)


def test_a_result_that_is_missing_is_made_without_training(folder, group, trainings):
    before = folder.result(group[0])
    (folder.run_folder(group[1]) / "result.json").unlink()
    run_group(folder, group)
    assert folder.result(group[1]) is not None
    assert folder.result(group[0]) == before
    assert trainings == []


def test_a_trained_run_is_not_trained_again_when_only_its_probes_are_missing(folder, group, trainings):
    result = folder.run_folder(group[0]) / "result.json"
    before = read(result)
    result.unlink()
    run_group(folder, group)
    after = read(result)
    assert trainings == []
    assert after["metrics"] == before["metrics"]


def test_a_damaged_evaluation_makes_the_run_anew(folder, group, trainings, tmp_path):
    copied = AblationFolder(tmp_path / "copy")
    shutil.copytree(folder.path, copied.path)
    (copied.run_folder(group[0]) / "result.json").unlink()
    (copied.run_folder(group[0]) / "evaluation.json").write_text('{"accura')
    with pytest.raises(FERError, match="no training here"):
        run_group(copied, group)
    assert len(trainings) == 1


@pytest.mark.parametrize("content", [None, "{", "[]", '{"settings_hash": "other", "seconds": 1}'])
def test_what_was_not_trained_to_the_end_is_removed_and_begun_anew(group, tmp_path, trainings, content):
    folder = AblationFolder(tmp_path)
    home = folder.run_folder(group[0])
    home.mkdir(parents=True)
    (home / "model.keras").write_text("half")
    if content is not None:
        (home / "trained.json").write_text(content)
    with pytest.raises(FERError, match="no training here"):
        run_group(folder, group)
    assert not home.exists()
    assert trainings == [replace(group[0].config, output=str(home))]


def test_erased_alone_is_trained_beside_its_folder(group, tmp_path, trainings):
    folder = AblationFolder(tmp_path)
    with pytest.raises(FERError, match="no training here"):
        run_group(folder, group[1:])
    assert trainings[0].output == str(tmp_path / "runs" / "erased-seed3-unerased")


class Killed(BaseException):
    """Nothing on the way catches it, as nothing catches SIGKILL."""


@pytest.mark.parametrize("moment", ["in its second epoch", "before its evaluation"])
def test_a_training_that_was_killed_goes_on(group, tmp_path, monkeypatch, moment):
    folder = AblationFolder(tmp_path)
    run = replace(group[0], config=replace(group[0].config, epochs=2))
    whole = AblationFolder(tmp_path / "whole")
    run_group(whole, [run])

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        if moment == "before its evaluation":
            patch.setattr(ablation_run, "finish", kill)
        else:
            patch.setattr(WriteHistory, "on_epoch_begin", lambda self, epoch, logs=None: epoch and kill())
        with pytest.raises(Killed):
            run_group(folder, [run])
    home = folder.run_folder(run)
    assert is_unfinished(home) == (moment == "in its second epoch")
    with monkeypatch.context() as patch:
        patch.setattr(ablation_run, "fit", kill)
        run_group(folder, [run])
    metrics = [place.result(run)["metrics"] for place in (folder, whole)]
    assert metrics[0].pop("seconds") > 0
    assert metrics[1].pop("seconds") > 0
    assert metrics[0] == metrics[1]


def test_what_cannot_go_on_begins_anew(folder, group, trainings, tmp_path):
    """Trained and evaluated, and damaged since."""
    copied = AblationFolder(tmp_path / "copy")
    shutil.copytree(folder.path, copied.path)
    (copied.run_folder(group[0]) / "result.json").unlink()
    (copied.run_folder(group[0]) / "trained.json").unlink()
    with pytest.raises(FERError, match="no training here"):
        run_group(copied, group)
    assert len(trainings) == 1


def test_a_training_that_was_interrupted_is_no_result(group, tmp_path, monkeypatch):
    interrupted = type("Result", (), {"interrupted": True})
    monkeypatch.setattr(ablation_run, "fit", lambda config, **options: interrupted)
    with pytest.raises(FERError, match="interrupted"):
        run_group(AblationFolder(tmp_path), group)
    assert list(tmp_path.iterdir()) == []


def test_a_run_starts_from_the_weights_of_another(config, prepared_folder, tmp_path):
    values = {**config.to_dict(), "baseline": "plain"}
    values["variants"] = {
        "plain": values["variants"]["plain"],
        "beside": {
            **values["variants"]["plain"],
            "preset": "disentangle_pairs",
            "weights_of": "plain",
            "freeze_expression": True,
        },
    }
    folder = AblationFolder(tmp_path)
    runs = AblationConfig.from_dict(values).runs()
    for group in sharing(runs):
        run_group(folder, group)
    plain, beside = (folder.result(run) for run in runs)
    assert beside["metrics"]["accuracy"] == plain["metrics"]["accuracy"]
    assert beside["metrics"]["effective_rank"] != plain["metrics"]["effective_rank"]
    stored = read(folder.run_folder(runs[1]) / "config.json")
    assert stored["weights"] == str(folder.run_folder(runs[0]).resolve())


def test_a_model_of_several_factors_is_judged_by_its_residual_representation(config, tmp_path):
    values = config.to_dict()
    plain = {**values["variants"]["plain"], "non_expression_size": 7}
    values["variants"] = {"factors": {**plain, "factors": ["expression"]}}
    folder, runs = (
        AblationFolder(tmp_path),
        AblationConfig.from_dict({**values, "baseline": "factors"}).runs(),
    )
    run_group(folder, runs)
    result = folder.result(runs[0])
    assert [row["representation"] for row in result["probes"]] == ["residual_representation"]
    assert result["width"] == 7


def test_a_training_that_breaks_off_again_keeps_its_checkpoints(group, tmp_path, monkeypatch):
    folder = AblationFolder(tmp_path)
    run = replace(group[0], config=replace(group[0].config, epochs=2))

    def kill(self, epoch, logs=None):
        if epoch:
            raise Killed

    def full(*_, **__):
        raise FERError("the disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(WriteHistory, "on_epoch_begin", kill)
        with pytest.raises(Killed):
            run_group(folder, [run])
    monkeypatch.setattr(ablation_run, "resume", full)
    with pytest.raises(FERError, match=r"the disk is full\. Repeat the command to go on, or remove"):
        run_group(folder, [run])
    assert is_unfinished(folder.run_folder(run))
