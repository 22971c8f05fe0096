import json
import multiprocessing
import re
import shutil

import pytest

from keras_fer.errors import FERError
from keras_fer.training import ablation
from keras_fer.training.ablation import ablate, duration, summarize
from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_folder import AblationFolder


@pytest.fixture
def config(prepared_folder):
    def make(**changes):
        values = {
            "dataset": str(prepared_folder),
            "seeds": [0, 1],
            "base": {"preset": "baseline", "decorrelation_weight": 0.1},
            "variants": {"plain": {}, "erased": {"erase": True}, "long": {"epochs": 30}},
        }
        return AblationConfig.from_dict({**values, **changes})

    return make


class FakeWorker:
    """Stands in for a process: has written its results when it is started, and ends at once."""

    def __init__(self, folder, runs, log, failures):
        self.runs, self.log = runs, log
        self.reason = failures.get(runs[0].name)
        self._reader, writer = multiprocessing.Pipe(duplex=False)
        writer.close()
        self.sentinel = self._reader.fileno()
        for run in runs if self.reason is None else ():
            if folder.result(run) is None:
                folder.run_folder(run).mkdir(parents=True)
                folder.write_result(run, result(run))

    def failure(self):
        self.log.append(("end", self.runs[0].name))
        self._reader.close()
        return self.reason

    def terminate(self):
        self.log.append(("terminate", self.runs[0].name))
        self._reader.close()


def result(run):
    score = 0.5 + 0.1 * run.config.seed + (0.2 if run.config.epochs == 30 else 0.0)
    names = ("accuracy", "balanced_accuracy", "linear_probe", "mlp_probe", "leakage", "effective_rank")
    return {
        "metrics": {**dict.fromkeys(names, score), "seconds": 10.0},
        "chance": 0.125,
        "width": 12,
        "split": "test",
        "num_images": 64,
    }


@pytest.fixture
def log(monkeypatch):
    """What is started and ended, in order; `failures` says which groups fail and why."""
    events, failures = [], {}

    def start_worker(folder, runs, num_workers):
        if failures.get(runs[0].name) == "Ctrl-C":
            raise KeyboardInterrupt
        events.append(("start", runs[0].name))
        return FakeWorker(folder, runs, events, failures)

    monkeypatch.setattr(ablation, "start_worker", start_worker)
    events_and_failures = type("Log", (), {"events": events, "failures": failures})
    return events_and_failures


def test_all_runs_are_made_seed_by_seed_and_summed_up(config, tmp_path, log):
    lines = []
    summary = ablate(config(), tmp_path / "out", report=lines.append)
    assert [name for what, name in log.events if what == "start"] == [
        "plain-seed0",
        "long-seed0",
        "plain-seed1",
        "long-seed1",
    ]
    assert lines[0] == "6 runs; 4 trainings to do."
    assert len(lines) == 7
    assert lines[1].startswith(
        "[1/6] plain-seed0: accuracy 50.0%, leakage 0.50, effective rank 0, trained in 10 s; about 0 s left"
    )
    assert [line.split(":")[0] for line in lines[1:]] == [
        "[1/6] plain-seed0",
        "[2/6] erased-seed0",
        "[3/6] long-seed0",
        "[4/6] plain-seed1",
        "[5/6] erased-seed1",
        "[6/6] long-seed1",
    ]
    assert "left" not in lines[-1]
    assert summary["num_finished"] == 6
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert {"summary.md", "summary.html", "ablation.json"} <= {p.name for p in (tmp_path / "out").iterdir()}


def test_weights_are_trained_before_they_are_taken(config, tmp_path, log):
    """Two processes: what waits for weights lets what does not go first."""
    variants = {"plain": {}, "more": {"epochs": 3, "weights_of": "plain"}, "long": {"epochs": 30}}
    ablate(config(variants=variants, seeds=[0]), tmp_path / "out", workers=2, report=str)
    events = log.events
    assert [name for what, name in events[:2] if what == "start"] == ["plain-seed0", "long-seed0"]
    assert events.index(("start", "more-seed0")) > events.index(("end", "plain-seed0"))


def test_a_second_call_does_nothing_and_more_seeds_do_only_those(config, tmp_path, log):
    first = ablate(config(), tmp_path, report=str)
    log.events.clear()
    lines = []
    assert ablate(config(), tmp_path, report=lines.append) == first
    assert lines == ["6 runs, 6 of them finished; 0 trainings to do."]
    assert log.events == []
    more = ablate(config(seeds=[0, 1, 2]), tmp_path, report=str)
    assert [name for what, name in log.events if what == "start"] == ["plain-seed2", "long-seed2"]
    assert more["num_finished"] == 9


