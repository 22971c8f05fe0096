"""Opens a data set that comes as an archive: extracted safely beside the output and removed afterwards."""

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import IO

from keras_fer.errors import FERError

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_ENTRIES = 5_000_000
MAX_EXPANSION = 100
# Below this, any expansion is harmless.
_ALWAYS_ALLOWED_BYTES = 2**30


@contextmanager
def data_folder(path: str | os.PathLike, temporary: str | os.PathLike) -> Iterator[Path]:
    """Yields the folder of a data set; an archive is extracted for as long as the block runs.

    A `FERError` that leaves the block names the archive where it names that folder.

    Args:
        path: a folder, which is yielded as it is, or an archive: .zip, .tar, .tar.gz, .tar.bz2, .tar.xz.
        temporary: begin of the name of the folder where an archive is extracted, which is removed afterwards.
            Each call has a folder of its own: two may extract one archive at the same time.

    Raises:
        FERError: if the archive is damaged, too large, or has entries that are no plain files below its root.
    """
    path, temporary = Path(path), Path(temporary)
    if not os.path.isfile(path) or not path.name.lower().endswith(ARCHIVE_SUFFIXES):
        yield path
        return
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{temporary.name}-", dir=temporary.parent))
    try:
        try:
            _extract(path, temporary)
        except FERError:
            raise
        except Exception as error:
            # A damaged archive raises nearly anything: zlib.error, EOFError, IndexError, struct.error...
            reason = str(error) or type(error).__name__
            raise FERError(f"The archive {str(path)!r} cannot be extracted: {reason}.") from error
        entries = [entry for entry in temporary.iterdir() if entry.name != "__MACOSX"]
        root = entries[0] if len(entries) == 1 and entries[0].is_dir() else temporary
        try:
            yield root
        except FERError as error:
            # The folder is gone by the time that the user reads its name.
            raise FERError(str(error).replace(str(root), str(path))) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(path: Path, folder: Path) -> None:
    """Writes the plain files of an archive below `folder`."""
    budget = max(_ALWAYS_ALLOWED_BYTES, MAX_EXPANSION * path.stat().st_size)
    budget = min(budget, shutil.disk_usage(folder).free)
    for number, (name, size, file) in enumerate(_members(path)):
        budget -= size
        if budget < 0 or number >= MAX_ENTRIES:
            raise FERError(
                f"The archive {str(path)!r} is too large: more than {MAX_ENTRIES:,} files, more than "
                f"{MAX_EXPANSION} times its own size, or more than fits on the disk. Extract it yourself."
            )
        target = folder / _relative(name, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with file, open(target, "wb") as output:
            shutil.copyfileobj(file, output)
        if target.stat().st_size != size:
            raise ValueError(f"{name!r} is not whole")


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Yields name, size and content of each file; links and devices are refused."""
    if path.name.lower().endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, entry.file_size, archive.open(entry)
        return
    with tarfile.open(path, "r|*") as archive:
        for member in archive:
            if member.isdir():
                continue
            file = archive.extractfile(member) if member.isreg() else None
            if file is None:
                raise FERError(
                    f"The archive {str(path)!r} holds {member.name!r}, a link or a device; refused."
                )
            yield member.name, member.size, file


def _relative(name: str, path: Path) -> str:
    """Returns the name of an entry if it stays below the folder."""
    name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or PureWindowsPath(name).drive or not parts or "\0" in name:
        raise FERError(f"The archive {str(path)!r} holds {name!r}, which leads out of its folder; refused.")
    return "/".join(parts)
