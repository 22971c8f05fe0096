import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from PIL import Image

from keras_fer.data import prepared
from keras_fer.data.prepare import TEST_DUPLICATE, PrepareOptions, prepare
from keras_fer.data.prepared import open_prepared
from keras_fer.data.readers.reasons import NO_MAJORITY
from keras_fer.data.records import Box, Record
from keras_fer.errors import FERError

OPTIONS = PrepareOptions(num_workers=2)


@dataclass(frozen=True)
class MadeReader:
    """Yields the records that it is given in place of a folder."""

    root: tuple[Record, ...]
    mode: str = "plain"
    name: str = field(default="made", init=False)
    label_names: tuple[str, ...] = field(default=("calm", "joy"), init=False)
    release: str = field(default="of today", init=False)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.root)


def faces(num_train=200, num_test=20, **fields):
    """Returns records with random gray images of 32 pixels."""
    random = np.random.default_rng(0)
    return tuple(
        Record(
            f"{row}.png",
            "train" if row < num_train else "test",
            image=random.integers(0, 256, (32, 32), dtype=np.uint8),
            label=row % 2,
            **fields,
        )
        for row in range(num_train + num_test)
    )


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_images_labels_and_splits(tmp_path):
    records = faces()
    dataset = prepare(MadeReader(records), tmp_path / "out", OPTIONS)
    assert dataset.image_shape == (32, 32, 1)
    assert [len(dataset.indices(split)) for split in ("train", "validation", "test")] == [180, 20, 20]
    assert dataset.class_counts("validation").tolist() == [10, 10]
    assert dataset.labels.tolist() == [record.label for record in records]
    np.testing.assert_array_equal(dataset.images([0, 215])[..., 0], [records[0].image, records[215].image])
    assert dataset.info["source"] == "made"
    assert dataset.info["description"] == "made, of today"
    assert dataset.info["config"] == {
        "release": "of today",
        "reader": {"mode": "plain"},
        "crop_margin": 0.0,
        "color": "gray",
        "validation_share": 0.1,
        "seed": 0,
        "drop_duplicates": False,
    }


def test_everything_a_record_knows_is_stored(tmp_path):
    records = list(faces(4, 2))
    records[0] = replace(records[0], soft_label=(3.0, 1.0), valence_arousal=(0.5, np.nan), subject="ann")
    records[2] = replace(records[2], subject="bob", factors={"yaw": 0.25}, box=Box(0, 0, 32, 32))
    records[5] = replace(records[5], subject="ann", label=-1)
    dataset = prepare(MadeReader(tuple(records)), tmp_path / "out", replace(OPTIONS, validation_share=0.0))
    assert dataset.soft_labels[:2].tolist() == [[0.75, 0.25], [0, 1]]
    assert dataset.soft_labels[5].tolist() == [0.5, 0.5]
    np.testing.assert_array_equal(dataset.valence_arousal[:2], [[0.5, np.nan], [np.nan, np.nan]])
    assert dataset.subjects.tolist() == [0, -1, 1, -1, -1, 0]
    np.testing.assert_array_equal(dataset.factors["yaw"][1:3], [np.nan, 0.25])
    assert "2,2.png,train,calm,0,0,32,32," in (tmp_path / "out/records.csv").read_text()


def test_an_official_development_split_is_kept(tmp_path):
    records = [
        replace(record, split="validation") if row < 7 else record for row, record in enumerate(faces())
    ]
    dataset = prepare(MadeReader(tuple(records)), tmp_path / "out", OPTIONS)
    assert dataset.indices("validation").tolist() == list(range(7))


