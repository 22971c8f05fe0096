import resource
import tempfile

import pytest

from keras_fer.export.temporary_room import room_for_temporary_files


def test_an_error_stays_what_it_is_where_there_is_room():
    with pytest.raises(KeyError, match="'a'"), room_for_temporary_files():
        raise KeyError("a")


def test_no_room_is_the_reason():
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught, room_for_temporary_files():
            raise KeyError("a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == tempfile.gettempdir()
