"""`tf.data` pipelines over a prepared data set.

One Python call per batch gathers the rows from the memory map; everything else is TensorFlow, and
images stay uint8 until they are on the device.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_fer.data.mixture import Mixture
from keras_fer.data.mixup import mixup
from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.data.view import centre_view, crop_offset
from keras_fer.errors import FERError

# A gather waits for the disk rather than the processor, so more of them than cores may be useful.
_PARALLEL_GATHERS = 4
_PREFETCHED_BATCHES = 4

Batch = tuple[tf.Tensor, dict[str, tf.Tensor]]
Augmentation = Callable[..., tf.Tensor]


def train_pipeline(
    dataset: PreparedDataset,
    sampler: IndexSampler | TwoViews,
    soft_labels: bool = True,
    start_step: int = 0,
    num_steps: int | None = None,
    augmentation: Augmentation | None = None,
    augmentation_seed: int = 0,
    targets: Mapping[str, np.ndarray] | None = None,
    mixup_alpha: float = 0.0,
    rows: tuple[int, int] | None = None,
    positions: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Delivers the batches of `sampler`, in the order of steps.

    Args:
        dataset: the data set that the rows of `sampler` belong to.
        sampler: decides the rows of each step. Rows without a label are never drawn by it.
        soft_labels: whether to deliver the label distributions of a data set that has them.
        start_step: number of the first batch; a resumed training continues with the batches that the
            uninterrupted one would have seen.
        num_steps: number of batches, or None for an endless pipeline.
        augmentation: None, or a function `(images, seed, pairs) -> images` that runs on the processor, beside
            the training step instead of inside it; for a step compiled by XLA, which cannot hold
            `keras_fer.data.augmentation.augment`. Its seed is int32 `(augmentation_seed, step)`.
        augmentation_seed: first entry of that seed.
        targets: further columns of the whole data set by name, `(n, ...)`; their rows are delivered too.
        mixup_alpha: above 0 images are blended before anything else is done to them, see
            `keras_fer.data.mixup.mixup`, with the same seed; `expression` is then soft. Not for pairs,
            views or further `targets`.
        rows: the first row of each batch that is delivered and the first after them, or None for all. The
            whole batch is read from the data set nevertheless; only these rows are augmented.
            `augmentation` is given it as `rows` then, and returns these rows as they are among all.
        positions: those of `keras_fer.data.device_cache.CachedImages`, whose images the device holds; the
            pipeline then delivers them in the place of images, and neither blends nor augments.

    Returns:
        Batches `(images, y)` of static shape, B = `sampler.batch_size`. `images` is uint8 `(B, height,
        width, 3)` as stored, gray images repeated to three channels, or what `augmentation` makes of
        them. `y` is a dict of `expression`, int32 `(B,)` or, soft, float32 `(B, num_classes)`;
        `valence_arousal`, float32 `(B, 2)`, NaN where absent, only for a data set that has it; `pair`,
        int32 `(B,)`, −1 for none, only in mode `pairs`; `view`, int32 `(B,)`, the number of the image,
        only from `TwoViews`; and `targets`. With `positions` the first element is int32 `(B,)` instead.
    """
    columns = _target_columns(dataset, soft_labels)
    if sampler.mode == "pairs":
        columns["pair"] = dataset.pairs.astype(np.int32)
    if sampler.mode == "views":
        columns["view"] = np.arange(len(dataset), dtype=np.int32)
    columns |= targets or {}

    def drawn(step: int) -> np.ndarray:
        if positions is None:
            dataset.read_ahead(sampler.upcoming(step, first=step == start_step))
        return sampler.batch(step)

    gather = _gather(dataset, columns, drawn, sampler.batch_size, positions)
    if mixup_alpha:
        gather = _mixed_up(gather, mixup_alpha, len(dataset.label_names), augmentation_seed)
    return _batches(gather, start_step, num_steps, augmentation, augmentation_seed, rows)


