"""Where a command writes what it finds of a run."""

import os
from pathlib import Path


def require_writable(folder: Path) -> None:
    """Refuses a folder for results that can be neither written to nor made.

    Args:
        folder: may be missing, with folders above it.

    Raises:
        FERError: if it, or what is there of it, is no folder or not to be written to.
    """
    from keras_fer.errors import FERError

    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
        raise FERError(f"Nothing can be written to {str(folder)!r}; name another folder with --output.")
