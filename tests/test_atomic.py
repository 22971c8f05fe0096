import errno
import os
import re
from pathlib import Path

import pytest

from keras_fer.atomic import atomic_file, atomic_folder, fsync, require_new_folder, require_parent
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


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "folder").mkdir()
    for old in ("old", None):
        target, link = tmp_path / "folder" / f"{old}.json", tmp_path / f"{old}.txt"
        if old:
            target.write_text(old)
        link.symlink_to(Path("folder", target.name))
        with atomic_file(link) as temporary:
            assert (temporary.parent, temporary.suffix) == (target.parent, ".txt")
            temporary.write_text("new")
        assert link.is_symlink()
        assert target.read_text() == "new"
    assert sorted(os.listdir(tmp_path / "folder")) == ["None.json", "old.json"]


def test_a_pipe_is_written_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        for name in ("pipe", "link"):
            with atomic_file(tmp_path / name) as file:
                file.write_text("new")
            assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


def test_windows_syncs_files_that_are_open_for_writing_and_no_folders(tmp_path, monkeypatch):
    opened = []
    open_file = os.open
    monkeypatch.setattr("keras_fer.atomic._WINDOWS", True)
    monkeypatch.setattr(os, "open", lambda *given: opened.append(given) or open_file(*given))
    (tmp_path / "file").write_text("x")
    fsync(tmp_path)
    fsync(tmp_path / "file")
    assert opened == [(tmp_path / "file", os.O_RDWR)]


def test_an_output_in_use_is_refused(tmp_path):
    require_new_folder(tmp_path / "new")
    require_new_folder(tmp_path)
    (tmp_path / "file").write_text("")
    for used in (tmp_path, tmp_path / "file"):
        with pytest.raises(FERError, match="exists already"):
            require_new_folder(used)
    with pytest.raises(FERError, match="exists already"), atomic_folder(tmp_path):
        pass


def test_a_file_needs_a_folder_that_is_there(tmp_path):
    require_parent(tmp_path / "file", "the video")
    (tmp_path / "file").write_text("")
    for parent in (tmp_path / "absent", tmp_path / "file"):
        sentence = re.escape(f"There is no folder '{parent}' for the video; make it first.")
        with pytest.raises(FERError, match=f"^{sentence}$"):
            require_parent(parent / "a.mp4", "the video")


@pytest.mark.parametrize("name", ["a" * 200 + ".json", "a" * 255])
def test_a_name_may_be_as_long_as_the_system_allows(tmp_path, name):
    with atomic_file(tmp_path / name) as temporary:
        temporary.write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path):
    for path, number in (
        (tmp_path / ("a" * 300), errno.ENAMETOOLONG),
        (tmp_path / "none" / "a", errno.ENOENT),
    ):
        with pytest.raises(OSError) as caught, atomic_file(path):  # noqa: PT011 - the number says which
            pass
        assert (caught.value.errno, caught.value.filename) == (number, str(path))
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left") as caught, atomic_file(tmp_path / "a"):
        raise full
    assert caught.value.filename == str(tmp_path / "a")
    with pytest.raises(FileNotFoundError) as caught, atomic_file(tmp_path / "a"):
        Path("/none/other").read_bytes()
    assert caught.value.filename == "/none/other"
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_folder(tmp_path):
    with pytest.raises(OSError, match="No space left") as caught, atomic_folder(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a")
