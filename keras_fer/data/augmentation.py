"""Augmentation as one warp, one colour change and one erased rectangle per image.

TensorFlow operations only, a pure function of the seed: it runs eagerly, inside `tf.data` and inside the
training step, on whatever device the images are.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import tensorflow as tf

from keras_fer.data.luma import LUMA
from keras_fer.data.view import centre_view, crop_offset
from keras_fer.errors import FERError

ERASING_FILLS = ("mean", "noise")
_LUMA = np.array(LUMA, np.float32)[:, None]
# Sides of the erased rectangle: height / width lies between 1/2 and 2.
_LOG_LARGEST_ASPECT = float(np.log(2.0))


@dataclass(frozen=True)
class AugmentationConfig:
    """How far each image is changed; every draw is uniform, every 0 leaves that property alone.

    Args:
        flip: probability of the mirror image, in [0, 1]. It exchanges the sides of one-sided expressions.
        rotation_degrees: largest rotation to either side, in [0, 180].
        zoom: largest change of size, in [0, 1]: the factor is drawn from [1/(1 + zoom), 1 + zoom], uniform
            in its logarithm.
        translation: largest shift along each axis as a share of the crop, in [0, 1].
        shear: largest horizontal shear, in [0, 1]: pixels that a row moves per pixel of height.
        brightness: largest shift of all values as a share of 255, in [0, 1].
        contrast: the factor about mid-gray is drawn from [1 − contrast, 1 + contrast]; in [0, 1].
        saturation: the factor about the pixel's luma is drawn from [1 − saturation, 1 + saturation]; in
            [0, 1].
        erasing: probability that a rectangle is erased, in [0, 1].
        erasing_area: largest share of the image that is erased, in [0, 0.5]; the smallest is a tenth of it.
        erasing_fill: `mean`, the mean colour of the image, or `noise`, uniform noise per pixel and channel.

    Raises:
        FERError: if a value is outside its range.
    """

    flip: float = 0.0
    rotation_degrees: float = 0.0
    zoom: float = 0.0
    translation: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    erasing: float = 0.0
    erasing_area: float = 0.2
    erasing_fill: str = "mean"

    def __post_init__(self):
        largest = {"rotation_degrees": 180, "erasing_area": 0.5}
        for field in fields(self):
            value = getattr(self, field.name)
            limit = largest.get(field.name, 1)
            if field.name == "erasing_fill":
                if value not in ERASING_FILLS:
                    raise FERError(
                        f"`erasing_fill` is one of {', '.join(ERASING_FILLS)}. Received: {value!r}."
                    )
            elif not 0 <= value <= limit:
                raise FERError(f"`{field.name}` must lie in [0, {limit}]. Received: {field.name}={value}.")

    @property
    def warps(self) -> bool:
        """Whether any image is moved; if not, the view of `evaluation_pipeline` is used as it is."""
        return any((self.flip, self.rotation_degrees, self.zoom, self.translation, self.shear))


AUGMENTATIONS = {
    "none": AugmentationConfig(),
    "light": AugmentationConfig(
        flip=0.5,
        rotation_degrees=6,
        zoom=0.08,
        translation=0.03,
        brightness=0.1,
        contrast=0.1,
        saturation=0.1,
    ),
    "standard": AugmentationConfig(
        flip=0.5,
        rotation_degrees=12,
        zoom=0.15,
        translation=0.06,
        brightness=0.15,
        contrast=0.2,
        saturation=0.2,
        erasing=0.25,
        erasing_area=0.15,
    ),
    "strong": AugmentationConfig(
        flip=0.5,
        rotation_degrees=20,
        zoom=0.25,
        translation=0.1,
        shear=0.1,
        brightness=0.25,
        contrast=0.35,
        saturation=0.5,
        erasing=0.5,
        erasing_area=0.25,
        erasing_fill="noise",
    ),
}


def augment(
    images: tf.Tensor,
    config: AugmentationConfig,
    image_size: int,
    crop_size: int,
    seed: tf.Tensor,
    pairs: tf.Tensor | None = None,
    rows: tuple[int, int] | None = None,
) -> tf.Tensor:
    """Returns the model's view of each image, moved, recoloured and partly erased at random.

    Where `config` is `AUGMENTATIONS["none"]` the pixels equal those of `evaluation_pipeline`. Whatever the
    warp brings in from outside the centre square is taken from the stored margin, beyond it reflected.

    Args:
        images: uint8 `(batch, height, width, 3)`, with static height and width.
        config: how far to go; one of `AUGMENTATIONS` or an own one.
        image_size: side of the result in pixels.
        crop_size: side of the centre square of the stored image that a model sees.
        seed: int32 `(2,)`, such as (seed, step); the same seed makes the same draws on every device.
        pairs: int `(batch,)`, or None. Rows 2i and 2i+1 with the same id ≥ 0 get the same draws.
        rows: the first row that is wanted and the first after them, or None for all; each is what it would
            be among all.

    Returns:
        float32 `(batch, image_size, image_size, 3)`, values in [0, 255].
    """
    batch_size = tf.shape(images)[0]
    seeds = tf.random.split(seed, 2, alg="philox")
    uniform = tf.random.stateless_uniform((batch_size, 14), seeds[0], alg="philox")
    donors = None if pairs is None else _donors(pairs)
    if donors is not None:
        uniform = tf.gather(uniform, donors)
    wanted = slice(None) if rows is None else slice(*rows)
    images = images[wanted]
    draws = tf.unstack(uniform[wanted], axis=1)

    def signed(position: int, limit: float) -> tf.Tensor:
        return (2.0 * draws[position] - 1.0) * limit

    if config.warps:
        views = warp(
            images,
            image_size,
            crop_size,
            flip=draws[0] < config.flip,
            rotation=signed(1, np.deg2rad(config.rotation_degrees)),
            zoom=tf.exp(signed(2, np.log1p(config.zoom))),
            translation=tf.stack((signed(3, config.translation), signed(4, config.translation)), axis=1),
            shear=signed(5, config.shear),
        )
    else:
        views = centre_view(images, crop_size, image_size)
    if config.brightness or config.contrast or config.saturation:
        views = change_colour(
            views,
            brightness=signed(6, config.brightness),
            contrast=1.0 + signed(7, config.contrast),
            saturation=1.0 + signed(8, config.saturation) if config.saturation else None,
        )
    if not config.erasing:
        return views

    def noise() -> tf.Tensor:
        shape = (batch_size, image_size, image_size, 3)
        values = tf.random.stateless_uniform(shape, seeds[1], maxval=255.0, alg="philox")
        return (values if donors is None else tf.gather(values, donors))[wanted]

    return _erase(views, config, draws[9:], noise)


def warp(
    images: tf.Tensor,
    image_size: int,
    crop_size: int,
    flip: tf.Tensor,
    rotation: tf.Tensor,
    zoom: tf.Tensor,
    translation: tf.Tensor,
    shear: tf.Tensor,
) -> tf.Tensor:
    """Crops, resizes and moves each image in one interpolation about the centre of the crop.

    Args:
        images: uint8 or float32 `(batch, height, width, 3)`, with static height and width.
        image_size: side of the result in pixels.
        crop_size: side of the centre square in stored pixels that an unmoved result shows.
        flip: bool `(batch,)`, mirror left and right.
        rotation: `(batch,)`, radians, counter-clockwise as seen.
        zoom: `(batch,)`, factor of size, over 1 makes the face larger.
        translation: `(batch, 2)`, shift right and down as a share of the crop.
        shear: `(batch,)`, shift to the right per pixel downwards.

    Returns:
        float32 `(batch, image_size, image_size, 3)`, in the range of `images`.
    """
    height, width = images.shape[1], images.shape[2]
    top, left = crop_offset(height, width, crop_size)
    images = tf.cast(images, tf.float32)
    if crop_size > image_size:
        # Bilinear sampling alone would skip pixels: the antialiased reduction comes first.
        images, top, left = _reduce(images, top, left, image_size / crop_size)
        crop_size = image_size
    x_by, y_by = _inverse_motion(flip, rotation, crop_size / image_size / zoom, shear)
    half = (image_size - 1) / 2
    shift_x, shift_y = half + translation[:, 0] * image_size, half + translation[:, 1] * image_size
    coefficients = (
        *x_by,
        left + crop_size / 2 - 0.5 - x_by[0] * shift_x - x_by[1] * shift_y,
        *y_by,
        top + crop_size / 2 - 0.5 - y_by[0] * shift_x - y_by[1] * shift_y,
        tf.zeros_like(rotation),
        tf.zeros_like(rotation),
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(coefficients, axis=1),
        output_shape=(image_size, image_size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )


def _inverse_motion(
    flip: tf.Tensor, rotation: tf.Tensor, step: tf.Tensor, shear: tf.Tensor
) -> tuple[tuple[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns the matrix, by rows, from offsets (x, y) in the result to offsets in the stored image.

    The inverses of flip · shear · rotation · zoom, so that the motions as seen come in that order.
    """
    cosine, sine = tf.cos(rotation) * step, tf.sin(rotation) * step
    mirror = tf.where(flip, -1.0, 1.0)
    return (mirror * (cosine - shear * sine), -mirror * (sine + shear * cosine)), (sine, cosine)


