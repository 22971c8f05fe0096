"""Annotated copies of photos and videos."""

import difflib
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from keras_fer.atomic import atomic_file, require_new_folder, require_parent
from keras_fer.errors import FERError
from keras_fer.runtime.annotation import annotated
from keras_fer.runtime.answers import Answer
from keras_fer.runtime.sources import Source
from keras_fer.runtime.video import VIDEO_SUFFIXES, WRITTEN_SUFFIXES, VideoFile, video_file

# Other photos become PNG, which loses nothing.
_PHOTO_SUFFIXES = frozenset((".jpeg", ".jpg", ".png", ".webp"))
# Who names such a file wants no folder of that name.
_OTHER_SUFFIXES = frozenset((".bmp", ".gif", ".heic", ".tif", ".tiff", *VIDEO_SUFFIXES)) - {*WRITTEN_SUFFIXES}
# As alike to a written suffix as .pgn is to .png, and as .out, .v2 or .copies are not.
_MISSPELT = 0.7
_QUALITY = 92
# Pixels of a side that a format, or the library that writes it, can hold.
_LARGEST_SIDE = {".jpeg": 65_500, ".jpg": 65_500, ".webp": 16_383}


class AnnotatedCopies:
    """Writes copies with the faces framed and named; they lie upright and have no metadata.

    Args:
        path: a folder, new or empty, that gets a copy of each photo, at its path below the input folder, and
            of each video; or the file of one photo or video, as its suffix says.
        top: expressions that are written beside a face.

    Raises:
        FERError: if the folder is in use, or the file is there already.
    """

    def __init__(self, path: str | Path, top: int = 1) -> None:
        self._path = Path(path)
        self._top = top
        self._is_file = file_kind(path) is not None
        if not self._is_file:
            require_new_folder(self._path)
            self._path.mkdir(parents=True, exist_ok=True)
        elif self._path.exists():
            # It may well be the photo itself.
            raise FERError(f"{str(path)!r} is there already; name another file for the annotated copy.")
        else:
            require_parent(self._path, "the copy")

    @contextmanager
    def copy_of(self, source: Source) -> Iterator[Callable[[Answer], None]]:
        """Yields a function that takes the answers of a source; a copy appears whole or not at all.

        Raises:
            FERError: if OpenCV, for videos, is missing or cannot write the file, or a photo is larger than
                its format can hold.
        """
        with ExitStack() as opened:
            video: VideoFile | None = None

            def write(answer: Answer) -> None:
                nonlocal video
                faces = [(face, prediction) for face, prediction, _ in answer.faces]
                image = annotated(answer.image, faces, self._top)
                if answer.frame is None:
                    _save(image, self._new_file(source.copy_name, _PHOTO_SUFFIXES, ".png"))
                    return
                if video is None:
                    file = self._new_file(source.copy_name, frozenset(WRITTEN_SUFFIXES), ".mp4")
                    video = opened.enter_context(video_file(file, answer.frame_rate))
                video.write(image, answer.time_s)

            yield write

    def _new_file(self, name: Path, suffixes: frozenset[str], other: str) -> Path:
        """Returns where the copy of a source goes, with another number where inputs share a name."""
        if self._is_file:
            return self._path
        file = self._path / name
        suffix = file.suffix if file.suffix.lower() in suffixes else other
        file.parent.mkdir(parents=True, exist_ok=True)
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        files = (file.with_name(f"{file.stem}{number}{suffix}") for number in numbers)
        return next(file for file in files if not file.exists())


def file_kind(path: str | Path) -> str | None:
    """Returns whether `AnnotatedCopies` writes one `"photo"` or `"video"` to a path; None for a folder.

    Raises:
        FERError: if the suffix is that of pictures or videos which are not written, or a misspelt one.
    """
    suffix = Path(path).suffix.lower()
    if Path(path).is_dir():
        return None
    if suffix in WRITTEN_SUFFIXES:
        return "video"
    if suffix in _PHOTO_SUFFIXES:
        return "photo"
    known = sorted((*_PHOTO_SUFFIXES, *WRITTEN_SUFFIXES))
    if suffix in _OTHER_SUFFIXES or difflib.get_close_matches(suffix, known, cutoff=_MISSPELT):
        written = ", ".join(known)
        raise FERError(
            f"Copies are not written as {suffix}; make the folder first, or name a file in {written}."
        )
    return None


def _save(image: np.ndarray, path: Path) -> None:
    """Writes a picture in the format of its suffix."""
    height, width, _ = image.shape
    limit = _LARGEST_SIDE.get(path.suffix.lower(), max(height, width))
    if max(height, width) > limit:
        raise FERError(
            f"A {path.suffix} file holds at most {limit:,} pixels a side, and the copy {str(path)!r} has "
            f"{width:,} × {height:,}; name a .png file for it."
        )
    with atomic_file(path) as temporary:
        Image.fromarray(image).save(temporary, quality=_QUALITY)
