"""What the browser app consists of: every address with its content, and nothing else."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from keras_fer.atomic import atomic_folder
from keras_fer.errors import FERError
from keras_fer.runtime import blazeface
from keras_fer.web.build import BUILT_FILES, is_built
from keras_fer.web.models import WebModel

MODELS_FILE = "models.json"
_WORKER = "service_worker.js"
_MODELS, _RUNTIME = "models/", "wasm/"
_DETECTOR = "detector/face_detection_short_range.tflite"
# The first line of a worker that a server wrote, in the folder of --output.
_HEAD = "// Written by keras-fer web.\n"


@dataclass(frozen=True)
class Site:
    """All that is served.

    Args:
        files: by address below the root, such as `models/model.tflite`: a file, or bytes.
    """

    files: dict[str, Path | bytes]

    def content(self, address: str) -> bytes | None:
        """Returns what lies at an address; None where there is nothing."""
        file = self.files.get(address or "index.html")
        return file.read_bytes() if isinstance(file, Path) else file

    def write(self, folder: Path) -> None:
        """Writes the site into a new folder, which any static server can serve.

        Raises:
            FERError: if the folder is in use.
        """
        with atomic_folder(folder) as temporary:
            for address in self.files:
                path = temporary / address
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.content(address) or b"")


def site(app: Path, models: Sequence[WebModel], detector: Path | None) -> Site:
    """Puts a built app, models and a face detector together.

    Args:
        app: folder of a built app, or one that `Site.write` wrote; its models are left out.
        models: at least one; the first is the one that the app opens.
        detector: BlazeFace model file; None for none: then every picture is taken for the crop of one face,
            and the app says so.

    Raises:
        FERError: if `app` is no built app.
    """
    if not is_built(app):
        raise FERError(
            f"The folder {str(app)!r} holds no built app ({', '.join(BUILT_FILES)}): name one that "
            "`keras-fer web MODEL --output FOLDER` wrote, or leave out --app."
        )
    files: dict[str, Path | bytes] = {
        path.relative_to(app).as_posix(): path for path in sorted(app.rglob("*")) if path.is_file()
    }
    files = {
        address: path
        for address, path in files.items()
        if address != MODELS_FILE and not address.startswith((_MODELS, "detector/"))
    }
    entries = []
    for model in models:
        files[_MODELS + model.path.name] = model.path
        entries.append(model.to_dict(_MODELS + quote(model.path.name)))
    notice = ""
    if detector is None:
        notice = (
            "No face detector is installed, so the middle of every picture is taken for a face: hold it "
            f"there. To find faces: {blazeface.INSTALL}, then start again."
        )
    else:
        files[_DETECTOR] = detector
    document = {"models": entries, "detector": _DETECTOR if detector else None, "notice": notice}
    files[MODELS_FILE] = (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
    files[_WORKER] = _worker(app, files)
    return Site(files)


def _worker(app: Path, files: dict[str, Path | bytes]) -> bytes:
    """Returns the service worker with the files to keep, and a version that changes with any of them."""
    code = (app / _WORKER).read_text(encoding="utf-8")
    if code.startswith(_HEAD):
        code = code.split("\n", 3)[3]
    digest = hashlib.sha256(code.encode())
    for address in sorted(files.keys() - {_WORKER}):
        content = files[address]
        digest.update(address.encode() + b"\0")
        digest.update(
            hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).digest()
        )
    # Of the two variants of the runtime a device needs one, which is kept when it is fetched.
    kept = sorted(quote(address) for address in files.keys() - {_WORKER} if not address.startswith(_RUNTIME))
    version = json.dumps(digest.hexdigest()[:16])
    head = f"{_HEAD}const VERSION = {version};\nconst FILES = {json.dumps(['./', *kept])};\n"
    return (head + code).encode()