def _reduce(images: tf.Tensor, top: int, left: int, scale: float) -> tuple[tf.Tensor, int, int]:
    """Reduces whole images so that the crop at `top`, `left` begins on a pixel; returns its new place."""
    height, width = images.shape[1], images.shape[2]
    new_top, new_left = int(top * scale), int(left * scale)
    # The margins lose what is left of a pixel; int() of an exact quotient may come out one too small.
    shift_y, shift_x = new_top - top * scale, new_left - left * scale
    size = (int(height * scale + shift_y + 1e-6), int(width * scale + shift_x + 1e-6))
    reduced = tf.raw_ops.ScaleAndTranslate(
        images=images,
        size=size,
        scale=(scale, scale),
        translation=(shift_y, shift_x),
        kernel_type="triangle",
        antialias=True,
    )
    return reduced, new_top, new_left


def change_colour(
    images: tf.Tensor, brightness: tf.Tensor, contrast: tf.Tensor, saturation: tf.Tensor | None = None
) -> tf.Tensor:
    """Applies one affine colour map to each image and clips to [0, 255].

    contrast · (saturation · pixel + (1 − saturation) · luma − 127.5) + 127.5 + 255 · brightness

    Args:
        images: float32 `(batch, height, width, 3)`, in [0, 255].
        brightness: `(batch,)`, shift as a share of 255.
        contrast: `(batch,)`, factor about mid-gray.
        saturation: `(batch,)`, factor about the pixel's luma, or None for 1.

    Returns:
        float32, as `images`.
    """
    offset = (127.5 * (1.0 - contrast) + 255.0 * brightness)[:, None, None]
    matrix = tf.eye(3)[None]
    if saturation is not None:
        weight = saturation[:, None, None]
        matrix = weight * matrix + (1.0 - weight) * tf.tile(_LUMA, (1, 3))[None]
    shape = tf.shape(images)
    pixels = tf.reshape(images, (shape[0], shape[1] * shape[2], 3))
    changed = tf.clip_by_value(tf.matmul(pixels, contrast[:, None, None] * matrix) + offset, 0.0, 255.0)
    return tf.ensure_shape(tf.reshape(changed, shape), images.shape)


