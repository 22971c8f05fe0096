"""One process per training of an ablation: memory and threads are its own, and a crash stops nothing else."""

import multiprocessing
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path

from keras_fer.errors import FERError
from keras_fer.training.ablation_folder import AblationFolder
from keras_fer.training.ablation_settings import AblationRun

_THREAD_VARIABLES = (
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


class Worker:
    """A process that makes the runs of one training.

    Args:
        process: started.
        answers: receives one sentence if it fails.
    """

    def __init__(self, process: multiprocessing.process.BaseProcess, answers: connection.Connection):
        self._process = process
        self._answers = answers

    @property
    def sentinel(self) -> int:
        """What `multiprocessing.connection.wait` waits for."""
        return self._process.sentinel

    def failure(self) -> str | None:
        """Waits for the end; returns what went wrong, or None."""
        self._process.join()
        try:
            return self._answers.recv() if self._answers.poll() else self._killed()
        except EOFError:
            return self._killed()
        finally:
            self._answers.close()

    def _killed(self) -> str | None:
        code = self._process.exitcode
        return None if code == 0 else f"The process ended with exit code {code}; was there enough memory?"

    def terminate(self) -> None:
        """Ends the process now."""
        self._process.terminate()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._answers.close()


def start_worker(folder: AblationFolder, runs: Sequence[AblationRun], num_workers: int) -> Worker:
    """Starts a process.

    Args:
        folder: of the ablation.
        runs: that share one training.
        num_workers: processes that run side by side; each gets its share of the cores.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    log = folder.log(runs[0])
    # A daemon cannot outlive a regular end of this process; `_end_with` is for the others.
    process = context.Process(target=_work, args=(folder, tuple(runs), log, sender), daemon=True)
    with _environment(thread_limits(num_workers)), _interrupts_ignored_by_children():
        process.start()
    sender.close()
    return Worker(process, receiver)


def thread_limits(num_workers: int) -> dict[str, str]:
    """Returns the environment variables that give a process its share of the cores."""
    limits = {"TF_CPP_MIN_LOG_LEVEL": "2"}
    if num_workers > 1:
        available = getattr(os, "sched_getaffinity", None)
        cores = len(available(0)) if available else os.cpu_count() or 1
        limits |= dict.fromkeys(_THREAD_VARIABLES, str(max(1, cores // num_workers)))
        # Several processes share a GPU: none may take all of its memory at once.
        limits["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    return limits


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables that a process started meanwhile inherits, before it imports anything."""
    former = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _interrupts_ignored_by_children() -> Iterator[None]:
    """Lets processes started meanwhile ignore Ctrl-C, which a terminal sends to all: the parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _work(
    folder: AblationFolder, runs: Sequence[AblationRun], log: Path, answers: connection.Connection
) -> None:
    """What the process does."""
    _end_with(multiprocessing.parent_process())
    with log.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        from keras_fer.training.ablation_run import run_group

        run_group(folder, runs)
    except FERError as error:
        answers.send(str(error))
        sys.exit(1)
    except Exception as error:  # Whatever it is, the other runs go on, and the log has the rest.
        traceback.print_exc()
        answers.send(f"{type(error).__name__}: {error}"[:300])
        sys.exit(1)


def _end_with(parent: "multiprocessing.process.BaseProcess | None") -> None:
    """Ends this process as soon as its parent does, also if that was killed: nobody would collect it."""
    if parent is None:
        return

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
