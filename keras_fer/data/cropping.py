"""Record to stored image: decode, crop the face, resize, in parallel and in order."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from keras_fer.data.packed_records import PackedRecords
from keras_fer.data.readers.reasons import MISSING_FILE
from keras_fer.data.records import Box, Record
from keras_fer.errors import FERError
from keras_fer.runtime.images import load_image
from keras_fer.runtime.preprocessing import face_crop

COLORS = ("auto", "gray", "rgb")
UNDECODABLE = "undecodable image"
SMALL_FACE = "face box below 32 pixels in the image"
MIN_FACE_SIZE = 32
_BOXED_SIZE, _WHOLE_SIZE = 128, 112
_VIEW_OF_BOXED = 7 / 8
_NUM_SAMPLED, _CHUNK = 64, 64
# ITU-R BT.601, as Pillow converts to gray.
_GRAY_WEIGHTS = np.array([299, 587, 114], np.uint32)


@dataclass(frozen=True)
class CropPlan:
    """How every image of a data set is cropped.

    Args:
        image_size: side of the stored images, pixels.
        crop_size: side of the centre square that a model sees, in stored pixels.
        box_margin: share of the side of a square face box that is added on each side of it.
        color: `"gray"` or `"rgb"`.
        gray_is_checked: refuses an image with colour where gray was not asked for.
    """

    image_size: int
    crop_size: int
    box_margin: float
    color: str
    gray_is_checked: bool = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the stored images."""
        return self.image_size, self.image_size, 1 if self.color == "gray" else 3


def plan_crop(
    records: Sequence[Record] | PackedRecords,
    image_size: int | None,
    crop_size: int | None,
    crop_margin: float,
    color: str,
) -> CropPlan:
    """Decides size and colour from 64 images spread over the data set, where the caller did not.

    Args:
        records: all records.
        image_size: side of the stored images; None for the size of the source where that has square
            crops of one size up to 112 pixels, else 112, or 128 where there are face boxes.
        crop_size: side of what a model sees; None for 7/8 of `image_size` where there are face boxes, else
            all of it.
        crop_margin: share of the side of a face box that a model sees on each side of it.
        color: `"auto"`, `"gray"` or `"rgb"`.

    Raises:
        FERError: if the sizes contradict each other, or a margin is asked for where there are no boxes.
    """
    usable = [position for position, record in enumerate(records) if record.dropped is None]
    spread = usable[:: max(1, len(usable) // _NUM_SAMPLED)][:_NUM_SAMPLED]
    sample = [records[position] for position in spread]
    boxed = any(record.box is not None for record in sample)
    if crop_margin > 0 and sample and not boxed:
        raise FERError("The data set has no face boxes, its images are crops: leave out --crop-margin.")
    images = [image for record in sample if not isinstance(image := _pixels(record), str)]
    if image_size is None:
        image_size = _BOXED_SIZE if boxed else _common_size(images)
    if crop_size is None:
        crop_size = round(image_size * _VIEW_OF_BOXED) if boxed else image_size
    if crop_size > image_size:
        raise FERError(f"A crop of {crop_size} pixels does not fit into images of {image_size} pixels.")
    gray = color == "gray" or (color == "auto" and bool(images) and not any(map(_has_color, images)))
    return CropPlan(
        image_size=image_size,
        crop_size=crop_size,
        box_margin=((1 + 2 * crop_margin) * image_size / crop_size - 1) / 2,
        color="gray" if gray else "rgb",
        gray_is_checked=color == "auto",
    )


def _common_size(images: Sequence[np.ndarray]) -> int:
    """Returns the side of square crops of one moderate size, else the usual size."""
    sides = {side for image in images for side in image.shape[:2]}
    side = sides.pop() if len(sides) == 1 else _WHOLE_SIZE
    return side if MIN_FACE_SIZE <= side <= _WHOLE_SIZE else _WHOLE_SIZE


def decoded(
    records: Iterable[Record], plan: CropPlan, num_workers: int
) -> Iterator[list[tuple[Record, np.ndarray | str]]]:
    """Yields chunks of records with their image or the reason why there is none, in order.

    Decoding and resizing leave the interpreter's lock, so threads use all cores.

    Args:
        records: what to decode.
        plan: how to crop.
        num_workers: number of threads.

    Raises:
        FERError: if an image has colour where the plan found none.
    """
    pool = ThreadPoolExecutor(num_workers)
    waiting: deque[Future] = deque()
    try:
        remaining = iter(records)
        while chunk := list(islice(remaining, _CHUNK)):
            waiting.append(pool.submit(_decode_chunk, chunk, plan))
            if len(waiting) > 4 * num_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_chunk(records: Sequence[Record], plan: CropPlan) -> list[tuple[Record, np.ndarray | str]]:
    """Decodes a few records."""
    return [(record, stored_image(record, plan)) for record in records]


def stored_image(record: Record, plan: CropPlan) -> np.ndarray | str:
    """Returns the image of a record as it is stored, or the reason why there is none.

    A face box is first clipped to the image; a face below 32 pixels on a side is dropped.

    Returns:
        uint8 of the shape `plan.image_shape`, or a reason.

    Raises:
        FERError: if the image has colour where the plan found none.
    """
    if record.dropped is not None:
        return record.dropped
    image = _pixels(record)
    if isinstance(image, str):
        return image
    box = record.box
    if box is not None:
        height, width = image.shape[:2]
        box = Box(max(box.left, 0), max(box.top, 0), min(box.right, width), min(box.bottom, height))
        if min(box.right - box.left, box.bottom - box.top) < MIN_FACE_SIZE:
            return SMALL_FACE
    if plan.color == "gray" and image.ndim == 3 and not _has_color(image):
        image = image[:, :, 0]
    elif plan.color == "gray" and plan.gray_is_checked and image.ndim == 3:
        raise FERError(
            f"Most images are gray, but {record.source!r} has colour: say --color rgb or --color gray."
        )
    crop = face_crop(np.ascontiguousarray(image), box, plan.image_size, plan.box_margin)
    if plan.color == "gray" and crop.ndim == 3:
        crop = ((crop @ _GRAY_WEIGHTS + 500) // 1000).astype(np.uint8)
    crop = crop[:, :, None] if crop.ndim == 2 else crop
    return np.broadcast_to(crop, plan.image_shape)


def _pixels(record: Record) -> np.ndarray | str:
    """Returns the whole image of a record, or why it cannot be had."""
    image = record.image
    if not isinstance(image, Path):
        return UNDECODABLE if image is None else image
    if not image.is_file():
        return MISSING_FILE
    try:
        return load_image(image)
    except FERError:
        return UNDECODABLE


def _has_color(image: np.ndarray) -> bool:
    """Says whether the channels of an image differ."""
    return image.ndim == 3 and not (
        np.array_equal(image[:, :, 0], image[:, :, 1]) and np.array_equal(image[:, :, 0], image[:, :, 2])
    )
