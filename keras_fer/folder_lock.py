"""One process at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_fer.errors import FERError

LOCK = ".lock"


@contextmanager
def folder_lock(folder: Path, activity: str = "working in") -> Iterator[None]:
    """Holds a lock in a folder, which the system releases when this process ends in any way.

    Args:
        folder: the file `.lock` is made in it and stays.
        activity: what the process that holds it does with the folder, for the sentence to others.

    Raises:
        FERError: if another process holds it, or has removed the folder since it was looked at.
    """
    try:
        import fcntl
    except ImportError:  # Windows: without a lock, two processes are the user's own care.
        yield
        return
    try:
        opened = (folder / LOCK).open("w")
    except FileNotFoundError as error:
        raise FERError(
            f"{str(folder)!r} is gone: another process has ended what it did there. Look at what it left."
        ) from error
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FERError(
                f"Another process is {activity} {str(folder)!r}. Wait for it or name another output."
            ) from error
        yield
