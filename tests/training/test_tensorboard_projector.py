from types import SimpleNamespace

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins import projector

from keras_fer.data.prepared import open_prepared
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.training.tensorboard_projector import write_projector


def brightness(images):
    values = np.asarray(images, np.float32).mean(axis=(1, 2, 3))
    return {
        "expression_representation": np.stack([values, -values, 0 * values], axis=1),
        "non_expression_representation": np.stack([values, 0 * values + 1], axis=1),
    }


MODEL = SimpleNamespace(
    contract=SimpleNamespace(image_size=16), representations=SimpleNamespace(predict_on_batch=brightness)
)


def test_files_of_the_projector(tmp_path, prepared_folder):
    dataset = open_prepared(prepared_folder)
    write_projector(tmp_path, MODEL, dataset, "validation", max_images=10)
    config = text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), projector.ProjectorConfig())
    named = {path for item in config.embeddings for path in (item.tensor_path, item.metadata_path)}
    named |= {item.sprite.image_path for item in config.embeddings}
    assert {path.name for path in tmp_path.iterdir()} == {*named, "projector_config.pbtxt"}
    heading, *rows = [line.split("\t") for line in (tmp_path / "metadata.tsv").read_text().splitlines()]
    assert heading == ["expression", "person", "image"]
    assert len(rows) == 10
    numbers = np.array([int(row[2]) for row in rows])
    assert set(numbers) <= set(dataset.indices("validation"))
    assert [row[0] for row in rows] == [EXPRESSIONS_8[dataset.labels[number]] for number in numbers]
    values = np.loadtxt(tmp_path / "expression_representation.tsv")
    assert values.shape == (10, 3)
    np.testing.assert_allclose(values[:, 0], dataset.images(numbers).mean(axis=(1, 2, 3)), rtol=1e-4)
    assert np.loadtxt(tmp_path / "non_expression_representation.tsv").shape == (10, 2)


def test_the_sprite_shows_the_rows_in_their_order(tmp_path, prepared_folder):
    dataset = open_prepared(prepared_folder)
    write_projector(tmp_path, MODEL, dataset, "test", max_images=5)
    numbers = np.loadtxt(tmp_path / "metadata.tsv", delimiter="\t", skiprows=1, usecols=2, dtype=int)
    sprite = np.asarray(Image.open(tmp_path / "sprite.png"))
    assert sprite.shape == (96, 96, 3)  # 3 by 3 thumbnails of 32 pixels for 5 images
    fifth = sprite[32:64, 32:64]
    np.testing.assert_allclose(fifth.mean(), dataset.images(numbers[4:]).mean(), atol=2)
    assert sprite[64:].max() == 0
