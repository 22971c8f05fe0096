"""Processes of this machine that train together, for tests and for `processes.py`."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

_ONE_THREAD = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Args:
        status: 0 where it went well; negative where a signal ended it.
        text: all that it printed.
    """

    status: int
    text: str


def free_addresses(count: int = 2) -> list[str]:
    """Returns addresses of this machine that nobody listens on at the moment."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    try:
        return [f"localhost:{listening.getsockname()[1]}" for listening in sockets]
    finally:
        for listening in sockets:
            listening.close()


def run_together(
    commands: Sequence[Sequence[str]],
    limit_s: float,
    environments: Sequence[dict[str, str]] | None = None,
    watched: Callable[[list[subprocess.Popen], list[str]], None] | None = None,
    grace_s: float = 60,
) -> list[Ended]:
    """Runs processes at once, with one thread each, and returns how each ended; none is left behind.

    Args:
        commands: of the processes.
        limit_s: after which all are killed.
        environments: variables beside those of this process, for each of them.
        watched: called again and again with the processes and what they have printed.
        grace_s: for the others, once one has failed.
    """
    processes: list[subprocess.Popen] = []
    deadline = time.monotonic() + limit_s
    with ExitStack() as stack:
        logs = [stack.enter_context(tempfile.TemporaryFile()) for _ in commands]

        def texts() -> list[str]:
            return [os.pread(log.fileno(), 1 << 24, 0).decode(errors="replace") for log in logs]

        stack.callback(_end, processes)
        for number, (command, log) in enumerate(zip(commands, logs, strict=True)):
            own = environments[number] if environments else {}
            processes.append(
                subprocess.Popen(
                    command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **_ONE_THREAD, **own}
                )
            )
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            if watched is not None:
                watched(processes, texts())
            if any(process.poll() for process in processes):
                deadline = min(deadline, time.monotonic() + grace_s)
                grace_s = float("inf")
            time.sleep(0.1)
        _end(processes)
        return [Ended(process.returncode, text) for process, text in zip(processes, texts(), strict=True)]


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
