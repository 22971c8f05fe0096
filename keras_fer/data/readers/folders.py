"""What is on disk below the root of a data set, without ever leaving the root."""

import os
import stat
from pathlib import Path, PureWindowsPath

from keras_fer.data.readers import reasons
from keras_fer.errors import FERError
from keras_fer.runtime.images import IMAGE_SUFFIXES


class RootFolder:
    """The root of a data set: finds files by the names that its lists give.

    Lists are untrusted: a name that is absolute, climbs with `..`, or ends outside the root through a
    link is refused.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._real = path.resolve(strict=True)
            if not self._real.is_dir():
                raise FERError(f"{str(path)!r} is a file; the folder of the data set was expected.")
        except (OSError, ValueError) as error:
            raise FERError(f"There is no folder or archive {str(path)!r}.") from error
        self._inside: dict[str, bool] = {}

    def locate(self, relative: str) -> tuple[Path | None, str | None]:
        """Finds a file by its name relative to the root.

        Returns:
            The path and None, or None and the reason why there is no such path.
        """
        relative = relative.replace("\\", "/")
        if not relative or "\0" in relative:
            return None, reasons.MISSING_FILE
        if relative.startswith("/") or PureWindowsPath(relative).drive or ".." in relative.split("/"):
            return None, reasons.LEAVES_ROOT
        path = self.path / relative
        try:
            mode = path.lstat().st_mode
            if not self._holds(path, stat.S_ISLNK(mode)):
                return None, reasons.LEAVES_ROOT
            if stat.S_ISLNK(mode):
                mode = path.stat().st_mode
        except (OSError, RuntimeError, ValueError):
            return None, reasons.MISSING_FILE
        return (path, None) if stat.S_ISREG(mode) else (None, reasons.MISSING_FILE)

    def _holds(self, path: Path, is_link: bool) -> bool:
        if is_link:
            return path.resolve(strict=True).is_relative_to(self._real)
        parent = os.path.dirname(path)
        if parent not in self._inside:
            self._inside[parent] = Path(parent).resolve(strict=True).is_relative_to(self._real)
        return self._inside[parent]

    def source(self, path: Path) -> str:
        """Returns a path below the root as it stands in a record: relative, with forward slashes."""
        return text_name(path.relative_to(self.path).as_posix())


def text_name(name: str) -> str:
    """Returns a file name as text that can be written as UTF-8."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def entries(folder: Path) -> list[os.DirEntry]:
    """Returns the entries of a folder that are not hidden, sorted by name.

    Raises:
        FERError: if the folder cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            visible = [entry for entry in found if entry.name[0] != "." and entry.name != "__MACOSX"]
    except OSError as error:
        raise FERError(f"The folder {str(folder)!r} cannot be read: {error.strerror or error}.") from error
    return sorted(visible, key=lambda entry: entry.name)


def subfolders(folder: Path) -> list[Path]:
    """Returns the folders in a folder that are not hidden, sorted by name."""
    return [Path(entry.path) for entry in entries(folder) if entry.is_dir()]


def image_names(folder: Path) -> list[str]:
    """Returns the names in a folder that end like an image file, sorted."""
    return [
        entry.name
        for entry in entries(folder)
        if os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and not entry.is_dir()
    ]


def candidates(root: Path) -> list[Path]:
    """Returns the root and the folders in it: archives often unpack into one folder more."""
    return [root, *subfolders(root)]


def layout_error(source: str, root: Path, looked_for: str) -> FERError:
    """Returns the error that says which layouts were looked for and what is there instead."""
    names = [text_name(entry.name) + ("/" if entry.is_dir() else "") for entry in entries(root)]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return FERError(
        f"{str(root)!r} has no layout of {source}. Looked for: {looked_for}. "
        f"Found: {shown or 'nothing, the folder is empty'}"
    )


def require_choice(option: str, value: object, choices: tuple[str, ...]) -> None:
    """Raises `FERError` unless the value of an option is one of its choices."""
    if value not in choices:
        raise FERError(f"The option {option!r} must be one of {', '.join(choices)}. Received: {value!r}")