def mixture_pipeline(
    mixture: Mixture,
    start_step: int = 0,
    num_steps: int | None = None,
    augmentation: Augmentation | None = None,
    augmentation_seed: int = 0,
    rows: tuple[int, int] | None = None,
) -> tf.data.Dataset:
    """Delivers the batches of several data sets together, in the order of steps.

    Images get the stored shape of the first part. Those of its geometry (height, width and crop) are passed
    on as stored, so that the first part is what `train_pipeline` delivers of it. Of the others the
    centre square is resized as `evaluation_pipeline` does, to the crop of the first part, and mirrored
    outwards where that is stored with a rim, as `augment` does beyond any image. Where the first part is gray
    so are all: colour would tell the data sets apart and is never seen in use.

    Args:
        mixture: decides the rows and targets of each step.
        start_step: as for `train_pipeline`.
        num_steps: as for `train_pipeline`.
        augmentation: as for `train_pipeline`.
        augmentation_seed: as for `train_pipeline`.
        rows: as for `train_pipeline`.

    Returns:
        Batches `(images, y)` of static shape, B = `mixture.batch_size`. `images` is uint8 `(B, height, width,
        3)`, or what `augmentation` makes of them; `y` is a dict as `Mixture.targets` returns it.
    """
    specs = mixture.target_specs
    dtypes = [tf.uint8] * len(mixture.parts) + [tf.as_dtype(dtype) for _, dtype in specs.values()]

    def read(step: np.ndarray) -> list[np.ndarray]:
        for part in mixture.parts:
            part.dataset.read_ahead(part.sampler.upcoming(int(step), first=int(step) == start_step))
        rows = mixture.rows(int(step))
        images = [part.dataset.images(own) for part, own in zip(mixture.parts, rows, strict=True)]
        return [*images, *mixture.targets(rows).values()]

    def gather(step: tf.Tensor) -> Batch:
        tensors = tf.numpy_function(read, [step], dtypes, stateful=False)
        images, targets = tensors[: len(mixture.parts)], tensors[len(mixture.parts) :]
        for part, stored in zip(mixture.parts, images, strict=True):
            stored.set_shape((part.sampler.batch_size, *part.dataset.image_shape))
        for target, (shape, _) in zip(targets, specs.values(), strict=True):
            target.set_shape((mixture.batch_size, *shape))
        first = mixture.parts[0].dataset
        alike = [_alike(own, part.dataset, first) for own, part in zip(images, mixture.parts, strict=True)]
        return _three_channels(tf.concat(alike, axis=0)), dict(zip(specs, targets, strict=True))

    return _batches(gather, start_step, num_steps, augmentation, augmentation_seed, rows)


def _mixed_up(
    gather: Callable[[tf.Tensor], Batch], alpha: float, num_classes: int, first_seed: int
) -> Callable[[tf.Tensor], Batch]:
    def mixed(step: tf.Tensor) -> Batch:
        return mixup(*gather(step), alpha, num_classes, tf.stack((first_seed, tf.cast(step, tf.int32))))

    return mixed


def _batches(
    gather: Callable[[tf.Tensor], Batch],
    start_step: int,
    num_steps: int | None,
    augmentation: Augmentation | None,
    augmentation_seed: int,
    wanted: tuple[int, int] | None,
) -> tf.data.Dataset:
    """Returns the pipeline over the steps."""
    if num_steps is None:
        steps = tf.data.Dataset.counter(start_step)
    else:
        steps = tf.data.Dataset.range(start_step, start_step + num_steps)

    def batch(step: tf.Tensor) -> Batch:
        images, y = gather(step)
        if augmentation is not None:
            seed = tf.stack((augmentation_seed, tf.cast(step, tf.int32)))
            only = {} if wanted is None else {"rows": wanted}
            images = augmentation(images, seed, y.get("pair"), **only)
        elif wanted is not None:
            images = images[slice(*wanted)]
        return images, y if wanted is None else {name: values[slice(*wanted)] for name, values in y.items()}

    return steps.map(batch, _PARALLEL_GATHERS, deterministic=True).prefetch(_PREFETCHED_BATCHES)


def _alike(images: tf.Tensor, dataset: PreparedDataset, first: PreparedDataset) -> tf.Tensor:
    """Returns uint8 images of a data set as the first data set would have stored them."""
    height, width, channels = first.image_shape
    if channels == 1 and images.shape[-1] == 3:
        images = tf.image.rgb_to_grayscale(images)
    elif channels == 3:
        images = _three_channels(images)
    if (*dataset.image_shape[:2], dataset.crop_size) == (height, width, first.crop_size):
        return images
    square = tf.cast(centre_view(images, dataset.crop_size, first.crop_size), tf.uint8)
    top, left = crop_offset(height, width, first.crop_size)
    bottom, right = height - first.crop_size - top, width - first.crop_size - left
    return tf.pad(square, ((0, 0), (top, bottom), (left, right), (0, 0)), "SYMMETRIC")


