"""Measures how long exported files take, fairly: in turns, so that a busy machine is busy for all."""

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from keras_fer.runtime.interpreter import opened_interpreter

WARM_UP_RUNS = 5
# Differences below this share come and go with the machine.
_NOTICEABLE = 1.02
_INT8_WEIGHTS = re.compile("_(?:static|dynamic|qat)_wi8")


@dataclass(frozen=True)
class Latency:
    """How long one image takes in one file.

    Args:
        path: the file.
        num_threads: CPU threads that LiteRT was given.
        num_runs: how often it was measured.
        median_ms: of the wall time, milliseconds.
        min_ms: of the wall time, milliseconds; what a quiet machine would give.
        cpu_ms: mean time that all threads together spent, milliseconds.
        size_bytes: of the file.
    """

    path: Path
    num_threads: int
    num_runs: int
    median_ms: float
    min_ms: float
    cpu_ms: float
    size_bytes: int


class Runner(Protocol):
    """A file that is open, with a picture in it."""

    def invoke(self) -> None:
        """Runs it once."""


# Opens a file for a number of threads.
Opener = Callable[[Path, int], Runner]


def measure_latency(
    paths: Sequence[str | os.PathLike],
    num_threads: int = 1,
    num_runs: int = 100,
    openers: Mapping[str, Opener] | None = None,
) -> list[Latency]:
    """Runs each file `num_runs` times, one after the other in turns.

    Input is a fixed random picture; for the nets of this package latency does not depend on it.

    Args:
        paths: `.tflite` files, with any inputs.
        num_threads: CPU threads for LiteRT, at least 1.
        num_runs: at least 1.
        openers: of files of other formats, by suffix, such as `".onnx"`.

    Returns:
        One `Latency` per path, in the same order.

    Raises:
        FERError: if a file is not a model that LiteRT can run.
    """
    files = [Path(path) for path in paths]
    interpreters = [(openers or {}).get(path.suffix, _interpreter)(path, num_threads) for path in files]
    wall = np.zeros((len(files), num_runs))
    cpu = np.zeros((len(files), num_runs))
    for run in range(-WARM_UP_RUNS, num_runs):
        for position, interpreter in enumerate(interpreters):
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            interpreter.invoke()
            wall_end, cpu_end = time.perf_counter(), time.process_time()
            if run >= 0:
                wall[position, run] = wall_end - wall_start
                cpu[position, run] = cpu_end - cpu_start
    return [
        Latency(
            path=path,
            num_threads=num_threads,
            num_runs=num_runs,
            median_ms=float(np.median(wall[position]) * 1e3),
            min_ms=float(wall[position].min() * 1e3),
            cpu_ms=float(cpu[position].mean() * 1e3),
            size_bytes=path.stat().st_size,
        )
        for position, path in enumerate(files)
    ]


def slower_than_float32(latencies: Sequence[Latency]) -> list[str]:
    """Says plainly which quantised files are slower than the float32 file of the same model.

    Files belong together when their names are equal up to the recipe, as `keras-fer export` writes
    them: `model_float32.tflite`, `model_static_wi8_ai8.tflite`; an ONNX file is compared with an ONNX file.

    Args:
        latencies: as `measure_latency` returns them, for one or several numbers of threads.

    Returns:
        One sentence per file that is slower both in the median and at best.
    """
    reference = {
        (latency.path.with_name(model + latency.path.suffix), latency.num_threads): latency
        for latency in latencies
        if (model := latency.path.stem.removesuffix("_float32")) != latency.path.stem
    }
    sentences = []
    for latency in latencies:
        model, *quantised = _INT8_WEIGHTS.split(latency.path.stem)
        float32 = reference.get((latency.path.with_name(model + latency.path.suffix), latency.num_threads))
        if not quantised or float32 is None:
            continue
        if min(latency.median_ms / float32.median_ms, latency.min_ms / float32.min_ms) > _NOTICEABLE:
            sentences.append(
                f"{latency.path.name} is SLOWER than {float32.path.name} on this machine with "
                f"{latency.num_threads} thread(s): {latency.median_ms:.2f} ms against "
                f"{float32.median_ms:.2f} ms. Use it for its size only."
            )
    return sentences


def _interpreter(path: Path, num_threads: int) -> Any:
    """Opens a file and fills its inputs."""
    problem = f"{str(path)!r} is not a TFLite model that can be run"
    return opened_interpreter(path, num_threads, problem, prepare=_run_once)


def _run_once(interpreter: Any) -> None:
    random = np.random.default_rng(0)
    for tensor in interpreter.get_input_details():
        values = random.integers(0, 256, tensor["shape"]).astype(tensor["dtype"])
        interpreter.set_tensor(tensor["index"], values)
    interpreter.invoke()
