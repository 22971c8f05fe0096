import json

import numpy as np

from keras_fer.data.inspection import statistics
from keras_fer.data.prepared import PreparedWriter, open_prepared


def write(output, images, **columns):
    count = len(images)
    columns = {"labels": np.zeros(count, int), "splits": np.zeros(count, int), **columns}
    with PreparedWriter(
        output, source="made", label_names=("calm", "joy"), image_shape=images.shape[1:], description="Made."
    ) as writer:
        writer.drop("missing file")
        writer.append(images, sources=[str(row) for row in range(count)], **columns)
        return writer.finish()


def noise(count):
    return np.random.default_rng(0).integers(0, 250, (count, 32, 32, 1), dtype=np.uint8)


def test_counts_by_hand(tmp_path):
    dataset = write(
        tmp_path / "out",
        noise(6),
        labels=[0, 1, 1, -1, 0, 1],
        splits=[0, 0, 0, 0, 1, 2],
        subjects=[0, 0, 1, -1, 1, 2],
        pairs=[-1, 4, 4, -1, -1, -1],
        valence_arousal=[[0.5, 0.1], [np.nan, 0], *[[0, 0]] * 4],
        factors={"yaw": [1, 3, np.nan, np.nan, 0, 4], "units": np.ones((6, 2))},
    )
    result = statistics(dataset)
    assert result["splits"] == {
        "train": {"num_images": 4, "counts": {"calm": 1, "joy": 2}, "num_unlabelled": 1, "num_subjects": 2},
        "validation": {
            "num_images": 1,
            "counts": {"calm": 1, "joy": 0},
            "num_unlabelled": 0,
            "num_subjects": 1,
        },
        "test": {"num_images": 1, "counts": {"calm": 0, "joy": 1}, "num_unlabelled": 0, "num_subjects": 1},
    }
    assert result["subjects"] == {"num_subjects": 3, "num_images_without": 1, "num_across_splits": 1}
    assert result["num_pairs"] == 1
    assert result["num_with_valence_arousal"] == 5
    assert result["factors"]["yaw"] == {"width": 1, "num_absent": 2, "min": 0.0, "mean": 2.0, "max": 4.0}
    assert result["factors"]["units"]["width"] == 2
    assert result["dropped"] == {"missing file": 1}
    assert result["soft_labels"] is False
    assert result["image_shape"] == [32, 32, 1]
    assert result["content_hash"] == dataset.content_hash
    assert result["size_bytes"] == sum(file.stat().st_size for file in (tmp_path / "out").iterdir())
    assert json.loads(json.dumps(result)) == result


def test_duplicates_by_hand(tmp_path):
    images = noise(8)
    images[1] = images[0]
    images[2] = images[0]
    images[4] = images[3] + 4  # the same picture, brighter
    images[6] = images[5]
    result = statistics(
        write(tmp_path / "out", images, labels=[0, 0, 0, 1, 1, 0, 1, 1], splits=[0, 0, 2, 0, 1, 2, 2, 0])
    )
    assert result["exact_duplicates"] == {
        "num_groups": 2,
        "num_images": 5,
        "num_across_splits": 1,
        "across": {"train, validation": 0, "train, test": 1, "validation, test": 0},
        "num_with_several_labels": 1,
    }
    assert result["near_duplicates"]["num_groups"] == 3
    assert result["near_duplicates"]["num_images"] == 7
    assert result["near_duplicates"]["across"]["train, validation"] == 1


def test_a_data_set_that_knows_little(tmp_path):
    write(tmp_path / "out", noise(2))
    result = statistics(open_prepared(tmp_path / "out"))
    assert result["subjects"] == {"num_subjects": 0, "num_images_without": 2, "num_across_splits": 0}
    assert result["factors"] == {}
    assert result["num_with_valence_arousal"] == result["num_pairs"] == 0