def _three_channels(images: tf.Tensor) -> tf.Tensor:
    return tf.image.grayscale_to_rgb(images) if images.shape[-1] == 1 else images


def evaluation_pipeline(
    dataset: PreparedDataset,
    indices: np.ndarray,
    batch_size: int,
    image_size: int,
    targets: Mapping[str, np.ndarray] | None = None,
    parts: Sequence[int] = (0,),
    num_parts: int = 1,
) -> tf.data.Dataset:
    """Delivers each of `indices` once, in their order, as the exported model will see it.

    Args:
        dataset: a prepared data set.
        indices: int array `(n,)`, rows of it. Rows without a label are delivered with label −1.
        batch_size: rows per batch; the last batch holds what is left.
        image_size: side of the model's input in pixels.
        targets: further columns, as for `train_pipeline`.
        parts: of each batch, divided as evenly as can be, the parts with these numbers are delivered, one
            after another.
        num_parts: that each batch is divided into.

    Returns:
        Batches `(images, y)`, b ≤ `batch_size`. `images` is uint8 `(b, image_size, image_size, 3)`: the
        centre square of `dataset.crop_size`, resized (antialiased bilinear) where the sizes differ. `y` is
        a dict of `expression`, int32 `(b,)`, and for a data set that has it `valence_arousal`, float32
        `(b, 2)`; and `targets`.

    Raises:
        FERError: if `indices` is empty or `batch_size` less than 1.
    """
    indices = np.asarray(indices, np.int64)
    if not len(indices):
        raise FERError("There is no image to evaluate: the split is empty.")
    if batch_size < 1:
        raise FERError(f"`batch_size` must be at least 1. Received: batch_size={batch_size}.")

    def rows(number: int) -> np.ndarray:
        step, position = divmod(number, len(parts))
        batch = indices[step * batch_size : (step + 1) * batch_size]
        return np.array_split(batch, num_parts)[parts[position]]

    def view(images: tf.Tensor, y: dict[str, tf.Tensor]) -> Batch:
        return tf.cast(centre_view(images, dataset.crop_size, image_size), tf.uint8), y

    columns = {**_target_columns(dataset, soft_labels=False), **(targets or {})}
    gather = _gather(dataset, columns, rows, None)
    steps = tf.data.Dataset.range(-(-len(indices) // batch_size) * len(parts))
    batches = steps.map(gather, _PARALLEL_GATHERS, deterministic=True)
    return batches.map(view, _PARALLEL_GATHERS, deterministic=True).prefetch(_PREFETCHED_BATCHES)


def _target_columns(dataset: PreparedDataset, soft_labels: bool) -> dict[str, np.ndarray]:
    """Returns whole columns of the data set, one row per image, by name of the target."""
    if soft_labels and dataset.soft_labels is not None:
        columns = {"expression": np.asarray(dataset.soft_labels, np.float32)}
    else:
        columns = {"expression": np.asarray(dataset.labels).astype(np.int32)}
    if dataset.valence_arousal is not None:
        columns["valence_arousal"] = np.asarray(dataset.valence_arousal, np.float32)
    return columns


def _gather(
    dataset: PreparedDataset,
    columns: dict[str, np.ndarray],
    rows_of_step: Callable[[int], np.ndarray],
    batch_size: int | None,
    positions: np.ndarray | None = None,
) -> Callable[[tf.Tensor], Batch]:
    """Returns the TensorFlow function from step to `(images, y)`, with `positions` to `(positions, y)`."""
    dtypes = [tf.uint8 if positions is None else tf.int32]
    dtypes += [tf.as_dtype(column.dtype) for column in columns.values()]

    def read(step: np.ndarray) -> list[np.ndarray]:
        rows = rows_of_step(int(step))
        images = dataset.images(rows) if positions is None else positions[rows]
        return [images, *(column[rows] for column in columns.values())]

    def gather(step: tf.Tensor) -> Batch:
        images, *targets = tf.numpy_function(read, [step], dtypes, stateful=False)
        images.set_shape((batch_size, *(dataset.image_shape if positions is None else ())))
        images = _three_channels(images) if positions is None else images
        for target, column in zip(targets, columns.values(), strict=True):
            target.set_shape((batch_size, *column.shape[1:]))
        return images, dict(zip(columns, targets, strict=True))

    return gather
