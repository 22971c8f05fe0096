import json
import subprocess
import sys

import pytest

from keras_fer.data.prepared import open_prepared
from keras_fer.errors import FERError
from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_folder import AblationFolder, content_hash


@pytest.fixture
def config(prepared_folder):
    def make(**changes):
        values = {
            "dataset": str(prepared_folder),
            "seeds": [0],
            "base": {"preset": "baseline", "decorrelation_weight": 0.1, "epochs": 7},
            "variants": {"plain": {}, "erased": {"erase": True}},
        }
        return AblationConfig.from_dict({**values, **changes})

    return make


@pytest.fixture
def folder(tmp_path):
    return AblationFolder(tmp_path / "out")


FACTS = {"metrics": {}, "chance": 0.5, "width": 5, "split": "test", "num_images": 9}


def finish(folder, run, **values):
    folder.run_folder(run).mkdir(parents=True)
    folder.write_result(run, {**FACTS, **values})


def test_names(folder, config):
    plain, erased = config().runs()
    assert folder.run_folder(plain) == folder.path / "runs" / "plain-seed0"
    assert folder.training_folder(plain) == folder.run_folder(plain)
    assert folder.training_folder(erased) == folder.path / "runs" / "erased-seed0-unerased"
    assert folder.log(erased) == folder.path / "logs" / "erased-seed0.log"


def test_claiming_makes_the_folder_and_stores_the_config(folder, config):
    with folder.claimed(config()) as results:
        assert results == {}
        assert {path.name for path in folder.path.iterdir()} == {".lock", "ablation.json", "runs", "logs"}
    stored = json.loads((folder.path / "ablation.json").read_text())
    assert AblationConfig.from_dict(stored) == config()


def test_what_is_finished_is_found_again(folder, config):
    plain, erased = config().runs()
    finish(folder, plain, metrics={"accuracy": 0.5})
    (folder.path / "ablation.json").write_text("{}")
    assert folder.result(erased) is None
    with folder.claimed(config()) as results:
        assert list(results) == ["plain-seed0"]
    result = results["plain-seed0"]
    assert result["metrics"] == {"accuracy": 0.5}
    assert (result["variant"], result["seed"]) == ("plain", 0)
    assert result["settings"]["dataset"] == open_prepared(config().dataset).content_hash
    assert len(result["settings_hash"]) == 64
    # More variants and seeds go on with the same folder.
    more = config(seeds=[1, 0], variants={"plain": {}, "other": {"epochs": 1}})
    assert list(folder.results(more.runs(), content_hash)) == ["plain-seed0"]


def test_another_config_of_a_finished_run_is_refused(folder, config):
    finish(folder, config().runs()[0], metrics={})
    (folder.path / "ablation.json").write_text("{}")
    changed = config(base={"preset": "baseline", "decorrelation_weight": 0.1, "epochs": 5})
    message = (
        rf"'plain-seed0' in '{folder.path}' was made with other settings \(epochs: 7 there, 5 here\)\. "
        rf"Name a new output, or remove '{folder.path}/runs/plain-seed0'"
    )
    with pytest.raises(FERError, match=message), folder.claimed(changed):
        pass
    assert (folder.path / "ablation.json").read_text() == "{}"


def test_other_data_at_the_same_place_are_refused_but_not_where_data_do_not_matter(folder, config):
    run = config().runs()[0]
    finish(folder, run, metrics={})
    with pytest.raises(FERError, match=r"dataset: '[0-9a-f]{64}' there, 'other' here"):
        folder.results([run], lambda path: "other")
    assert list(folder.results(config(dataset="gone").runs())) == ["plain-seed0"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "it is no object"),
        ("{}", "it has no settings"),
        ({"settings": {"objective": 3}}, "it has no settings"),
        ({"metrics": 3}, "it has no metrics"),
        ({"metrics": {"accuracy": "high"}}, "one that is no number"),
        ({"metrics": {"accuracy": float("nan")}}, "one that is no number"),
        ({"metrics": {"accuracy": 10**400}}, "one that is no number"),
        ({"width": None}, "on which images"),
        ({"split": 1}, "on which images"),
    ],
)
def test_a_result_that_is_damaged_is_named(folder, config, content, reason):
    run = config().runs()[0]
    finish(folder, run)
    file = folder.run_folder(run) / "result.json"
    whole = json.loads(file.read_text())
    file.write_text(content if isinstance(content, str) else json.dumps({**whole, **content}))
    message = rf"result\.json' cannot be read \(.*{reason}.*\)\. Remove '.*plain-seed0' to make the run again"
    with pytest.raises(FERError, match=message):
        folder.results([run])


@pytest.mark.parametrize("name", ["file.txt", "runs/model.keras"])
def test_a_folder_of_something_else_is_refused(folder, config, name):
    (folder.path / name).parent.mkdir(parents=True)
    (folder.path / name).write_text("x")
    with pytest.raises(FERError, match="exists already and is no ablation"), folder.claimed(config()):
        pass
    assert (folder.path / name).read_text() == "x"


def test_a_file_is_refused(folder, config):
    folder.path.write_text("x")
    with pytest.raises(FERError, match="exists already"), folder.claimed(config()):
        pass
    with pytest.raises(FERError, match="cannot be made"), AblationFolder(folder.path / "a").claimed(config()):
        pass


def test_what_a_killed_process_leaves_is_no_obstacle(folder, config):
    """Hidden files of a process that died before its config was whole, and half of an erasure."""
    folder.path.mkdir()
    for name in (".lock", ".ablation-x1y2.json"):
        (folder.path / name).write_text("")
    with folder.claimed(config()):
        pass
    half = folder.path / "runs" / ".erased-seed0-abc"
    half.mkdir()
    (half / "model.keras").write_text("half")
    with folder.claimed(config()):
        assert list((folder.path / "runs").iterdir()) == []


def test_two_processes_do_not_share_a_folder(folder, config):
    another = pytest.raises(FERError, match="Another process is working in")
    with folder.claimed(config()), another, folder.claimed(config()):
        pass
    with folder.claimed(config()):
        pass


def test_importing_it_loads_no_numpy():
    """So that the limits on threads, which NumPy reads when it loads, come first in a process of a run."""
    code = "import sys, keras_fer.training.ablation_process; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
