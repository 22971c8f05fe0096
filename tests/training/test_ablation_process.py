import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from keras_fer.training.ablation_config import AblationConfig
from keras_fer.training.ablation_folder import AblationFolder
from keras_fer.training.ablation_process import (
    Worker,
    _environment,
    _interrupts_ignored_by_children,
    start_worker,
    thread_limits,
)


def test_each_process_gets_its_share_of_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert "OMP_NUM_THREADS" not in thread_limits(1)
    for workers, threads in ((2, "4"), (3, "2"), (8, "1"), (20, "1")):
        limits = thread_limits(workers)
        for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
            assert limits[name] == threads


def test_the_environment_is_as_before_afterwards(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    with _environment({"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}):
        assert (os.environ["OMP_NUM_THREADS"], os.environ["TF_NUM_INTRAOP_THREADS"]) == ("1", "1")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TF_NUM_INTRAOP_THREADS" not in os.environ


def test_processes_started_meanwhile_ignore_control_c():
    def blocked():
        return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])

    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with _interrupts_ignored_by_children():
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "True"
    assert not blocked()


@pytest.fixture
def started(tmp_path):
    """A process whose run fails at once: there is no such data set."""
    values = {"dataset": str(tmp_path / "gone"), "variants": {"plain": {"epochs": 1}}, "seeds": [0]}
    folder = AblationFolder(tmp_path)
    (tmp_path / "logs").mkdir()
    return start_worker(folder, AblationConfig.from_dict(values).runs(), num_workers=2)


def test_a_known_error_comes_back_as_its_sentence(started, tmp_path):
    multiprocessing.connection.wait([started.sentinel])
    assert "gone" in started.failure()
    # What the libraries print is in the log, not on the terminal.
    assert (tmp_path / "logs" / "plain-seed0.log").is_file()
    assert multiprocessing.active_children() == []


def test_a_process_that_is_killed_says_so(started):
    (process,) = multiprocessing.active_children()
    process.kill()
    multiprocessing.connection.wait([started.sentinel])
    assert "exit code -9; was there enough memory?" in started.failure()


def test_a_process_can_be_ended(started):
    started.terminate()
    assert multiprocessing.active_children() == []
    assert isinstance(started, Worker)
