import subprocess

from keras_fer.checksum import checksum_lines, sha256_file


def test_the_checksum_of_the_standard(tmp_path):
    """FIPS 180-2, B.1."""
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_lines_are_those_of_sha256sum(tmp_path):
    paths = [tmp_path / name for name in ("b", "a b")]
    for path in paths:
        path.write_text(path.name)
    command = ["sha256sum", *(path.name for path in paths)]
    expected = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert checksum_lines(paths) == expected
