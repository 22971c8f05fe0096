import numpy as np
import pytest

from keras_fer.data.stored_text import is_readable_text


@pytest.mark.parametrize("array", [np.array("é"), np.array("\U0010ffff"), np.zeros(3), np.array([], "<U3")])
def test_text_and_numbers_are_readable(array):
    assert is_readable_text(array)
    assert is_readable_text(array.astype(array.dtype.newbyteorder()))


@pytest.mark.parametrize("dtype", ["<U1", ">U1"])
def test_what_is_beyond_the_last_character_is_not(dtype):
    array = np.frombuffer(b"\x00\x00\x11\x00" if dtype[0] == "<" else b"\x00\x11\x00\x00", dtype)
    assert not is_readable_text(array)
