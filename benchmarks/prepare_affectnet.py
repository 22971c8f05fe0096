r"""CPU time and memory of `keras-fer prepare affectnet`, on made-up trees in each of its layouts.

    python benchmarks/prepare_affectnet.py                                  # 20,000 images in each layout
    python benchmarks/prepare_affectnet.py --layouts npy --images 10000 30000 100000 --face-size 64 \
        --options --image-size 112                                           # memory, with less to decode

AffectNet itself needs a signed licence. The trees have its layouts and sizes: faces of 224 × 224 pixels and
four small arrays for each (npy), photos of 425 × 425 pixels with a face box in a list (csv), class folders
of faces (folders). Pictures are smooth shapes with mild noise, JPEG of quality 90, about as large as
photos; beyond 5,000 they are hard links to the first ones, and annotations are links from 512 on.

Each preparation is a process of its own on one thread, interpreter and imports included; CPU seconds are
those of the process and of the system for it, memory is its peak from /proc (Linux). The limit is reading,
decoding and reducing some of the same files by Pillow, nothing else, just before. Time for AffectNet's
287,651 images of 8 expressions and for the 420,299 that are annotated by hand is extrapolated from the
largest tree, in proportion, and so is the memory where several sizes are given, by the last two. Up to 256
MiB of pictures wait for a shard to be full, so sizes that show growth begin beyond that: 10,000 images. Exits
with 1 if an image more costs more than 1,500 bytes of memory: records may be held, pictures may not.
"""

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

