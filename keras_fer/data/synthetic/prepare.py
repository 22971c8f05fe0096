"""Renders a synthetic data set into the prepared format, over several processes."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context

import cv2
import numpy as np

from keras_fer.data.prepared import PreparedDataset, PreparedWriter
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import GENERATOR_VERSION, render
from keras_fer.labels import EXPRESSIONS_8

_CHUNK = 256
# Below this the start of a process costs more than it saves.
_WORTH_A_PROCESS = 1024
_CHUNKS_AHEAD = 3


@dataclass(frozen=True)
class RenderedRows:
    """Consecutive rows of a data set.

    Args:
        start: number of the first row.
        images: uint8 `(n, size, size, 3)`.
        labels: int64 `(n,)`, with label noise.
        splits: int8 `(n,)`.
        subjects: int64 `(n,)`.
        factors: float32 `(n,)` or `(n, d)` each.
    """

    start: int
    images: np.ndarray
    labels: np.ndarray
    splits: np.ndarray
    subjects: np.ndarray
    factors: dict[str, np.ndarray]


def prepare_synthetic(
    config: SyntheticConfig,
    output: str | os.PathLike,
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PreparedDataset:
    """Renders a data set to disk; an interrupted run continues at the last whole shard.

    Args:
        config: the data set.
        output: the folder to make.
        num_workers: processes; None for as many as there are cores, never more than that.
        progress: called with the number of rows done and the number of all rows.

    Returns:
        The prepared data set. `subjects` are the identities, `factors` all that is known of each
        image; with `config.pairs` rows 2 i and 2 i + 1 are a pair.

    Raises:
        FERError: if the output is in use, or an interrupted run had another configuration.
    """
    writer = PreparedWriter(
        output,
        source="synthetic",
        label_names=EXPRESSIONS_8,
        image_shape=(config.image_size, config.image_size, 3),
        config={**asdict(config), "generator_version": GENERATOR_VERSION},
        description=f"Rendered faces of difficulty {config.difficulty}, with all factors known.",
    )
    with writer:
        done = writer.rows_done
        if progress is not None:
            progress(done, config.num_images)
        for rows in _rendered(config, done, _workers(num_workers, config.num_images - done)):
            indices = np.arange(rows.start, rows.start + len(rows.images))
            writer.append(
                rows.images,
                labels=rows.labels,
                splits=rows.splits,
                sources=[f"synthetic/{index:07d}" for index in indices.tolist()],
                subjects=rows.subjects,
                pairs=indices // 2 if config.pairs else None,
                factors=rows.factors,
            )
            if progress is not None:
                progress(int(indices[-1]) + 1, config.num_images)
        return writer.finish()


def render_rows(config: SyntheticConfig, start: int, stop: int) -> RenderedRows:
    """Renders rows `start` to `stop` in this process, on one thread."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rendered = [render(config, index) for index in range(start, stop)]
    finally:
        cv2.setNumThreads(threads)
    rows = range(start, stop)
    return RenderedRows(
        start=start,
        images=np.stack([image for image, _ in rendered]),
        labels=np.array([config.label(index) for index in rows], np.int64),
        splits=np.array([config.split(index) for index in rows], np.int8),
        subjects=np.array([config.identity(index) for index in rows], np.int64),
        factors={name: np.stack([known[name] for _, known in rendered]) for name in rendered[0][1]},
    )


def _workers(num_workers: int | None, num_rows: int) -> int:
    """How many processes to use."""
    cores = os.cpu_count() or 1
    wanted = cores if num_workers is None else max(1, min(num_workers, cores))
    return 1 if num_rows < _WORTH_A_PROCESS else wanted


def _rendered(config: SyntheticConfig, done: int, workers: int) -> Iterator[RenderedRows]:
    """Yields all rows from `done` on, in order."""
    spans = [
        (start, min(start + _CHUNK, config.num_images)) for start in range(done, config.num_images, _CHUNK)
    ]
    if workers == 1:
        for start, stop in spans:
            yield render_rows(config, start, stop)
        return
    # Spawned processes work on every platform and inherit no locks of TensorFlow.
    executor = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[Future[RenderedRows]] = deque()
    try:
        for start, stop in spans:
            waiting.append(executor.submit(render_rows, config, start, stop))
            if len(waiting) >= workers * _CHUNKS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
