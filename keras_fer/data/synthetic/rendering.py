"""Renders lists of scenes, over several processes where that is worth it."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import cv2
import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render_scene
from keras_fer.data.synthetic.scene import Scene

_CHUNK = 256
# Below this the start of a process costs more than it saves.
_WORTH_A_PROCESS = 2048
_CHUNKS_AHEAD = 3


def render_scenes(
    config: SyntheticConfig,
    scenes: Sequence[Scene],
    num_workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[np.ndarray]:
    """Renders scenes in their order; painting a person once is most of the work, so keep people together.

    Args:
        config: gives size and difficulty.
        scenes: what to render.
        num_workers: processes; None for as many as there are cores, never more than that.
        progress: called with the number of scenes done and the number of all.

    Yields:
        uint8 `(n, image_size, image_size, 3)`, up to 256 pictures at a time.
    """
    chunks = [scenes[start : start + _CHUNK] for start in range(0, len(scenes), _CHUNK)]
    cores = os.cpu_count() or 1
    workers = min(cores if num_workers is None else max(1, num_workers), cores)
    done = 0
    for images in _rendered(config, chunks, workers if len(scenes) >= _WORTH_A_PROCESS else 1):
        done += len(images)
        if progress is not None:
            progress(done, len(scenes))
        yield images


def render_together(
    config: SyntheticConfig,
    scenes: Sequence[Scene],
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Renders scenes in this process into one array, whatever their order person by person.

    Returns:
        uint8 `(n, image_size, image_size, 3)`, in the order of the scenes.
    """
    if not scenes:
        return np.empty((0, config.image_size, config.image_size, 3), np.uint8)
    order = sorted(range(len(scenes)), key=lambda row: scenes[row].identity.number)
    rendered = np.concatenate(list(render_scenes(config, [scenes[row] for row in order], 1, progress)))
    images = np.empty_like(rendered)
    images[order] = rendered
    return images


def _rendered(
    config: SyntheticConfig, chunks: Sequence[Sequence[Scene]], workers: int
) -> Iterator[np.ndarray]:
    if workers == 1:
        for chunk in chunks:
            yield _render(config, chunk)
        return
    # Spawned processes work on every platform and inherit no locks of TensorFlow.
    executor = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    waiting: deque[Future[np.ndarray]] = deque()
    try:
        for chunk in chunks:
            waiting.append(executor.submit(_render, config, chunk))
            if len(waiting) >= workers * _CHUNKS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _render(config: SyntheticConfig, scenes: Sequence[Scene]) -> np.ndarray:
    """Renders on one thread: the pictures are small, and the cores have processes to work on."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return np.stack([render_scene(config, scene) for scene in scenes])
    finally:
        cv2.setNumThreads(threads)
