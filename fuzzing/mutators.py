"""Mutations that keep what a random byte would break first: the syntax of JSON, checksums of archives."""

import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

# Bytes, largest size of the result, and a seed.
Mutator = Callable[[bytes, int, int], bytes]
Mutate = Callable[[bytes, int], bytes]

_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 8, 0.5, -0.5, 1e308, -1e308, float("nan"), float("inf"), 2**31, 2**63,
    10**400, "", "a", "1", "é\x1b[2J\n", "\ud800", "../../etc/passwd", "/", "\0", [], {}, [[]], [None],
    {"": 0},
)  # fmt: skip


def json_mutator(mutate: Mutate, prefix: int = 0) -> Mutator:
    """Returns a mutator that mostly changes one value, key or element of a JSON document.

    Args:
        mutate: libFuzzer's own mutation of bytes, which is used for the rest.
        prefix: bytes before the document that choose what it is.
    """

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        head, text = data[:prefix], data[prefix:]
        if rng.random() < 0.25:
            return mutate(data, max_size)
        try:
            document = [json.loads(text)]
        except (ValueError, RecursionError):
            return mutate(data, max_size)
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            _change(rng, document, mutate)
        try:
            changed = head + json.dumps(document[0]).encode()
        except (ValueError, RecursionError):
            return mutate(data, max_size)
        return changed if len(changed) <= max_size else data[:max_size]

    return mutated


def _change(rng: random.Random, document: list, mutate: Mutate) -> None:
    """Changes one place of a document that is the only element of a list."""
    places = list(_places(document))
    holder, key = rng.choice(places)
    value = holder[key]
    action = rng.randrange(6)
    if action == 0 and holder is not document:
        del holder[key]
    elif action == 1 and isinstance(holder, dict):
        other = rng.choice(places)[1]
        holder[other if isinstance(other, str) else "a"] = holder.pop(key)
    elif action == 2:
        copied_from, copied_key = rng.choice(places)
        holder[key] = json.loads(json.dumps(copied_from[copied_key]))
    elif action == 3 and isinstance(value, list) and value:
        value.append(json.loads(json.dumps(rng.choice(value))))
    elif action == 4 and isinstance(value, str | int):
        try:
            holder[key] = type(value)(mutate(str(value).encode(), 64).decode("utf-8", "replace"))
        except ValueError:
            holder[key] = rng.choice(_ODD)
    else:
        holder[key] = json.loads(json.dumps(rng.choice(_ODD)))


def _places(document: Any) -> Any:
    keys = document.keys() if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        if isinstance(document[key], dict | list):
            yield from _places(document[key])


def zip_mutator(mutate: Mutate, prefix: int = 0) -> Mutator:
    """Returns a mutator that mostly changes one member of a zip archive, whose checksum is then right."""

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.3:
            return mutate(data, max_size)
        try:
            with zipfile.ZipFile(io.BytesIO(data[prefix:])) as archive:
                members = [(entry, archive.read(entry)) for entry in archive.infolist()]
                # What lies before the archive stays before it.
                start = min((entry.header_offset for entry, _ in members), default=0)
        except Exception:
            return mutate(data, max_size)
        if not members:
            return mutate(data, max_size)
        chosen, stream = rng.randrange(len(members)), io.BytesIO(data[prefix : prefix + start])
        stream.seek(0, io.SEEK_END)
        try:
            with zipfile.ZipFile(stream, "a") as archive:
                for position, (entry, content) in enumerate(members):
                    name, method = entry.filename, entry.compress_type
                    if position == chosen and rng.random() < 0.2:
                        name = mutate(name.encode("utf-8", "replace"), 64).decode("utf-8", "replace") or "a"
                    elif position == chosen and rng.random() < 0.1:
                        method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
                    elif position == chosen:
                        content = mutate(content, max(max_size // 2, 1))
                    archive.writestr(zipfile.ZipInfo(name.replace("\0", "") or "a"), content, method)
        except Exception:  # sizes and dates that no archive can hold
            return mutate(data, max_size)
        changed = data[:prefix] + stream.getvalue()
        return changed if len(changed) <= max_size else data[:max_size]

    return mutated


def tar_mutator(mutate: Mutate, prefix: int = 0) -> Mutator:
    """Returns a mutator that changes the header of one member of a tar archive and its checksum with it."""

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        rng = random.Random(seed)
        blocks = bytearray(data[prefix:])
        if rng.random() < 0.4 or len(blocks) < tarfile.BLOCKSIZE:
            return mutate(data, max_size)
        start = rng.randrange(len(blocks) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        header = bytearray(mutate(bytes(blocks[start : start + 500]), 500).ljust(500, b"\0"))
        if rng.random() < 0.3:
            header[156:157] = rng.choice((b"0", b"1", b"2", b"3", b"5", b"6", b"L", b"S", b"g", b"x", b"\0"))
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % (sum(header) & 0o777777)
        blocks[start : start + 500] = header
        return (data[:prefix] + bytes(blocks))[:max_size]

    return mutated
