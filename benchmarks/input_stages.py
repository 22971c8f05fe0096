"""Images per CPU-second of each stage of the input path against its limit, by size, and from a cold disk.

    python benchmarks/input_stages.py                     # stages, growth and cold reads, some minutes
    python benchmarks/input_stages.py --parts stages --rounds 7

- `stages`: what each stage delivers by itself, and the limit of the same run: copying as many bytes with
  NumPy (for the sampler, one permutation; for positions, a hand-over of nothing; for the augmentation, the
  warp alone). 112 pixels, RGB, batches of 64, everything in the page cache.
- `growth`: sets of 10,000, 100,000 and 300,000 records, rendered faces of 48 pixels repeated, through the
  whole pipeline; memory is what belongs to this process alone (RssAnon), in which no mapped file counts.
- `cold`: the largest of these sets, dropped from the page cache before each pass. A tenth of an epoch is
  gathered over single rows and over blocks of rows, beside one plain pass through the files. How often the
  process had to wait for the disk (major page faults) and what the disk gave is counted by the system. Single
  rows bring neighbours along that are not needed until much later; a set larger than the memory then reads
  them again and again.

All variants run in turn within each round, so that a drift of the machine's speed hits all alike; ratios are
taken within a round, and medians over the rounds are shown. CPU seconds of the process, all threads. Linux.
"""

import argparse
import gc
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.device_cache import CachedImages
from keras_fer.data.pipeline import train_pipeline
from keras_fer.data.prepared import PreparedDataset, PreparedWriter, open_prepared
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.prepare import render_rows
from keras_fer.data.two_views import TwoViews
from keras_fer.labels import EXPRESSIONS_8

BATCH_SIZE = 64
SIZES = (10_000, 100_000, 300_000)
BLOCK_ROWS = 128
# name: (images that it handles, runs it once).
Runs = dict[str, tuple[int, Callable[[], object]]]


def write_repeated(folder: Path, images: np.ndarray, num_records: int) -> PreparedDataset:
    """Writes a prepared data set of so many records, the images again and again, a pixel changed in each."""
    with PreparedWriter(
        folder, source="benchmark", label_names=EXPRESSIONS_8, image_shape=images.shape[1:]
    ) as writer:
        for start in range(0, num_records, len(images)):
            part = images[: num_records - start].copy()
            part[:, 0, 0, 0] = start // len(images) % 256
            labels = np.arange(len(part)) % len(EXPRESSIONS_8)
            sources = [f"{start + row}.png" for row in range(len(part))]
            writer.append(part, labels=labels, splits=np.zeros(len(part), np.int8), sources=sources)
        return writer.finish()


def consumed(batches: tf.data.Dataset) -> None:
    """Runs through a pipeline inside TensorFlow, as `fit` does."""
    batches.reduce(np.int64(0), lambda count, _: count + 1).numpy()


def sampler_of(dataset: PreparedDataset, batch_size: int = BATCH_SIZE, **options: int) -> IndexSampler:
    """Returns the sampler of the training split."""
    rows = dataset.indices("train")
    return IndexSampler(dataset.labels[rows], rows, batch_size, **options)


