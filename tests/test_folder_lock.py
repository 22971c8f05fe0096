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
