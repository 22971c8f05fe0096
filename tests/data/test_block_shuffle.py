"""Blocks and windows: every row once, near its neighbours, a function of the generator alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.block_shuffle import WINDOW_BLOCKS, block_permutation, window_rows


def drawn(num_rows, block_rows, seed=0):
    return block_permutation(num_rows, block_rows, np.random.default_rng(seed))


@settings(max_examples=60, deadline=None)
@given(num_rows=st.integers(1, 3000), block_rows=st.integers(1, 200), seed=st.integers(0, 9))
def test_every_row_once_and_each_window_of_few_blocks(num_rows, block_rows, seed):
    order = drawn(num_rows, block_rows, seed)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(num_rows))
    for start in range(0, num_rows, window_rows(block_rows)):
        window = order[start : start + window_rows(block_rows)]
        # The short block shifts what follows it by less than a block.
        assert len(np.unique(window // block_rows)) <= WINDOW_BLOCKS + 1
    np.testing.assert_array_equal(order, drawn(num_rows, block_rows, seed))


def test_blocks_and_rows_are_both_shuffled():
    order = drawn(1024 * 8, 8)
    windows = (order // 8).reshape(-1, window_rows(8))
    # Blocks of a window lie anywhere: their mean distance is a third of the set, not that of neighbours.
    assert np.mean(np.abs(np.diff(np.unique(windows[0])))) > 15
    assert np.mean(np.diff(order) == 1) < 0.02
    assert (windows[:, 0] != windows[:, 1]).mean() > 0.9
    assert (order != drawn(1024 * 8, 8, seed=1)).any()


def test_one_block_for_all_shuffles_over_the_whole_set():
    order = drawn(500, 500)
    assert (order != np.arange(500)).mean() > 0.9
