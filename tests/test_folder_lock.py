import pytest

from keras_fer.errors import FERError
from keras_fer.folder_lock import folder_lock


def test_one_at_a_time(tmp_path):
    with folder_lock(tmp_path):
        with pytest.raises(FERError, match="Another process is working in"), folder_lock(tmp_path):
            pass
        with pytest.raises(FERError, match="Another process is writing"), folder_lock(tmp_path, "writing"):
            pass
    with folder_lock(tmp_path):
        pass


def test_a_folder_that_was_removed_meanwhile_is_named(tmp_path):
    with pytest.raises(FERError, match="gone' is gone: another process"), folder_lock(tmp_path / "gone"):
        pass
