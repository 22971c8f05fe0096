"""Runs another process: reads its lines as they come, gives up on one that hangs, and leaves none behind."""

import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Ending:
    """How another process ended.

    Args:
        exit_code: of the process; None if it hung and was killed.
        errors: what it wrote to stderr.
    """

    exit_code: int | None
    errors: str


def run_watched(
    command: Sequence[str],
    env: Mapping[str, str],
    silence_seconds: float,
    on_line: Callable[[str], None],
) -> Ending:
    """Runs a command to its end.

    Whatever ends this call, Ctrl-C too, ends the process. It may call `end_with_parent`, so that it does not
    outlive a parent that was killed.

    Args:
        command: program and arguments.
        env: its environment.
        silence_seconds: without a line on stdout for so long, the process hangs and is killed.
        on_line: called with each line of its stdout, without the line break.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
        )
        lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True, name="read-lines")
        reader.start()
        try:
            exit_code = process.wait() if _followed(lines, silence_seconds, on_line) else None
        finally:
            process.kill()
            process.wait()
            reader.join(timeout=10)
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()
        errors.seek(0)
        return Ending(exit_code, errors.read())


def _read(stream: IO[str], lines: "queue.Queue[str | None]") -> None:
    for line in stream:
        lines.put(line.rstrip("\n"))
    lines.put(None)


def _followed(
    lines: "queue.Queue[str | None]", silence_seconds: float, on_line: Callable[[str], None]
) -> bool:
    """Passes lines on to the last; returns False as soon as there was none for long."""
    heard = time.monotonic()
    while time.monotonic() - heard < silence_seconds:
        try:
            # In short turns, since a long wait cannot be interrupted everywhere.
            line = lines.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            return True
        heard = time.monotonic()
        on_line(line)
    return False


def end_with_parent(clean: Callable[[], None]) -> None:
    """Ends this process, one of `run_watched`, as soon as its parent does, also if that was killed.

    Args:
        clean: called before, to remove what the parent cannot any more.
    """

    def watch() -> None:
        # The other end is the parent's alone; nothing is ever written there.
        while os.read(sys.stdin.fileno(), 1):
            pass
        try:
            clean()
        finally:
            os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end-with-parent").start()