def cpu_seconds(runs: Runs, rounds: int) -> dict[str, list[float]]:
    """Returns CPU seconds per image of each run, in each round; the first round warms up."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, (num_images, run) in runs.items():
            start = time.process_time()
            run()
            if number:
                seconds[name].append((time.process_time() - start) / num_images)
    return seconds


def stage_runs(dataset: PreparedDataset) -> tuple[Runs, dict[str, str]]:
    """Returns all stages and limits by name, and the limit of each stage."""
    sampler = sampler_of(dataset)
    steps, number = sampler.steps_per_epoch, sampler.steps_per_epoch * BATCH_SIZE
    size = dataset.crop_size
    cached = CachedImages(dataset, dataset.indices("train"))
    rows = [sampler.batch(step) for step in range(steps)]
    batch = dataset.images(rows[0])
    # All of it, since a batch alone would be copied within the cache of the processor.
    whole = dataset.images(np.arange(number))
    target, floats = np.empty_like(batch), np.ones(batch.shape, np.float32)
    float_target = np.empty_like(floats)
    epochs = iter(range(10**9))
    tensors = tf.constant(batch, tf.float32)
    transforms = tf.tile([[0.9, 0.1, 3.0, -0.1, 0.9, 5.0, 0.0, 0.0]], (BATCH_SIZE, 1))

    def augmented(images: tf.Tensor, seed: tf.Tensor, pairs: tf.Tensor | None) -> tf.Tensor:
        return augment(images, AUGMENTATIONS["standard"], size, size, seed, pairs)

    @tf.function
    def warp_alone() -> tf.Tensor:
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=tensors, transforms=transforms, output_shape=(size, size), fill_value=0.0,
            interpolation="BILINEAR", fill_mode="REFLECT",
        )  # fmt: skip

    @tf.function
    def from_device(positions: tf.Tensor) -> tf.Tensor:
        return cached.images(positions)

    places = [tf.constant(cached.positions[own]) for own in rows]

    def an_epoch_of_indices() -> None:
        first = next(epochs) * steps
        for step in range(first, first + steps):
            sampler.batch(step)

    def permutation() -> None:
        order = np.random.default_rng(0).permutation(number)
        for step in range(steps):
            order[step * BATCH_SIZE : (step + 1) * BATCH_SIZE].copy()

    def copy_bytes() -> None:
        for step in range(steps):
            np.copyto(target, whole[step * BATCH_SIZE : (step + 1) * BATCH_SIZE])

    def copy_floats() -> None:
        for _ in range(steps):
            np.copyto(float_target, floats)

    def gather() -> None:
        for own in rows:
            dataset.images(own)

    def gather_on_device() -> None:
        for own in places:
            from_device(own)

    def nothing(step: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(lambda step: step, [step], tf.int64, stateful=False)

    def empty_pipeline() -> None:
        consumed(tf.data.Dataset.range(steps).map(nothing, 4, deterministic=True).prefetch(4))

    def pipeline(sampler: IndexSampler | TwoViews, num_steps: int = steps, **options: object) -> Callable:
        return lambda: consumed(train_pipeline(dataset, sampler, num_steps=num_steps, **options))  # type: ignore[arg-type]

    short = max(1, steps // 8)
    runs: Runs = {
        "permutation": (number, permutation),
        "copy of the bytes": (number, copy_bytes),
        "copy of the floats": (number, copy_floats),
        "empty hand-over": (number, empty_pipeline),
        "warp alone": (short * BATCH_SIZE, lambda: [warp_alone() for _ in range(short)]),
        "index sampler": (number, an_epoch_of_indices),
        "gather from the memory map": (number, gather),
        "pipeline: sampler, gather, hand-over": (number, pipeline(sampler)),
        "pipeline, blocks of 32 rows": (number, pipeline(sampler_of(dataset, block_rows=32))),
        "pipeline, two views": (
            2 * number, pipeline(TwoViews(sampler_of(dataset, BATCH_SIZE // 2)), 2 * steps)
        ),
        "positions for the device": (number, pipeline(sampler, positions=cached.positions)),
        "gather on the device": (number, gather_on_device),
        "pipeline with mixup": (short * BATCH_SIZE, pipeline(sampler, short, mixup_alpha=0.2)),
        "pipeline with augmentation": (short * BATCH_SIZE, pipeline(sampler, short, augmentation=augmented)),
    }  # fmt: skip
    limits = dict.fromkeys(runs, "copy of the bytes")
    limits |= {"index sampler": "permutation", "pipeline with mixup": "copy of the floats"}
    limits |= {"pipeline with augmentation": "warp alone", "positions for the device": "empty hand-over"}
    return runs, limits


def show_stages(images: np.ndarray, folder: Path, rounds: int) -> None:
    """Prints the table of stages and limits."""
    runs, limits = stage_runs(write_repeated(folder / "stages", images, 4096))
    seconds = cpu_seconds(runs, rounds)
    print(f"stages: 4096 images of {images.shape[1:]}, batches of {BATCH_SIZE}, images per CPU-second")
    print(f"{'stage':38}{'measured':>12}{'limit':>12}{'ratio':>7}  limit is")
    for name, values in seconds.items():
        if name in limits.values():
            continue
        limit = seconds[limits[name]]
        ratio = statistics.median(least / own for own, least in zip(values, limit, strict=True))
        measured, most = (1 / statistics.median(kind) for kind in (values, limit))
        print(f"{name:38}{measured:12,.0f}{most:12,.0f}{ratio:7.2f}  {limits[name]}")


def own_memory_mb() -> float:
    """Returns the resident memory that belongs to this process alone, megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0]) * 1024 / 1e6


