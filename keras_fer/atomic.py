"""Files and folders that appear whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_fer.errors import FERError

UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    errno.ENAMETOOLONG,
)
"""What the system says where a disk is full or broken, a folder is not to be written, or a name cannot be."""

_WINDOWS = os.name == "nt"


def fsync(path: Path) -> None:
    """Forces a file or folder to the disk."""
    # Windows opens no folders, and syncs only what is open for writing.
    if _WINDOWS and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if _WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def atomic_file(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is synced and renamed to `path`.

    The temporary name keeps the suffix of `path`, since writers choose the format by it.
    On any exception the temporary file is removed and an older `path` stays as it was.
    A link stays, and its target is written. A pipe or a device cannot be replaced: it is yielded itself.

    Raises:
        OSError: naming `path` where it cannot be written.
    """
    path = Path(path)
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        yield path
        return
    target = Path(os.path.realpath(path))
    # A name may be as long as the system allows.
    prefix = f".{path.stem[:100]}-"
    with _named(path, prefix):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=prefix, suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            fsync(temporary)
            # mkstemp makes private files; give the result the mode that open() would have given it.
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            temporary.replace(target)
            fsync(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; on success it is renamed to `path`.

    Raises:
        FERError: if `path` exists and is not an empty folder.
        OSError: naming `path` where it cannot be written.
    """
    path = Path(path)
    require_new_folder(path)
    prefix = f".{path.name[:100]}-"
    with _named(path, prefix):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=prefix))
        temporary.chmod(0o755)
        try:
            yield temporary
            for file in temporary.rglob("*"):
                fsync(file)
            fsync(temporary)
            temporary.replace(path)
            fsync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _named(path: Path, prefix: str) -> Iterator[None]:
    """Names `path` in errors of the system that name no file, as of a full disk, or the temporary one."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and (error.filename is None or f"{os.sep}{prefix}" in str(error.filename)):
            error.filename, error.filename2 = str(path), None
        raise


def require_new_folder(path: str | os.PathLike) -> None:
    """Refuses an output folder that is in use.

    Raises:
        FERError: if `path` is a file or a folder that holds anything.
    """
    path = Path(path)
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists() or path.is_symlink():
        raise FERError(
            f"The output {str(path)!r} exists already. Name a new folder, or remove this one first."
        )


def require_parent(path: str | os.PathLike, what: str) -> None:
    """Refuses a file in a folder that is not there.

    Args:
        path: of the file to be written.
        what: the file in words, such as `"the video"`.

    Raises:
        FERError: if it would lie in no folder.
    """
    parent = Path(path).parent
    if not parent.is_dir():
        raise FERError(f"There is no folder {str(parent)!r} for {what}; make it first.")