def test_a_training_of_which_one_result_is_missing_is_taken_up_again(config, tmp_path, log):
    ablate(config(), tmp_path, report=str)
    shutil.rmtree(tmp_path / "runs" / "erased-seed1")
    log.events.clear()
    lines = []
    assert ablate(config(), tmp_path, report=lines.append)["num_finished"] == 6
    assert log.events == [("start", "plain-seed1"), ("end", "plain-seed1")]
    assert lines[0] == "6 runs, 5 of them finished; 1 trainings to do."
    assert len(lines) == 2


def test_no_more_than_the_wanted_processes_at_a_time(config, tmp_path, log):
    ablate(config(), tmp_path, workers=3, report=str)
    running, most = 0, 0
    for what, _ in log.events:
        running += {"start": 1, "end": -1}[what]
        most = max(most, running)
    assert (most, running) == (3, 0)


def test_a_failure_stops_no_other_run_and_is_tried_again(config, tmp_path, log):
    log.failures["long-seed0"] = "The loss is not finite."
    lines = []
    message = (
        rf"^'long-seed0' failed: The loss is not finite\. The logs are in '{re.escape(str(tmp_path))}/logs'; "
        r"the same command tries again what failed\.$"
    )
    with pytest.raises(FERError, match=message):
        ablate(config(), tmp_path, report=lines.append)
    assert "Failed: long-seed0: The loss is not finite." in lines
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["unfinished"] == ["long-seed0"]
    assert summary["num_finished"] == 5
    log.failures.clear()
    log.events.clear()
    assert ablate(config(), tmp_path, report=str)["unfinished"] == []
    assert log.events == [("start", "long-seed0"), ("end", "long-seed0")]


def test_the_summary_covers_what_is_finished_at_any_moment(config, tmp_path, log, monkeypatch):
    counts = []
    monkeypatch.setattr(
        ablation, "write_summary", lambda folder, summary: counts.append(summary["num_finished"])
    )
    ablate(config(), tmp_path, report=str)
    assert counts == [2, 3, 5, 6, 6]


def test_control_c_ends_the_processes_and_names_how_to_go_on(config, tmp_path, log):
    log.failures["plain-seed1"] = "Ctrl-C"
    with pytest.raises(FERError, match=r"^Interrupted\. What is finished is kept in .* goes on there\.$"):
        ablate(config(), tmp_path, workers=3, report=str)
    assert log.events[-2:] == [("terminate", "plain-seed0"), ("terminate", "long-seed0")]
    # The lock is free again.
    log.failures.clear()
    assert ablate(config(), tmp_path, report=str)["num_finished"] == 6


def test_when_everything_fails_there_is_no_summary(config, tmp_path, log):
    log.failures.update({"plain-seed0": "one", "long-seed0": "two"})
    with pytest.raises(FERError, match="'plain-seed0' and 1 others failed: one"):
        ablate(config(seeds=[0]), tmp_path, report=str)
    assert not (tmp_path / "summary.json").exists()


def test_summing_up_alone_needs_no_data(config, tmp_path, log):
    expected = ablate(config(), tmp_path, report=str)
    (tmp_path / "summary.json").unlink()
    log.events.clear()
    again = summarize(config(dataset="gone"), tmp_path)
    assert {**again, "dataset": ""} == {**expected, "dataset": ""}
    assert (tmp_path / "summary.json").is_file()
    assert log.events == []
    other_baseline = summarize(config(baseline="long"), tmp_path)
    assert other_baseline["variants"][0]["differences"]["accuracy"]["mean"] == pytest.approx(-0.2)
    with pytest.raises(FERError, match="nothing to sum up"):
        summarize(config(), tmp_path / "none")
    with pytest.raises(FERError, match="other settings"):
        summarize(config(base={"preset": "baseline", "decorrelation_weight": 1}), tmp_path)


def test_data_that_are_not_there_are_named_before_anything_is_written(config, tmp_path, log):
    with pytest.raises(FERError, match="gone"):
        ablate(config(dataset=str(tmp_path / "gone")), tmp_path / "out", report=str)
    assert not AblationFolder(tmp_path / "out").path.exists()


def test_at_least_one_process(config, tmp_path):
    with pytest.raises(ValueError, match="Received: workers=0"):
        ablate(config(), tmp_path, workers=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5900, "98 min"), (12_000, "3 h 20 min")],
)
def test_times_for_people(seconds, text):
    assert duration(seconds) == text
