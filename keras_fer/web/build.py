"""Builds the browser app once, by Node.js, into the user's cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from keras_fer.atomic import atomic_folder
from keras_fer.errors import FERError

SOURCES = Path(__file__).parent / "app"
# What a built app must hold; more may be there.
BUILT_FILES = ("index.html", "main.js", "service_worker.js", "style.css", "manifest.webmanifest")
_ELSEWHERE = (
    "install them, or build on another machine by `keras-fer web MODEL --output FOLDER` and name that folder "
    "here by --app"
)


def source_files() -> list[Path]:
    """Returns the files from which the app is built, sorted; nothing that npm or a build left there."""
    top = [path for path in SOURCES.iterdir() if path.is_file()]
    return sorted([*top, *(path for path in (SOURCES / "src").rglob("*") if path.is_file())])


def source_digest() -> str:
    """Returns a digest of the sources, which names their build."""
    digest = hashlib.sha256()
    for path in source_files():
        digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Returns where builds are kept: `$XDG_CACHE_HOME/keras-fer`, or `~/.cache/keras-fer`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "keras-fer"


def built_app(cache: Path | None = None) -> Path:
    """Returns the folder of the built app; builds it where these sources have not been built yet.

    npm fetches LiteRT.js and esbuild once, in the versions of the lock file; install scripts are not run.

    Args:
        cache: where builds are kept; None for `cache_folder`.

    Raises:
        FERError: if there is neither a build nor Node.js, or the build fails.
    """
    folder = (cache or cache_folder()) / f"web-{source_digest()}"
    if is_built(folder):
        return folder
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise FERError(
            "The browser app is built once by Node.js 20 or newer and npm, which are not installed: "
            f"{_ELSEWHERE}."
        )
    with tempfile.TemporaryDirectory(prefix="keras-fer-web-") as name, atomic_folder(folder) as result:
        work = Path(name)
        for path in source_files():
            target = work / path.relative_to(SOURCES)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
        _run([npm, "ci"], work)
        _run([node, "build.mjs", str(result)], work)
    return folder


def is_built(folder: Path) -> bool:
    """Whether a folder holds a built app."""
    return all((folder / name).is_file() for name in BUILT_FILES)


def _run(command: list[str], folder: Path) -> None:
    """Runs a step of the build; its last lines become the error."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FERError(f"The browser app could not be built: {error}") from error
    if done.returncode:
        lines = " ".join((done.stderr or done.stdout).split())[-500:]
        step = " ".join([Path(command[0]).name, *command[1:2]])
        raise FERError(f"The browser app could not be built; `{step}` says: {lines}")
