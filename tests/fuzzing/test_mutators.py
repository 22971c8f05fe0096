import contextlib
import io
import json
import tarfile
import zipfile

from mutators import json_mutator, tar_mutator, zip_mutator


def unchanged(data, max_size):
    return data[:max_size]


def reversed_bytes(data, max_size):
    return data[::-1][:max_size]


def test_json_mostly_stays_json():
    document = json.dumps({"a": [1, {"b": "c"}], "d": None}).encode()
    mutated = {json_mutator(unchanged, prefix=1)(b"\1" + document, 4096, seed) for seed in range(200)}
    assert len(mutated) > 50
    assert all(data[:1] == b"\1" for data in mutated)
    for data in mutated:
        json.loads(data[1:])


def test_members_of_an_archive_have_their_checksum():
    stream = io.BytesIO(b"before")
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("a.txt", "abc")
    changed = 0
    for seed in range(50):
        data = zip_mutator(reversed_bytes)(stream.getvalue(), 4096, seed)
        if data.startswith(b"before"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                assert archive.testzip() is None
                changed += archive.read(archive.namelist()[0]) == b"cba"
    assert changed > 10


def test_headers_of_a_tar_archive_have_their_checksum():
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    content = stream.getvalue()[: 3 * tarfile.BLOCKSIZE]
    kinds = set()
    for seed in range(100):
        data = tar_mutator(unchanged)(content, 4096, seed)
        # A header of another kind may ask for more than there is.
        with contextlib.suppress(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(data)) as archive:
            kinds |= {member.type for member in archive if member.name == "a"}
    assert len(kinds) > 2
