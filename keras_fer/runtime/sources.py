"""What a user names as input: photos, folders of photos, videos, cameras."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from keras_fer.errors import FERError
from keras_fer.runtime.images import image_files
from keras_fer.runtime.video import VIDEO_SUFFIXES

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_CAMERA = re.compile(r"camera:(\d{1,3})")


class Source(NamedTuple):
    """One photo, video or camera.

    Args:
        kind: `"photo"`, `"video"` or `"camera"`.
        name: the path as the user would write it, or `camera:0`.
        copy_name: relative path that a copy of it can have in another folder.
    """

    kind: str
    name: str
    copy_name: Path

    @property
    def camera(self) -> int:
        """The number of a camera."""
        return int(self.name.removeprefix("camera:"))


def require_any(inputs: Sequence[str]) -> None:
    """Refuses inputs of which none is there, before a detector is asked for; else what is there is read.

    Raises:
        FERError: if no file, folder or camera is among them; an address has an error of its own.
    """
    if not any(os.path.exists(text) or _CAMERA.fullmatch(text) or _ADDRESS.match(text) for text in inputs):
        raise FERError(f"There is no image {', '.join(map(repr, inputs))}.")


def sources(text: str) -> Iterator[Source]:
    """Yields the sources behind one input, one by one.

    Args:
        text: `camera:N`; a folder, in which photos are searched recursively; a file, which is a video if its
            suffix says so, else a photo.

    Raises:
        FERError: if it is an address, or a folder that cannot be listed or holds no images; whether a file
            exists is seen later.
    """
    # Those of `os.path` say no of a name that cannot be, where those of `Path` may raise.
    path = Path(text)
    if _ADDRESS.match(text) and not os.path.exists(text):
        raise FERError(f"{text!r} is an address, and only files are read; download it first.")
    if _CAMERA.fullmatch(text) and not os.path.exists(text):
        yield Source("camera", text, Path(text.replace(":", "")))
    elif os.path.isdir(text):
        empty = True
        for file in image_files(path):
            empty = False
            yield Source("photo", str(file), file.relative_to(path))
        if empty:
            raise FERError(f"The folder {text!r} holds no images.")
    else:
        kind = "video" if path.suffix.lower() in VIDEO_SUFFIXES else "photo"
        yield Source(kind, text, Path(path.name))
