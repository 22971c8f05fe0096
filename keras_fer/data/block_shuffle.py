"""Shuffling for slow disks: blocks of neighbouring rows are read whole, and their rows mixed in memory."""

import numpy as np

# Blocks whose rows are mixed with each other; they lie in memory while they are drawn, and the next ones too.
WINDOW_BLOCKS = 32


def block_permutation(num_rows: int, block_rows: int, generator: np.random.Generator) -> np.ndarray:
    """Returns every row once: blocks in random order, rows in random order within each window of blocks.

    Args:
        num_rows: rows in the order in which they lie on the disk.
        block_rows: rows of a block, at least 1; the last block holds what is left.
        generator: draws.

    Returns:
        int64 `(num_rows,)`. Each `window_rows(block_rows)` of them come from `WINDOW_BLOCKS` blocks, or one
        more where the short block came before.
    """
    starts = generator.permutation(np.arange(0, num_rows, block_rows))
    blocks = starts[:, None] + np.arange(block_rows)
    order = blocks[blocks < np.minimum(starts + block_rows, num_rows)[:, None]]
    for start in range(0, num_rows, window_rows(block_rows)):
        window = order[start : start + window_rows(block_rows)]
        window[:] = generator.permutation(window)
    return order


def window_rows(block_rows: int) -> int:
    """Returns the number of rows that are mixed with each other."""
    return WINDOW_BLOCKS * block_rows
