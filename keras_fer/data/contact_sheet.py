"""A picture of a prepared data set for people to look at: some images of every class."""

import os

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_fer.atomic import atomic_file
from keras_fer.data.prepared import PreparedDataset

_SMALLEST_CELL, _GAP, _CAPTION_WIDTH, _FONT_SIZE = 64, 2, 150, 14
_MAX_ROWS = 100
_PAPER, _INK = (255, 255, 255), (20, 20, 20)


def contact_sheet(
    dataset: PreparedDataset, split: str = "train", images_per_class: int = 12, seed: int = 0
) -> np.ndarray:
    """Draws a row of random images for each class, with its name and count; small images are enlarged.

    Args:
        dataset: the data set; of more than 100 classes the first 100 are shown.
        split: the split to draw from.
        images_per_class: images in a row, at least 1.
        seed: seed of the draw.

    Returns:
        uint8 `(height, width, 3)`.
    """
    random = np.random.default_rng(seed)
    rows = dataset.indices(split)
    labels = dataset.labels[rows]
    classes = [(name, rows[labels == label]) for label, name in enumerate(dataset.label_names[:_MAX_ROWS])]
    if np.any(labels < 0):
        classes.append(("(no label)", rows[labels < 0]))
    height, width, channels = dataset.image_shape
    scale = -(-_SMALLEST_CELL // min(height, width))
    cell_height, cell_width = height * scale + _GAP, width * scale + _GAP
    sheet = Image.new(
        "RGB", (_CAPTION_WIDTH + images_per_class * cell_width, max(1, len(classes)) * cell_height), _PAPER
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    for position, (name, members) in enumerate(classes):
        top = position * cell_height
        chosen = np.sort(random.permutation(members)[:images_per_class])
        caption = f"{name[:40]}\n{len(members):,}".encode("latin-1", "replace").decode("latin-1")
        draw.text((6, top + 6), caption, fill=_INK, font=font)
        for column, image in enumerate(dataset.images(chosen)):
            enlarged = np.repeat(np.repeat(image, scale, axis=0), scale, axis=1)
            picture = Image.fromarray(enlarged if channels == 3 else enlarged[:, :, 0])
            sheet.paste(picture, (_CAPTION_WIDTH + column * cell_width, top))
    return np.asarray(sheet)


def write_contact_sheet(
    path: str | os.PathLike, dataset: PreparedDataset, split: str = "train", images_per_class: int = 12
) -> None:
    """Writes a contact sheet to a PNG file, which appears whole or not at all."""
    sheet = Image.fromarray(contact_sheet(dataset, split, images_per_class))
    with atomic_file(path) as temporary:
        sheet.save(temporary, format="PNG")
