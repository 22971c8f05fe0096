"""What is asked of the system: whole pages around the images, by shard, and nothing of arrays in memory."""

import mmap

import numpy as np
import pytest

from keras_fer.data.read_ahead import read_ahead

SHAPE = (40, 50, 3)
SIZE = 40 * 50 * 3


class Asked:
    """A memory map that remembers what it was asked."""

    def __init__(self):
        self.calls = []

    def madvise(self, advice, begin, length):
        self.calls.append((advice, begin, length))


class Shard(np.ndarray):
    """An array that passes for a memory map."""


def shard(num_images, offset=128):
    images = np.zeros((num_images, *SHAPE), np.uint8).view(Shard)
    images._mmap, images.offset = Asked(), offset
    return images


@pytest.fixture
def two():
    return [shard(10), shard(5)], np.array([0, 10])


def test_neighbours_are_one_question_per_shard(two):
    shards, starts = two
    num_bytes = read_ahead(shards, starts, np.array([2, 3, 4, 8, 9, 10, 11]))
    page = mmap.PAGESIZE
    questions = [(128 + 2 * SIZE, 128 + 5 * SIZE), (128 + 8 * SIZE, 128 + 10 * SIZE)]
    expected = [(mmap.MADV_WILLNEED, low - low % page, high - low + low % page) for low, high in questions]
    assert shards[0]._mmap.calls == expected
    assert shards[1]._mmap.calls == [(mmap.MADV_WILLNEED, 0, 128 + 2 * SIZE)]
    assert num_bytes == sum(length for _, _, length in (*expected, *shards[1]._mmap.calls))


def test_nothing_is_asked_for_nothing_or_of_arrays(two):
    shards, starts = two
    assert read_ahead(shards, starts, np.empty(0, np.int64)) == 0
    assert read_ahead([np.asarray(one) for one in shards], starts, np.arange(3)) == 0
    assert not shards[0]._mmap.calls


def test_a_system_that_cannot_be_asked(two, monkeypatch):
    monkeypatch.delattr(mmap, "MADV_WILLNEED")
    assert read_ahead(*two, np.arange(15)) == 0


def test_a_real_file_can_be_asked(tmp_path):
    images = np.arange(7 * SIZE, dtype=np.uint32).astype(np.uint8).reshape(7, *SHAPE)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert read_ahead([mapped], np.array([0]), np.arange(1, 7)) >= 6 * SIZE
    np.testing.assert_array_equal(mapped, images)
