"""Checksums of files, as `sha256sum` writes and checks them."""

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_file(path: Path) -> str:
    """Returns the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum_lines(paths: Iterable[Path]) -> str:
    """Returns a line per file, with its name and not its folder, for `sha256sum --check` beside them."""
    return "".join(f"{sha256_file(path)}  {path.name}\n" for path in paths)