def test_people_stay_on_one_side(tmp_path):
    records = tuple(replace(record, subject=str(row // 8)) for row, record in enumerate(faces(400)))
    dataset = prepare(MadeReader(records), tmp_path / "out", OPTIONS)
    train, validation = (set(dataset.subjects[dataset.indices(split)]) for split in ("train", "validation"))
    assert not train & validation
    assert 30 <= len(dataset.indices("validation")) <= 50


def test_nearly_identical_images_stay_on_one_side(tmp_path):
    records = list(faces(400))
    for row in range(0, 400, 4):
        brighter = np.clip(records[row].image.astype(int) + 3, 0, 255).astype(np.uint8)
        records[row + 1] = replace(records[row + 1], image=brighter)
    dataset = prepare(MadeReader(tuple(records)), tmp_path / "out", OPTIONS)
    splits = dataset.splits[:400].reshape(-1, 4)
    np.testing.assert_array_equal(splits[:, 0], splits[:, 1])
    assert 30 <= len(dataset.indices("validation")) <= 50


def test_images_that_only_teach_change_nothing_about_the_split(tmp_path):
    records = faces()
    more = [
        replace(record, source=f"more{row}.png", image=255 - record.image, training_only=True)
        for row, record in enumerate(records[:150])
    ]
    plain = prepare(MadeReader(records), tmp_path / "plain", OPTIONS)
    dataset = prepare(MadeReader((*more, *records)), tmp_path / "more", OPTIONS)
    assert dataset.splits[:150].tolist() == [0] * 150
    np.testing.assert_array_equal(dataset.splits[150:], plain.splits)


def test_an_image_that_only_teaches_follows_its_like_out_of_the_training_split(tmp_path):
    records = faces()
    copies = [
        replace(record, source=f"copy{row}.png", training_only=True)
        for row, record in enumerate(records[:200])
    ]
    dataset = prepare(MadeReader((*records, *copies)), tmp_path / "out", OPTIONS)
    np.testing.assert_array_equal(dataset.splits[220:], dataset.splits[:200])


def test_the_seed_decides_the_split(tmp_path):
    reader = MadeReader(faces())
    first = prepare(reader, tmp_path / "first", OPTIONS)
    again = prepare(reader, tmp_path / "again", replace(OPTIONS, num_workers=1))
    other = prepare(reader, tmp_path / "other", replace(OPTIONS, seed=1))
    assert contents(tmp_path / "first") == contents(tmp_path / "again")
    assert first.content_hash == again.content_hash
    assert not np.array_equal(first.splits, other.splits)


def write_tree(root, num_train=150, num_test=30):
    """Writes class folders with gray images of 40 pixels."""
    random = np.random.default_rng(0)
    for split, count in (("train", num_train), ("test", num_test)):
        for row in range(count):
            folder = root / split / ("happy", "sad")[row % 2]
            folder.mkdir(parents=True, exist_ok=True)
            image = random.integers(0, 256, (40, 40), dtype=np.uint8)
            Image.fromarray(image).save(folder / f"{row:04}.png")


KILLED = """
import os, signal, sys
from keras_fer.data import prepared
from keras_fer.data.prepare import PrepareOptions, prepare
from keras_fer.data.readers import open_source

def kill(done, total):
    if done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

prepared.MAX_ROWS_PER_SHARD = 40
prepare(open_source("folder", sys.argv[1]), sys.argv[2], PrepareOptions(num_workers=2), kill)
"""


@pytest.mark.parametrize("killed_after", [1, 128])
def test_resume_after_kill_9_gives_the_same_bytes(tmp_path, monkeypatch, killed_after):
    from keras_fer.data.readers import open_source

    monkeypatch.setattr(prepared, "MAX_ROWS_PER_SHARD", 40)
    write_tree(tmp_path / "raw")
    (tmp_path / "raw/train/sad/0001.png").write_bytes(b"broken")
    reader = open_source("folder", tmp_path / "raw")
    prepare(reader, tmp_path / "straight", OPTIONS)
    arguments = [str(tmp_path / "raw"), str(tmp_path / "out"), str(killed_after)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    done = []
    prepare(reader, tmp_path / "out", OPTIONS, lambda now, total: done.append((now, total)))
    assert done[0][0] > 64 or killed_after == 1
    assert done[-1] == (180, 180)
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["out", "raw", "straight"]


def interrupt(done, total):
    raise KeyboardInterrupt


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """Returns an output whose preparation was interrupted after one shard, and the records."""
    monkeypatch.setattr(prepared, "MAX_ROWS_PER_SHARD", 40)
    with pytest.raises(KeyboardInterrupt):
        prepare(MadeReader(faces()), tmp_path / "out", OPTIONS, interrupt)
    assert (tmp_path / "out.partial/rows/rows-00000.npz").is_file()
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("change", "name"),
    [({"seed": 1}, "seed"), ({"image_size": 48}, "crop_size, image_shape"), ({"color": "rgb"}, "color")],
)
def test_a_changed_configuration_is_not_resumed(interrupted, change, name):
    with pytest.raises(FERError, match=f"another configuration .*{name}"):
        prepare(MadeReader(faces()), interrupted, replace(OPTIONS, **change))
    assert (interrupted.parent / "out.partial").is_dir()


def test_options_of_the_reader_are_part_of_the_configuration(interrupted):
    with pytest.raises(FERError, match=r"another configuration .*mode"):
        prepare(MadeReader(faces(), mode="other"), interrupted, OPTIONS)


def test_the_limit_and_the_number_of_threads_may_change(interrupted):
    dataset = prepare(MadeReader(faces()), interrupted, replace(OPTIONS, max_drop=0.5, num_workers=1))
    assert len(dataset) == 220


def test_another_data_set_is_not_resumed(interrupted):
    with pytest.raises(FERError, match="has changed since"):
        prepare(MadeReader(faces()[1:]), interrupted, OPTIONS)
    assert list(interrupted.parent.iterdir()) == []


def test_other_labels_are_not_resumed(interrupted):
    swapped = tuple(replace(record, label=1 - record.label) for record in faces())
    with pytest.raises(FERError, match="has changed since"):
        prepare(MadeReader(swapped), interrupted, OPTIONS)


def test_too_many_defects_are_refused_with_their_counts(tmp_path):
    records = list(faces(98, 0))
    records += [
        Record("x.png", "train", image=tmp_path / "x.png"),
        Record("y", "test", dropped="malformed row"),
    ]
    with pytest.raises(FERError) as error:
        prepare(MadeReader(tuple(records)), tmp_path / "out", OPTIONS)
    assert str(error.value) == (
        "2 of 100 records (2.0 %) cannot be used, more than the limit of 1 %: missing file 1, "
        "malformed row 1 (first: 'x.png'). Repair the data set or raise the limit with --max-drop."
    )
    assert list(tmp_path.iterdir()) == []
    dataset = prepare(MadeReader(tuple(records)), tmp_path / "out", replace(OPTIONS, max_drop=0.02))
    assert dataset.info["dropped"] == {"malformed row": 1, "missing file": 1}


def test_what_the_protocol_leaves_out_is_no_defect(tmp_path):
    records = (*faces(50, 0), *(Record(f"d{row}", "train", dropped=NO_MAJORITY) for row in range(50)))
    dataset = prepare(MadeReader(records), tmp_path / "out", OPTIONS)
    assert len(dataset) == 50
    assert dataset.info["dropped"] == {NO_MAJORITY: 50}


def test_training_images_that_are_test_images_can_be_dropped(tmp_path):
    records = list(faces(100, 20))
    records[3] = replace(records[3], image=records[110].image)
    records[110] = replace(records[110], image=records[110].image.copy())
    records[111] = replace(records[111], image=records[110].image)
    kept = prepare(MadeReader(tuple(records)), tmp_path / "kept", OPTIONS)
    dropped = prepare(
        MadeReader(tuple(records)), tmp_path / "dropped", replace(OPTIONS, drop_duplicates=True)
    )
    assert (len(kept), len(dropped)) == (120, 119)
    assert dropped.info["dropped"] == {TEST_DUPLICATE: 1}
    assert len(dropped.indices("test")) == 20


def test_a_class_without_training_images_is_refused(tmp_path):
    records = tuple(replace(record, label=0) if record.split == "train" else record for record in faces())
    with pytest.raises(FERError, match="no usable training images of joy"):
        prepare(MadeReader(records), tmp_path / "out", OPTIONS)
    assert list(tmp_path.iterdir()) == []


def test_ratings_without_classes_are_enough(tmp_path):
    records = tuple(replace(record, label=-1, valence_arousal=(0.1, 0.2)) for record in faces())
    dataset = prepare(MadeReader(records), tmp_path / "out", OPTIONS)
    assert dataset.info["unlabelled"] == {"train": 180, "validation": 20, "test": 20}


def test_an_output_in_use_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "file").write_text("mine")

    class Unread(MadeReader):
        def __iter__(self):
            raise AssertionError

    with pytest.raises(FERError, match="exists already"):
        prepare(Unread(()), tmp_path, OPTIONS)


def test_progress_counts_all_records(tmp_path):
    calls = []
    prepare(MadeReader(faces(100, 0)), tmp_path / "out", OPTIONS, lambda *call: calls.append(call))
    assert calls == [(64, 100), (100, 100)]


@pytest.mark.parametrize(
    "change",
    [
        {"image_size": 15},
        {"crop_size": 2000},
        {"crop_margin": -0.1},
        {"color": "blue"},
        {"validation_share": 1.0},
        {"seed": -1},
        {"max_drop": 2},
        {"num_workers": 0},
    ],
    ids=str,
)
def test_options_out_of_range_are_refused(change):
    (name,) = change
    with pytest.raises(FERError, match=f"`{name}` must be .* Received: {name}="):
        PrepareOptions(**change)


def test_the_result_can_be_opened_again(tmp_path):
    written = prepare(MadeReader(faces()), tmp_path / "out")
    assert open_prepared(tmp_path / "out", verify="checksums").content_hash == written.content_hash
