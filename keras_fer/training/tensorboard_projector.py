"""Both representations for TensorBoard's projector: where faces lie, with labels and thumbnails."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from keras_fer.atomic import atomic_file
from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.random_part import random_part
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.leakage import keras_representation_function
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION
from keras_fer.runtime.preprocessing import resize

REPRESENTATIONS = (EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION)
CONFIG, METADATA, SPRITE = "projector_config.pbtxt", "metadata.tsv", "sprite.png"
_THUMBNAIL = 32
_BATCH = 256


def write_projector(
    folder: Path, model: Any, dataset: PreparedDataset, split: str, max_images: int = 1000
) -> None:
    """Writes the files of the PROJECTOR tab into a folder of TensorBoard logs.

    Args:
        folder: an existing folder, a run of TensorBoard.
        model: a `DisentanglingModel`.
        dataset: a prepared data set.
        split: whose images are shown.
        max_images: a random part of this size stands for more, at most 65,536.
    """
    from tensorboard.plugins import projector

    rows = random_part(dataset.indices(split), max_images, seed=0)
    function = keras_representation_function(model)
    thumbnails, codes = [], []
    for views in view_batches(dataset, rows, model.contract.image_size, _BATCH):
        codes.append(function(views))
        thumbnails += [resize(view, _THUMBNAIL, _THUMBNAIL) for view in views]
    config = projector.ProjectorConfig()
    for name in REPRESENTATIONS:
        values = np.concatenate([np.asarray(batch[name], np.float32) for batch in codes])
        embedding = config.embeddings.add()
        embedding.tensor_name = name
        embedding.tensor_path = f"{name}.tsv"
        embedding.metadata_path = METADATA
        embedding.sprite.image_path = SPRITE
        embedding.sprite.single_image_dim.extend([_THUMBNAIL, _THUMBNAIL])
        _write(folder / f"{name}.tsv", "\n".join("\t".join(f"{x:.6g}" for x in row) for row in values) + "\n")
    _write(folder / METADATA, _metadata(dataset, rows))
    with atomic_file(folder / SPRITE) as temporary:
        temporary.write_bytes(_sprite(thumbnails))
    # Last, since it names the others.
    _write(folder / CONFIG, str(config))


def _metadata(dataset: PreparedDataset, rows: np.ndarray) -> str:
    lines = ["expression\tperson\timage"]
    for row in rows:
        label, person = int(dataset.labels[row]), int(dataset.subjects[row])
        name = " ".join(dataset.label_names[label].split()) if label >= 0 else "none"
        lines.append(f"{name}\t{f'person {person}' if person >= 0 else 'unknown'}\t{row}")
    return "\n".join(lines) + "\n"


def _sprite(thumbnails: list[np.ndarray]) -> bytes:
    """One square picture of all thumbnails, row by row."""
    side = int(np.ceil(np.sqrt(len(thumbnails))))
    sheet = np.zeros((side * _THUMBNAIL, side * _THUMBNAIL, 3), np.uint8)
    for number, thumbnail in enumerate(thumbnails):
        row, column = (_THUMBNAIL * place for place in divmod(number, side))
        sheet[row : row + _THUMBNAIL, column : column + _THUMBNAIL] = thumbnail
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "PNG")
    return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
