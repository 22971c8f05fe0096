"""Asks the system to read parts of memory maps from the disk before they are needed."""

import mmap
from collections.abc import Sequence
from contextlib import suppress

import numpy as np


def read_ahead(shards: Sequence[np.ndarray], starts: np.ndarray, indices: np.ndarray) -> int:
    """Asks for images that lie together on the disk; returns at once.

    Args:
        shards: memory maps of images, `(n, height, width, channels)` each.
        starts: int64 `(len(shards),)`, the index of the first image of each.
        indices: int64 `(m,)`, images in ascending order.

    Returns:
        The bytes that were asked for; 0 where the system cannot be asked, or shards are arrays in memory.
    """
    advice = getattr(mmap, "MADV_WILLNEED", None)
    if advice is None or not len(indices):
        return 0
    num_bytes = 0
    gaps = np.flatnonzero(np.diff(indices) != 1) + 1
    for run in np.split(indices, gaps):
        first, last = int(run[0]), int(run[-1])
        while first <= last:
            shard_id = int(np.searchsorted(starts, first, side="right")) - 1
            shard = shards[shard_id]
            stop = min(last + 1, int(starts[shard_id]) + len(shard))
            num_bytes += _advise(shard, first - int(starts[shard_id]), stop - int(starts[shard_id]), advice)
            first = stop
    return num_bytes


def _advise(shard: np.ndarray, first: int, stop: int, advice: int) -> int:
    """Asks for the images from `first` to before `stop` of one shard."""
    mapped = getattr(shard, "_mmap", None)
    if mapped is None:
        return 0
    # The map begins on a page at or before the images; what is asked for must begin on a page too.
    offset = int(getattr(shard, "offset", 0)) % mmap.ALLOCATIONGRANULARITY
    begin, end = offset + first * shard[0].nbytes, offset + stop * shard[0].nbytes
    begin -= begin % mmap.PAGESIZE
    # Advice that a file system does not take must not stop a training.
    with suppress(OSError):
        mapped.madvise(advice, begin, end - begin)
        return end - begin
    return 0