def show_growth(images: np.ndarray, folder: Path, rounds: int, sizes: Sequence[int]) -> None:
    """Prints speed and memory by the size of the set."""
    print(f"growth: images of {images.shape[1:]}, whole pipeline, batches of {BATCH_SIZE}")
    print(f"{'records':>8}{'MB on disk':>12}{'images/CPU-s':>14}{'MB of memory':>14}")
    runs: Runs = {}
    memory = {}
    steps = min(sizes) // BATCH_SIZE
    for size in sizes:
        before = own_memory_mb()
        dataset = open_prepared(folder / f"faces-{size}")
        sampler = sampler_of(dataset)
        for step in (0, sampler.steps_per_epoch):  # the orders of two epochs are held
            sampler.batch(step)
        # The turn of an epoch is passed in proportion: a permutation of the set once per pass over it.
        passes = iter(range(10**9))

        def run(dataset: PreparedDataset = dataset, sampler: IndexSampler = sampler, passes=passes) -> None:
            consumed(train_pipeline(dataset, sampler, start_step=next(passes) * steps, num_steps=steps))

        run()
        memory[size] = own_memory_mb() - before
        runs[str(size)] = (steps * BATCH_SIZE, run)
    seconds = cpu_seconds(runs, rounds * (max(sizes) // min(sizes)) // 6 + 3)
    for size in sizes:
        # The mean, since the turn of an epoch falls on some rounds only.
        rate, on_disk = 1 / statistics.mean(seconds[str(size)]), size * images[0].nbytes / 1e6
        print(f"{size:8}{on_disk:12,.0f}{rate:14,.0f}{memory[size]:14.1f}")


def disk_mb() -> float:
    """Returns what the disk has given to this process, megabytes."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split("read_bytes:")[1].split()[0]) / 1e6


def drop_from_cache(folder: Path) -> None:
    """Drops the shards of a set that nobody has mapped from the page cache."""
    gc.collect()
    for file in folder.glob("images-*.npy"):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_files(folder: Path) -> None:
    """Reads the shards from beginning to end."""
    buffer = bytearray(1 << 20)
    for file in sorted(folder.glob("images-*.npy")):
        with file.open("rb", buffering=0) as opened:
            while opened.readinto(buffer):
                pass


def show_cold(folder: Path, num_records: int, num_bytes: int, rounds: int) -> None:
    """Prints what gathering a tenth of an epoch takes, warm and cold."""
    part = num_records // 10 // BATCH_SIZE

    def over(block_rows: int) -> Callable[[], int]:
        def run() -> int:
            # As the pipeline gathers, without TensorFlow, which would keep the files mapped.
            dataset = open_prepared(folder)
            sampler = sampler_of(dataset, block_rows=block_rows)
            for step in range(part):
                dataset.read_ahead(sampler.upcoming(step))
                dataset.images(sampler.batch(step))
            return part * BATCH_SIZE

        return run

    def whole() -> int:
        read_files(folder)
        return num_records

    variants: dict[str, tuple[bool, Callable[[], int]]] = {
        "plain pass through the files": (True, whole),
        "single rows, warm": (False, over(0)),
        "single rows": (True, over(0)),
        f"blocks of {BLOCK_ROWS} rows": (True, over(BLOCK_ROWS)),
    }
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, (cold, run) in variants.items():
            if cold:
                drop_from_cache(folder)
            else:
                read_files(folder)
            start, before = time.perf_counter(), disk_mb()
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt
            num_images = run()
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_majflt - faults
            given = (disk_mb() - before) * 1e6 / num_images / num_bytes
            seconds = time.perf_counter() - start
            measured[name].append((num_images / seconds, 1000 * faults / num_images, given))
    print(f"cold: {num_records} records, a tenth of an epoch, page cache emptied before each pass")
    print(f"{'':30}{'images/s':>10}{'waits per 1,000 images':>24}{'bytes from disk per byte delivered':>36}")
    for name, values in measured.items():
        speed, waits, given = (statistics.median(kind) for kind in zip(*values, strict=True))
        print(f"{name:30}{speed:10,.0f}{waits:24.1f}{given:36.2f}")


def main() -> None:
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ("stages", "growth", "cold")
    parser.add_argument("--parts", nargs="+", choices=kinds, default=kinds)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="of the sets, growing")
    parser.add_argument(
        "--folder", type=Path, help="where the sets are written for a while; for another disk"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        if "stages" in options.parts:
            large = render_rows(SyntheticConfig(num_images=256, image_size=112), 0, 256).images
            show_stages(large, folder, options.rounds)
        if {"growth", "cold"} & set(options.parts):
            rows = render_rows(SyntheticConfig(num_images=1000, image_size=48), 0, 1000).images
            small = np.round(rows.mean(axis=-1, keepdims=True)).astype(np.uint8)
            for size in options.sizes if "growth" in options.parts else options.sizes[-1:]:
                write_repeated(folder / f"faces-{size}", small, size)
        # Before the growth, which maps the same files: mapped pages stay in the cache.
        if "cold" in options.parts:
            size = options.sizes[-1]
            show_cold(folder / f"faces-{size}", size, small[0].nbytes, options.rounds)
        if "growth" in options.parts:
            show_growth(small, folder, options.rounds, options.sizes)


if __name__ == "__main__":
    sys.exit(main())
