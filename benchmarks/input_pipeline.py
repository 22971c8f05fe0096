"""Images per CPU-second of the input pipeline, prepared data against decoding JPEG files.

    python benchmarks/input_pipeline.py [--rounds 7] [--image-size 112]

The same images lie in a prepared data set (a memory map, read by `train_pipeline`) and as JPEG files
in class folders (read by `keras.utils.image_dataset_from_directory`). All variants run in turn within
each round, so that a drift of the machine's speed hits all alike; the ratio is taken within a round,
and its median over the rounds is what counts. CPU seconds of the process, all threads, everything in
the page cache. Augmentation is shown beside, since it is the next thing that limits. Exits with 1
when prepared data delivers less than 10 times the images of the JPEG files.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.pipeline import train_pipeline
from keras_fer.data.prepared import PreparedDataset, PreparedWriter
from keras_fer.data.sampling import IndexSampler
from keras_fer.labels import EXPRESSIONS_8

SMALLEST_RATIO = 10
BATCH_SIZE = 64
PREPARED, AUGMENTED, JPEG = "prepared", "prepared, augmented (standard)", "JPEG files"


def photos(num_images: int, image_size: int) -> np.ndarray:
    """Returns smooth shapes with mild noise: a JPEG of them is about as large as one of a face crop."""
    generator = np.random.default_rng(0)
    images = np.empty((num_images, image_size, image_size, 3), np.uint8)
    for image in images:
        shapes = Image.fromarray(generator.integers(0, 256, (9, 9, 3), np.uint8))
        smooth = np.asarray(shapes.resize((image_size, image_size), Image.Resampling.BICUBIC), np.float64)
        image[:] = np.clip(smooth + generator.normal(0, 4, smooth.shape), 0, 255)
    return images


def write_both(images: np.ndarray, folder: Path) -> PreparedDataset:
    """Writes the images as JPEG files in class folders and as a prepared data set."""
    labels = np.arange(len(images)) % len(EXPRESSIONS_8)
    names = [f"{EXPRESSIONS_8[label]}/{row:05}.jpg" for row, label in enumerate(labels)]
    for name, image in zip(names, images, strict=True):
        (folder / "jpeg" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / "jpeg" / name, quality=90)
    with PreparedWriter(
        folder / "prepared",
        source="benchmark",
        label_names=EXPRESSIONS_8,
        image_shape=images.shape[1:],
        config={},
    ) as writer:
        writer.append(images, labels=labels, splits=np.zeros(len(images), np.int8), sources=names)
        return writer.finish()


def variants(dataset: PreparedDataset, jpeg: Path) -> dict[str, tuple[tf.data.Dataset, int]]:
    """Returns by name a pipeline to run through and the number of images that it delivers."""
    rows = dataset.indices("train")
    sampler = IndexSampler(dataset.labels[rows], rows, BATCH_SIZE)
    size, crop = dataset.crop_size, dataset.crop_size
    epoch = sampler.steps_per_epoch

    def augmented(images: tf.Tensor, seed: tf.Tensor, pairs: tf.Tensor | None) -> tf.Tensor:
        return augment(images, AUGMENTATIONS["standard"], size, crop, seed, pairs)

    files = keras.utils.image_dataset_from_directory(
        jpeg, label_mode="int", batch_size=BATCH_SIZE, image_size=(size, size), seed=0, verbose=False
    )
    return {
        # Several epochs, so that the start of the pipeline does not count.
        PREPARED: (train_pipeline(dataset, sampler, num_steps=20 * epoch), 20 * epoch * BATCH_SIZE),
        AUGMENTED: (
            train_pipeline(dataset, sampler, num_steps=epoch, augmentation=augmented),
            epoch * BATCH_SIZE,
        ),
        JPEG: (files, len(rows)),
    }


def cpu_seconds(batches: tf.data.Dataset) -> float:
    """Returns the CPU time of one pass, all threads; consumed in TensorFlow, as `fit` does."""
    start = time.process_time()
    batches.reduce(np.int64(0), lambda count, _: count + 1).numpy()
    return time.process_time() - start


def main() -> int:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--image-size", type=int, default=112)
    parser.add_argument("--num-images", type=int, default=2048)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = write_both(photos(options.num_images, options.image_size), Path(folder))
        sizes = [file.stat().st_size for file in Path(folder, "jpeg").rglob("*.jpg")]
        runs = variants(dataset, Path(folder, "jpeg"))
        rates: dict[str, list[float]] = {name: [] for name in runs}
        for round_number in range(options.rounds + 1):
            for name, (batches, num_images) in runs.items():
                seconds = cpu_seconds(batches)
                if round_number:  # the first round warms up
                    rates[name].append(num_images / seconds)
    print(
        f"{options.num_images} images of {options.image_size} px, JPEG {statistics.mean(sizes) / 1024:.1f} kB"
    )
    for name, values in rates.items():
        print(f"{name:34}{statistics.median(values):10,.0f} images per CPU-second")
    ratio = statistics.median(fast / slow for fast, slow in zip(rates[PREPARED], rates[JPEG], strict=True))
    print(f"prepared / JPEG files: {ratio:.1f} (at least {SMALLEST_RATIO})")
    return int(ratio < SMALLEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
