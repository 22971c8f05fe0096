"""Sentences about full disks; `test_fit.py` fills one in the middle of a training."""

import errno
import tempfile
from pathlib import Path

import pytest
import tensorflow as tf

from keras_fer.errors import FERError
from keras_fer.training.full_disk import full_disk_told

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("error", [FULL, tf.errors.UnknownError(None, None, f"events; {FULL.strerror}")])
def test_a_full_disk_is_a_sentence(error):
    sentence = "folder 'run' cannot be written: No space left on device; nothing was kept"
    with pytest.raises(FERError, match=sentence), full_disk_told(Path("run")):
        raise error


def test_a_temporary_folder_that_is_full():
    with pytest.raises(FERError) as found, full_disk_told(Path("run"), in_temporary_folder=True):
        raise FULL
    assert f"The temporary folder {tempfile.gettempdir()!r} cannot be written: No space" in str(found.value)
    assert "TMPDIR to another folder; `keras-fer train --resume run`, started in all, goes on" in str(
        found.value
    )


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "no such"), tf.errors.UnknownError(None, None, "?")])
def test_other_errors_pass(error):
    with pytest.raises(type(error)), full_disk_told(Path("run")):
        raise error
