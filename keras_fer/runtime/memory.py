"""How much memory a process needs that does nothing but run a model file."""

import os
import subprocess
import sys
from pathlib import Path

from keras_fer.errors import FERError

_STATUS = Path("/proc/self/status")
_NUM_RUNS = 3


def peak_memory(path: str | os.PathLike) -> int | None:
    """Runs a file three times in a process of its own.

    Args:
        path: a `.tflite` file.

    Returns:
        Peak resident memory of that process, Python, NumPy and LiteRT included, in bytes; None on systems
        that do not tell it (other than Linux), and for files of other formats.

    Raises:
        FERError: if the file is not a model that LiteRT can run.
    """
    if Path(path).suffix != ".tflite" or not _STATUS.is_file():
        return None
    program = "import sys; from keras_fer.runtime.memory import print_peak; print_peak(sys.argv[1])"
    command = [sys.executable, "-c", program, os.fspath(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        said = result.stderr.strip().splitlines() or ["it said nothing"]
        # A signal ends it without a word, after what LiteRT says of itself.
        reason = said[-1] if result.returncode > 0 else f"it ended by signal {-result.returncode}"
        raise FERError(f"The process that was to measure the memory of {str(path)!r} failed: {reason}")
    return int(result.stdout)


def print_peak(path: str) -> None:
    """Runs a file and prints the peak memory of this process, bytes."""
    from keras_fer.runtime.latency import measure_latency

    try:
        measure_latency([path], num_runs=_NUM_RUNS)
    except FERError as error:
        sys.exit(str(error))
    # What `resource` tells of a child begins with the peak of its parent.
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    print(int(line.split()[1]) * 1024)
