import os

import pytest

from keras_fer.atomic import atomic_file, atomic_folder, require_new_folder
from keras_fer.errors import FERError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="stop"), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise ValueError("stop")
    assert path.read_text() == "old"
    with atomic_file(path) as temporary:
        assert temporary.suffix == ".json"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file.json"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "folder"
    with pytest.raises(ValueError, match="stop"), atomic_folder(path) as temporary:
        (temporary / "half").write_text("")
        raise ValueError("stop")
    assert not path.exists()
    with atomic_folder(path) as temporary:
        (temporary / "file").write_text("x")
    assert (path / "file").read_text() == "x"
    assert os.listdir(path.parent) == ["folder"]


def test_an_output_in_use_is_refused(tmp_path):
    require_new_folder(tmp_path / "new")
    require_new_folder(tmp_path)
    (tmp_path / "file").write_text("")
    for used in (tmp_path, tmp_path / "file"):
        with pytest.raises(FERError, match="exists already"):
            require_new_folder(used)
    with pytest.raises(FERError, match="exists already"), atomic_folder(tmp_path):
        pass
