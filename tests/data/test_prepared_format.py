import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from keras_fer.checksum import sha256_file
from keras_fer.data.prepared import PreparedWriter, open_prepared
from keras_fer.data.prepared_format import content_hash, sealed
from keras_fer.errors import FERError


def write(output):
    """Writes 20 random images of 8 × 10 pixels in shards of 7, with soft labels."""
    random = np.random.default_rng(0)
    with PreparedWriter(
        output, source="made", label_names=("a", "b", "c"), image_shape=(8, 10, 3), rows_per_shard=7
    ) as writer:
        writer.append(
            random.integers(0, 256, (20, 8, 10, 3), dtype=np.uint8),
            labels=np.arange(20) % 4 - 1,
            splits=np.arange(20) % 3,
            sources=[str(row) for row in range(20)],
            soft_labels=random.dirichlet([1, 1, 1], 20),
        )
        writer.finish()


def change_info(folder, seal=True, **changes):
    """Changes entries of `dataset.json`, with a right checksum as somebody with bad intent would."""
    info = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    info.pop("checksum")
    info |= changes
    (folder / "dataset.json").write_text(json.dumps(sealed(info) if seal else info), encoding="utf-8")


def test_newer_format_is_refused(tmp_path):
    write(tmp_path / "out")
    change_info(tmp_path / "out", seal=False, format_version=2)
    with pytest.raises(FERError, match=r"format version 2.*Update keras-fer"):
        open_prepared(tmp_path / "out")


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "something else"},
        {"format_version": "one"},
        {"shards": []},
        {"shards": None},
        {"shards": [{"name": "../../etc/hosts", "num_images": 1, "size_bytes": 1, "sha256": ""}]},
        {"labels": {"name": "/etc/hosts", "size_bytes": 1, "sha256": ""}},
        {"labels": {"name": "labels.npz"}},
        {"image_shape": [8, 10]},
        {"image_shape": [8, 10, 4]},
        {"image_shape": "8×10"},
        {"crop_size": 11},
        {"crop_size": 0},
        {"label_names": "abc"},
        {"label_names": [1, 2, 3]},
        {"label_names": ["one"]},
        {"content_hash": "0"},
    ],
    ids=lambda changes: "-".join(f"{key}={str(value)[:20]}" for key, value in changes.items()),
)
def test_contradicting_info_is_refused(tmp_path, changes):
    write(tmp_path / "out")
    change_info(tmp_path / "out", **changes)
    with pytest.raises(FERError, match="damaged"):
        open_prepared(tmp_path / "out")


def replace_file(folder, name, content):
    """Replaces a file and its entry, so that only its content can give it away."""
    (folder / name).write_bytes(content)
    info = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    for entry in (*info["shards"], info["labels"]):
        if entry["name"] == name:
            entry |= {"size_bytes": len(content), "sha256": sha256_file(folder / name)}
    checksums = [entry["sha256"] for entry in (*info["shards"], info["labels"])]
    change_info(folder, shards=info["shards"], labels=info["labels"], content_hash=content_hash(checksums))


class Unpickled:
    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def pickled_npy(path):
    with open(path, "wb") as file:
        np.save(file, np.array([Unpickled()], object), allow_pickle=True)
    return path.read_bytes()


def test_pickles_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "one")
    replace_file(tmp_path / "one", "images-00000.npy", pickled_npy(tmp_path / "evil.npy"))
    with pytest.raises(FERError, match=r"images-00000\.npy' is damaged"):
        open_prepared(tmp_path / "one")
    replace_file(tmp_path / "one", "images-00000.npy", pickle.dumps(Unpickled()))
    with pytest.raises(FERError, match=r"images-00000\.npy' is damaged"):
        open_prepared(tmp_path / "one")
    write(tmp_path / "other")
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        archive.write(tmp_path / "evil.npy", "labels.npy")
    replace_file(tmp_path / "other", "labels.npz", (tmp_path / "evil.npz").read_bytes())
    with pytest.raises(FERError, match=r"labels\.npz' is damaged"):
        open_prepared(tmp_path / "other")
    assert not (tmp_path / "unpickled").exists()


def test_compressed_labels_are_refused(tmp_path):
    write(tmp_path / "out")
    np.savez_compressed(tmp_path / "bomb.npz", labels=np.zeros(10_000_000))
    replace_file(tmp_path / "out", "labels.npz", (tmp_path / "bomb.npz").read_bytes())
    with pytest.raises(FERError, match="compressed members"):
        open_prepared(tmp_path / "out")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((7, 8, 10, 3), np.int8),
        np.zeros((6, 8, 10, 3), np.uint8),
        np.zeros((7, 8, 10, 1), np.uint8),
        np.zeros((), np.uint8),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_shards_of_another_shape_are_refused(tmp_path, array):
    write(tmp_path / "out")
    np.save(tmp_path / "other.npy", array)
    replace_file(tmp_path / "out", "images-00000.npy", (tmp_path / "other.npy").read_bytes())
    with pytest.raises(FERError, match=r"images-00000\.npy' is damaged"):
        open_prepared(tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": np.full(20, 3)},
        {"labels": np.zeros(19, np.int64)},
        {"labels": np.zeros(20)},
        {"splits": np.full(20, 3)},
        {"soft_labels": np.ones((20, 3))},
        {"pixel_hashes": None},
        {"splits": None},
    ],
    ids=str,
)
def test_labels_out_of_range_are_refused(tmp_path, change):
    write(tmp_path / "out")
    with np.load(tmp_path / "out/labels.npz") as arrays:
        columns = {**arrays, **change}
    np.savez(tmp_path / "other.npz", **{name: array for name, array in columns.items() if array is not None})
    replace_file(tmp_path / "out", "labels.npz", (tmp_path / "other.npz").read_bytes())
    with pytest.raises(FERError, match=r"labels\.npz' is damaged"):
        open_prepared(tmp_path / "out")


def test_an_archive_in_the_place_of_images_is_refused(tmp_path):
    # Found by fuzzing: `np.load` gives a shard that is an archive without complaint.
    write(tmp_path / "out")
    np.savez(tmp_path / "images.npz", images=np.zeros(3))
    replace_file(tmp_path / "out", "images-00000.npy", (tmp_path / "images.npz").read_bytes())
    with pytest.raises(FERError, match=r"images-00000\.npy' is damaged"):
        open_prepared(tmp_path / "out")


def test_an_array_before_an_archive_is_refused(tmp_path):
    write(tmp_path / "out")
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    labels = stream.getvalue() + (tmp_path / "out" / "labels.npz").read_bytes()
    replace_file(tmp_path / "out", "labels.npz", labels)
    with pytest.raises(FERError, match=r"labels\.npz' is damaged \(it is a single array\)"):
        open_prepared(tmp_path / "out")
