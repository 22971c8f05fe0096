import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli.inspect import statistics_text
from keras_fer.cli.main import main
from keras_fer.data.inspection import statistics
from keras_fer.data.prepared import PreparedWriter, open_prepared


def run(*arguments):
    return CliRunner().invoke(main, ["inspect", *(str(argument) for argument in arguments)])


@pytest.fixture
def dataset(tmp_path):
    """Writes a small data set: one identical pair across splits, a person in two splits."""
    images = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    images[5] = images[0]
    with PreparedWriter(
        tmp_path / "set",
        source="made",
        label_names=("calm", "joy"),
        image_shape=(32, 32, 3),
        description="By hand.",
    ) as writer:
        writer.append(
            images,
            labels=[0, 1, 0, 1, -1, 1],
            splits=[0, 0, 0, 1, 0, 2],
            sources=list("abcdef"),
            subjects=[0, 0, 1, 0, -1, 2],
            valence_arousal=np.zeros((6, 2)),
            soft_labels=np.full((6, 2), 0.5),
            pairs=[0, 0, -1, -1, -1, -1],
            factors={"yaw": np.zeros(6)},
        )
        writer.drop("missing file", "g")
        writer.finish()
    return tmp_path / "set"


def test_text(dataset):
    result = run(dataset, "--verify")
    assert result.exit_code == 0
    groups = "2 in 1 groups, 1 of them with several labels, 1 across splits (train, test: 1)"
    assert result.output.splitlines() == [
        f"{dataset}: By hand.",
        "6 RGB images of 32 × 32 pixels; 0 MB",
        "",
        "                 train  validation        test",
        "calm                 2           0           0",
        "joy                  1           1           1",
        "(no label)           1           0           0",
        "all                  4           1           1",
        "",
        f"Identical images: {groups}",
        f"Nearly identical images: {groups}",
        "People: 3, 1 of them in several splits",
        "Soft labels: yes",
        "Valence and arousal: 6 images",
        "Exact pairs: 1, which differ in the expression alone and may count as nearly identical",
        "Dropped records: 1 (missing file 1)",
        "Factors: yaw",
        "Checksums: all files are as they were written.",
    ]


def test_json(dataset):
    result = run(dataset, "--format", "json")
    assert json.loads(result.output) == statistics(open_prepared(dataset))


def test_contact_sheet(dataset, tmp_path):
    result = run(dataset, "--sheet", tmp_path / "sheet.png", "--split", "test", "--images-per-class", 2)
    assert result.exit_code == 0
    assert f"Contact sheet: {tmp_path / 'sheet.png'}" in result.output
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.size == (150 + 2 * 66, 2 * 66)


def test_a_damaged_shard_is_found(dataset):
    content = bytearray((dataset / "images-00000.npy").read_bytes())
    content[-100] ^= 1
    (dataset / "images-00000.npy").write_bytes(content)
    assert run(dataset).exit_code == 0
    result = run(dataset, "--verify")
    assert result.exit_code == 1
    shard = str(dataset / "images-00000.npy")
    reason = "is damaged (its checksum differs). Prepare the data set again."
    assert result.output == f"Error: {shard!r} {reason}\n"


@pytest.mark.parametrize("name", ["absent", "."])
def test_no_data_set_here(tmp_path, name):
    result = run(tmp_path / name)
    assert result.exit_code == 1
    assert result.output.startswith("Error: There is no prepared data set in")


def test_a_sheet_in_a_missing_folder_is_refused(dataset, tmp_path):
    result = run(dataset, "--sheet", tmp_path / "absent/sheet.png")
    assert result.exit_code == 1
    assert "absent' for the contact sheet; make it first." in result.output


def test_text_says_what_a_model_sees_where_that_is_not_all(dataset):
    facts = statistics(open_prepared(dataset))
    assert "32 × 32 pixels; 0 MB" in statistics_text(facts)
    assert "32 × 32 pixels, of which a model sees the centre 28; 0 MB" in statistics_text(
        {**facts, "crop_size": 28}
    )
