import os

import pytest

from keras_fer.cli.output_folder import require_writable
from keras_fer.errors import FERError


def test_a_folder_may_be_missing(tmp_path, monkeypatch):
    require_writable(tmp_path)
    require_writable(tmp_path / "a" / "b")
    monkeypatch.chdir(tmp_path)
    require_writable(tmp_path.relative_to(tmp_path) / "a")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "a"):
        with pytest.raises(FERError, match=r"Nothing can be written to '.*'; name another folder with --out"):
            require_writable(folder)


def test_a_folder_of_someone_else(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)))
    with pytest.raises(FERError, match="Nothing can be written to"):
        require_writable(tmp_path / "a")
    assert asked == [(tmp_path, os.W_OK)]