DISTINCT_IMAGES, DISTINCT_ANNOTATIONS = 5000, 512
FACE_SIZE, PHOTO_SIZE = 224, 425
AFFECTNET_SIZES = (287_651, 420_299)
MOST_BYTES_PER_IMAGE = 1500
# AffectNet's own share: 3,999 of 291,650.
ONE_OF_SO_MANY_IS_VALIDATION = 73
HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
PROGRAM = """
import sys
from keras_fer.cli.main import main
main(sys.argv[1:], standalone_mode=False)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def write_pictures(folder: Path, number: int, size: int) -> list[Path]:
    """Writes pictures that all differ: squares cut at random out of a few large ones."""
    generator = np.random.default_rng(size)
    sheets = []
    for _ in range(8):
        shapes = Image.fromarray(generator.integers(0, 256, (24, 24, 3), np.uint8))
        smooth = np.asarray(shapes.resize((3 * size, 3 * size), Image.Resampling.BICUBIC), np.float32)
        noise = generator.normal(0, 4, smooth.shape).astype(np.float32)
        sheets.append(Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8)))
    folder.mkdir()
    files = []
    for position in range(number):
        left, top = generator.integers(0, 2 * size, 2).tolist()
        files.append(folder / f"{position}.jpg")
        square = sheets[position % len(sheets)].crop((left, top, left + size, top + size))
        square.save(files[-1], quality=90)
    return files


def write_annotations(folder: Path) -> list[dict[str, Path]]:
    """Writes the four arrays of some images, as text in arrays of no dimension, as the release has them."""
    generator = np.random.default_rng(1)
    folder.mkdir()
    found = []
    for position in range(DISTINCT_ANNOTATIONS):
        valence, arousal = generator.uniform(-1, 1, 2)
        values = {
            "exp": np.array(str(position % 8)),
            "val": np.array(f"{valence:.6f}"),
            "aro": np.array(f"{arousal:.6f}"),
            "lnd": generator.uniform(20, 200, 136),
        }
        files = {kind: folder / f"{position}_{kind}.npy" for kind in values}
        for kind, value in values.items():
            stream = io.BytesIO()
            np.save(stream, value)
            files[kind].write_bytes(stream.getvalue())
        found.append(files)
    return found


def write_npy(root: Path, number: int, pool: Path, face_size: int) -> None:
    """Writes the release of 2021."""
    pictures = write_pictures(pool / "faces", min(number, DISTINCT_IMAGES), face_size)
    annotations = write_annotations(pool / "annotations")
    for split in ("train_set", "val_set"):
        (root / split / "images").mkdir(parents=True)
        (root / split / "annotations").mkdir()
    for position in range(number):
        split = root / ("train_set" if position % ONE_OF_SO_MANY_IS_VALIDATION else "val_set")
        os.link(pictures[position % len(pictures)], split / "images" / f"{position}.jpg")
        for kind, file in annotations[position % len(annotations)].items():
            os.link(file, split / "annotations" / f"{position}_{kind}.npy")


def write_csv(root: Path, number: int, pool: Path, face_size: int) -> None:
    """Writes the release of 2017: photos with a face box each, 500 photos to a folder."""
    pictures = write_pictures(pool / "photos", min(number, DISTINCT_IMAGES), PHOTO_SIZE)
    generator = np.random.default_rng(2)
    lists: dict[str, list[str]] = {"training.csv": [HEADER], "validation.csv": [HEADER]}
    for position in range(number):
        name = f"{position // 500}/{position:056x}.jpg"
        file = root / "Manually_Annotated_Images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        os.link(pictures[position % len(pictures)], file)
        side = int(generator.integers(180, 320))
        left, top = generator.integers(0, PHOTO_SIZE - side, 2).tolist()
        points = ";".join(f"{value:.2f}" for value in generator.uniform(left, left + side, 136))
        valence, arousal = generator.uniform(-1, 1, 2)
        row = f"{name},{left},{top},{side},{side},{points},{position % 8},{valence:.6f},{arousal:.6f}"
        key = "training.csv" if position % ONE_OF_SO_MANY_IS_VALIDATION else "validation.csv"
        lists[key].append(row)
    for key, lines in lists.items():
        (root / key).write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_folders(root: Path, number: int, pool: Path, face_size: int) -> None:
    """Writes class folders by id."""
    pictures = write_pictures(pool / "faces", min(number, DISTINCT_IMAGES), face_size)
    for split in ("train", "val"):
        for label in range(8):
            (root / split / str(label)).mkdir(parents=True)
    for position in range(number):
        split = "train" if position % ONE_OF_SO_MANY_IS_VALIDATION else "val"
        os.link(pictures[position % len(pictures)], root / split / str(position % 8) / f"{position}.jpg")


LAYOUTS: dict[str, Callable[[Path, int, Path, int], None]] = {
    "npy": write_npy,
    "csv": write_csv,
    "folders": write_folders,
}


class Cost(NamedTuple):
    """Images, CPU seconds, peak memory in megabytes, and the images per CPU-second of Pillow alone."""

    num_images: int
    cpu_s: float
    peak_mb: float
    limit: float


def pillow_rate(pool: Path) -> float:
    """Returns how many of the pictures Pillow alone reads, decodes and reduces per CPU-second."""
    files = sorted(pool.rglob("*.jpg"))[:500]
    start = time.process_time()
    for file in files:
        with Image.open(file) as image:
            face = image.width != PHOTO_SIZE
            # Of a photo a face box of a mean size; stored as `prepare` does by default.
            box, size = (None, 112) if face else ((80, 80, 80 + 250, 80 + 250), 128)
            np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, box))
    return len(files) / (time.process_time() - start)


def prepared(root: Path, output: Path, num_images: int, more: Sequence[str], limit: float) -> Cost:
    """Prepares a tree in a process of its own."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", PROGRAM, "prepare", "affectnet", str(root), str(output)]
    result = subprocess.run([*command, "--workers", "1", *more], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr[-2000:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(num_images, seconds, int(result.stdout.split()[-1]) * 1024 / 1e6, limit)


def costs(layout: str, sizes: Sequence[int], face_size: int, more: Sequence[str]) -> Iterator[Cost]:
    """Writes trees of one layout and prepares each."""
    for number in sizes:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "pool").mkdir()
            LAYOUTS[layout](folder / "AffectNet", number, folder / "pool", face_size)
            limit = pillow_rate(folder / "pool")
            yield prepared(folder / "AffectNet", folder / "out", number, more, limit)


def bytes_per_image(one: Cost, other: Cost) -> float:
    """Returns by how much the peak grows with each image."""
    return (other.peak_mb - one.peak_mb) * 1e6 / (other.num_images - one.num_images)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints the table; returns 1 where memory grows too much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--layouts", nargs="+", choices=list(LAYOUTS), default=list(LAYOUTS))
    parser.add_argument("--images", nargs="+", type=int, default=[20_000], help="sizes of the trees, growing")
    parser.add_argument("--face-size", type=int, default=FACE_SIZE, help="pixels, of npy and folders")
    parser.add_argument("--options", nargs=argparse.REMAINDER, default=[], help="of keras-fer prepare")
    options = parser.parse_args(arguments)
    broken = False
    columns = (
        f"{'layout':8}{'images':>8}{'CPU-s':>8}{'images/CPU-s':>14}{'limit':>7}{'ratio':>7}{'peak MB':>9}"
    )
    print(f"{columns}{'bytes per image more':>22}")
    for layout in options.layouts:
        last, growth = None, None
        for cost in costs(layout, options.images, options.face_size, options.options):
            growth = None if last is None else bytes_per_image(last, cost)
            rate = cost.num_images / cost.cpu_s
            more = "" if growth is None else f"{growth:,.0f}"
            print(
                f"{layout:8}{cost.num_images:8}{cost.cpu_s:8.1f}{rate:14,.0f}{cost.limit:7,.0f}"
                f"{rate / cost.limit:7.2f}{cost.peak_mb:9.0f}{more:>22}",
                flush=True,
            )
            last = cost
        for size in AFFECTNET_SIZES:
            memory = (
                "" if growth is None else f", {last.peak_mb + growth * (size - last.num_images) / 1e6:.0f} MB"
            )
            print(f"{layout:8}{size:8} extrapolated: {size / rate / 60:.1f} CPU-minutes{memory}")
        broken |= growth is not None and growth > MOST_BYTES_PER_IMAGE
    print(f"at most {MOST_BYTES_PER_IMAGE} bytes per image more: {'BROKEN' if broken else 'kept'}")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
