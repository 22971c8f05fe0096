import io
import tarfile
import zipfile

import pytest

from keras_fer.data import archives
from keras_fer.data.archives import data_folder
from keras_fer.errors import FERError

FILES = {"faces/a.txt": b"one", "faces/sub/b.txt": b"two"}


def write_zip(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_tar(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


WRITERS = {"data.zip": write_zip, "data.tar.gz": write_tar, "data.TGZ": write_tar}
WRITERS["data.tar.xz"] = lambda path, files: write_tar(path, files, "w:xz")
WRITERS["data.tar"] = lambda path, files: write_tar(path, files, "w")


def content(folder):
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


@pytest.mark.parametrize("name", WRITERS)
def test_one_top_folder_is_the_root_and_is_removed_afterwards(tmp_path, name):
    WRITERS[name](tmp_path / name, FILES)
    with data_folder(tmp_path / name, tmp_path / "extracted") as root:
        assert (root.name, root.parent.parent) == ("faces", tmp_path)
        assert root.parent.name.startswith("extracted-")
        assert content(root) == {"a.txt": b"one", "sub/b.txt": b"two"}
    assert not list(tmp_path.glob("extracted*"))


def test_several_entries_stay_below_the_extracted_folder(tmp_path):
    write_zip(tmp_path / "d.zip", {"a/1": b"", "b": b"x", "__MACOSX/junk": b"", "only/": b""})
    with data_folder(tmp_path / "d.zip", tmp_path / "extracted") as root:
        assert content(root) == {"a/1": b"", "b": b"x", "__MACOSX/junk": b""}


def test_two_at_once_do_not_disturb_one_another(tmp_path):
    write_zip(tmp_path / "d.zip", FILES)
    with data_folder(tmp_path / "d.zip", tmp_path / "extracted") as first:
        with data_folder(tmp_path / "d.zip", tmp_path / "extracted") as second:
            assert first != second
            assert content(first) == content(second) == {"a.txt": b"one", "sub/b.txt": b"two"}
        assert not second.exists()
        assert content(first) == {"a.txt": b"one", "sub/b.txt": b"two"}
    assert list(tmp_path.iterdir()) == [tmp_path / "d.zip"]


def test_folders_and_other_files_are_passed_on(tmp_path):
    (tmp_path / "list.csv").write_text("path,label")
    for path in (tmp_path, tmp_path / "list.csv", tmp_path / "absent"):
        with data_folder(path, tmp_path / "extracted") as root:
            assert root == path
    assert not list(tmp_path.glob("extracted*"))


def test_errors_name_the_archive_instead_of_the_folder(tmp_path):
    write_zip(tmp_path / "d.zip", {"faces/a.txt": b"x"})
    with (
        pytest.raises(FERError) as failure,
        data_folder(tmp_path / "d.zip", tmp_path / "extracted") as root,
    ):
        raise FERError(f"'{root / 'a.txt'}' is no image.")
    assert str(failure.value) == f"'{tmp_path / 'd.zip' / 'a.txt'}' is no image."


@pytest.mark.parametrize("writer", [write_zip, write_tar])
@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "..\\evil", "C:\\evil", "C:evil"])
def test_paths_that_leave_the_folder_are_refused(tmp_path, writer, name):
    path = tmp_path / "inner/d.zip" if writer is write_zip else tmp_path / "inner/d.tar.gz"
    path.parent.mkdir()
    writer(path, {"ok": b"x", name: b"evil"})
    with (
        pytest.raises(FERError, match="leads out of its folder"),
        data_folder(path, path.parent / "extracted"),
    ):
        pass
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "d.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, "/etc/hosts"
        archive.addfile(member)
    with pytest.raises(FERError, match="a link or a device"), data_folder(tmp_path / "d.tar", tmp_path / "x"):
        pass
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize("name", WRITERS)
def test_truncated_archives_are_refused(tmp_path, name):
    WRITERS[name](tmp_path / name, {"a": bytes(range(256)) * 200, "b": b"x" * 9999})
    whole = (tmp_path / name).read_bytes()
    for length in (0, 10, len(whole) // 2):
        (tmp_path / name).write_bytes(whole[:length])
        with (
            pytest.raises(FERError, match="cannot be extracted"),
            data_folder(tmp_path / name, tmp_path / "x"),
        ):
            pass
        assert not list(tmp_path.glob("x*"))


def test_bombs_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_ALWAYS_ALLOWED_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(3_000_000))
    with pytest.raises(FERError, match="too large"), data_folder(tmp_path / "d.zip", tmp_path / "x"):
        pass
    monkeypatch.setattr(archives, "MAX_ENTRIES", 2)
    write_tar(tmp_path / "d.tar", dict.fromkeys("abc", b""), "w")
    with pytest.raises(FERError, match="too large"), data_folder(tmp_path / "d.tar", tmp_path / "x"):
        pass


def test_a_zip_that_states_a_smaller_size_is_refused(tmp_path):
    write_zip(tmp_path / "d.zip", {"a": b"12345678"})
    forged = (
        (tmp_path / "d.zip")
        .read_bytes()
        .replace((8).to_bytes(4, "little") * 2, (8).to_bytes(4, "little") + (4).to_bytes(4, "little"))
    )
    (tmp_path / "d.zip").write_bytes(forged)
    with (
        pytest.raises(FERError, match="cannot be extracted"),
        data_folder(tmp_path / "d.zip", tmp_path / "x"),
    ):
        pass


def test_a_file_without_a_name_is_one_sentence(tmp_path):
    # Found by fuzzing: the standard library fails on it with an IndexError.
    (tmp_path / "a.zip").write_bytes(
        b"PK\x03\x04\x14\x00\x00\x00\x00\x00\x9d\\|]\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00xPK\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\x9d\\|]\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00.\x00\x00\x00\x1f\x00\x00\x00\x00\x00"
    )
    with (
        pytest.raises(FERError, match=r"a\.zip' cannot be extracted"),
        data_folder(tmp_path / "a.zip", tmp_path / "x"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
