import json

import numpy as np
import pytest

from keras_fer.data.prepared import PreparedWriter
from keras_fer.errors import FERError

RECORDS = [("drop", f"{row}") if row % 5 == 3 else ("row", f"{row}") for row in range(40)]


class Interrupted(BaseException):
    """What Ctrl-C or a power cut is to the writer."""


def writer_of(output, **config):
    return PreparedWriter(
        output, source="s", label_names=("a", "b"), image_shape=(4, 4, 1), config=config, rows_per_shard=6
    )


def write(writer, records):
    for kind, source in records:
        if kind == "drop":
            writer.drop("bad", source)
        else:
            image = np.full((1, 4, 4, 1), int(source), np.uint8)
            writer.append(image, labels=[int(source) % 2], splits=[0], sources=[source])


def fail_after(output, num_records, error, **config):
    with writer_of(output, **config) as writer:
        write(writer, RECORDS[:num_records])
        raise error


def interrupt_after(output, num_records, **config):
    with pytest.raises(Interrupted):
        fail_after(output, num_records, Interrupted(), **config)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("num_records", [0, 3, 7, 8, 9, 23, 24, 39, 40])
def test_resumed_work_gives_the_same_bytes(tmp_path, num_records):
    with writer_of(tmp_path / "straight") as writer:
        write(writer, RECORDS)
        writer.finish()
    interrupt_after(tmp_path / "out", num_records)
    assert (tmp_path / "out.partial").is_dir()
    assert not (tmp_path / "out").exists()
    with writer_of(tmp_path / "out") as writer:
        assert writer.records_done <= num_records
        assert num_records - writer.records_done < 9
        assert (
            writer.rows_done
            == writer.num_rows
            == sum(kind == "row" for kind, _ in RECORDS[: writer.records_done])
        )
        if writer.records_done:
            assert writer.sources() == [source for _, source in RECORDS[: writer.records_done]]
        write(writer, RECORDS[writer.records_done :])
        writer.finish()
    assert contents(tmp_path / "out") == contents(tmp_path / "straight")
    assert not (tmp_path / "out.partial").exists()


def test_an_interruption_while_finishing_is_resumed(tmp_path, monkeypatch):
    from keras_fer.data import prepared_format

    def interrupt(*arguments):
        raise Interrupted

    with monkeypatch.context() as patch, writer_of(tmp_path / "out") as writer:
        write(writer, RECORDS)
        patch.setattr(prepared_format, "write_records", interrupt)
        with pytest.raises(Interrupted):
            writer.finish()
    with writer_of(tmp_path / "out") as writer:
        assert writer.rows_done == 32
        write(writer, RECORDS[writer.records_done :])
        dataset = writer.finish()
    assert len(dataset) == 32
    assert dataset.info["dropped"] == {"bad": 8}


@pytest.mark.parametrize("damage", ["images", "columns", "images are missing"])
def test_damaged_shards_are_written_again(tmp_path, damage):
    interrupt_after(tmp_path / "out", 40)
    images = tmp_path / "out.partial/dataset/images-00002.npy"
    file = tmp_path / "out.partial/rows/rows-00002.npz" if damage == "columns" else images
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    if damage == "images are missing":
        file.unlink()
    with writer_of(tmp_path / "out") as writer:
        assert writer.rows_done == 12
        write(writer, RECORDS[writer.records_done :])
        dataset = writer.finish()
    assert dataset.images(np.arange(32))[:, 0, 0, 0].tolist() == [
        int(s) for kind, s in RECORDS if kind == "row"
    ]


def test_another_configuration_is_refused(tmp_path):
    interrupt_after(tmp_path / "out", 20, image_size=48, seed=0)
    before = contents(tmp_path / "out.partial/rows")
    with pytest.raises(FERError, match=r"another configuration \(it differs in seed\).*remove that folder"):
        writer_of(tmp_path / "out", image_size=48, seed=1)
    assert contents(tmp_path / "out.partial/rows") == before


def test_a_damaged_configuration_is_refused(tmp_path):
    interrupt_after(tmp_path / "out", 20)
    (tmp_path / "out.partial/partial.json").write_text("{")
    with pytest.raises(FERError, match=r"partial\.json' is damaged"):
        writer_of(tmp_path / "out")


def test_a_folder_of_someone_else_is_refused(tmp_path):
    (tmp_path / "out.partial").mkdir()
    (tmp_path / "out.partial/thesis.tex").write_text("years of work")
    with pytest.raises(FERError, match="is in the way"):
        writer_of(tmp_path / "out")
    assert (tmp_path / "out.partial/thesis.tex").read_text() == "years of work"


def test_two_writers_at_once_are_refused(tmp_path):
    with writer_of(tmp_path / "out") as writer:
        with pytest.raises(FERError, match="Another process is writing"):
            writer_of(tmp_path / "out")
        write(writer, RECORDS)
        assert len(writer.finish()) == 32


def test_an_error_of_the_user_leaves_nothing(tmp_path):
    with pytest.raises(FERError, match="repair"):
        fail_after(tmp_path / "out", 40, FERError("repair it"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FERError, match="cannot be made"):
        writer_of(tmp_path / "file/out")


def test_partial_configuration_can_be_read_by_people(tmp_path):
    interrupt_after(tmp_path / "out", 3, seed=5)
    begun = json.loads((tmp_path / "out.partial/partial.json").read_text())
    assert begun["config"] == {"seed": 5}
    assert begun["source"] == "s"


@pytest.mark.parametrize("content", [b'"text"', b"[]", b"3", b"[" * 100_000, b"\xff", b""])
def test_a_damaged_configuration_is_one_sentence(tmp_path, content):
    interrupt_after(tmp_path / "out", 20)
    (tmp_path / "out.partial" / "partial.json").write_bytes(content)
    with pytest.raises(FERError, match=r"partial\.json' is damaged"):
        writer_of(tmp_path / "out")


def damage(columns, change):
    return {**{name: array for name, array in columns.items() if name not in change}, **change}


@pytest.mark.parametrize(
    "change",
    [
        # As somebody who means harm writes them: the checksums of the file itself are right.
        {"labels": np.full(6, 7)},
        {"labels": np.full(6, 0.5)},
        {"labels": np.zeros(3, np.int64)},
        {"sources": np.zeros(6)},
        {"sources": np.frombuffer(b"\xff" * 4 * 6, "<U1")},
        {"drop_positions": np.array(["a"])},
        {"drop_reasons": np.array([], np.str_)},
        {"entry": np.array("{}")},
        {"entry": np.array("[" * 100_000)},
        {"entry": np.array('{"name": "../../../etc/passwd", "sha256": ""}')},
    ],
)
def test_columns_that_the_writer_never_wrote_are_made_again(tmp_path, change):
    with writer_of(tmp_path / "whole") as writer:
        write(writer, RECORDS)
        whole = writer.finish().content_hash
    interrupt_after(tmp_path / "out", 20)
    rows = tmp_path / "out.partial" / "rows" / "rows-00000.npz"
    with np.load(rows) as columns:
        np.savez(rows, **damage(dict(columns), change))
    with writer_of(tmp_path / "out") as writer:
        assert writer.records_done == 0
        write(writer, RECORDS)
        assert writer.finish().content_hash == whole