def rectangles(
    image_size: int, area: tf.Tensor, aspect: tf.Tensor, down: tf.Tensor, right: tf.Tensor
) -> tf.Tensor:
    """Returns one upright rectangle of whole pixels per image, wholly inside it.

    Args:
        image_size: side of the images in pixels.
        area: `(batch,)`, share of the image in [0, 0.5]; 0 for no rectangle. Exact up to the rounding of
            both sides to whole pixels.
        aspect: `(batch,)`, height / width, in [1/2, 2].
        down: `(batch,)`, in [0, 1), place of the top edge between the highest and the lowest possible.
        right: `(batch,)`, in [0, 1), place of the left edge likewise.

    Returns:
        bool `(batch, image_size, image_size, 1)`, True inside.
    """
    pixels = tf.range(image_size, dtype=tf.float32)[None]

    def within(side: tf.Tensor, place: tf.Tensor) -> tf.Tensor:
        length = tf.minimum(tf.round(image_size * tf.sqrt(side)), image_size)[:, None]
        start = tf.floor(place[:, None] * (image_size - length + 1.0))
        return (pixels >= start) & (pixels < start + length)

    return (within(area * aspect, down)[:, :, None] & within(area / aspect, right)[:, None, :])[..., None]


def _erase(
    views: tf.Tensor,
    config: AugmentationConfig,
    draws: list[tf.Tensor],
    noise: Callable[[], tf.Tensor],
) -> tf.Tensor:
    """Fills a rectangle of some images; `draws` are happening, area, aspect, place down and right."""
    happening, area, aspect, down, right = draws
    area = config.erasing_area * (0.1 + 0.9 * area) * tf.cast(happening < config.erasing, tf.float32)
    aspect = tf.exp((2.0 * aspect - 1.0) * _LOG_LARGEST_ASPECT)
    erased = tf.cast(rectangles(views.shape[1], area, aspect, down, right), tf.float32)
    # Products, since `tf.where` is several times slower where it has to broadcast.
    mean = config.erasing_fill == "mean"
    fill = tf.reduce_mean(views, axis=(1, 2), keepdims=True) if mean else noise()
    return views * (1.0 - erased) + fill * erased


def _donors(pairs: tf.Tensor) -> tf.Tensor:
    """Returns for each row the row whose draws it uses: itself, or the first of its pair."""
    rows = tf.range(tf.shape(pairs)[0])
    first = rows - rows % 2
    paired = (pairs >= 0) & (tf.gather(pairs, first) == pairs)
    return tf.where(paired, first, rows)
