"""Images per CPU-second of the synthetic faces, and how well they can be learned.

    python benchmarks/synthetic_faces.py [--rounds 3] [--image-size 64]
    python benchmarks/synthetic_faces.py --learn easy [--steps 1125]

The first form prepares a data set with one and with two processes and counts the CPU seconds of this
process and its children, start of the processes and writing included; the configurations run in turn
within each round and the median counts. Exits with 1 below 500 images per CPU-second at 64 pixels.

The second form trains a linear classifier on pixels and a small convolutional net on grey,
standardised images, and prints their accuracy on people that neither has seen (chance 12.5 %). It
takes two to six CPU-minutes.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.difficulty import DIFFICULTIES
from keras_fer.data.synthetic.prepare import prepare_synthetic, render_rows

FEWEST_IMAGES_PER_CPU_SECOND = 500
BATCH_SIZE = 64
LEARN_IMAGES = 12_000


def cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def images_per_cpu_second(config: SyntheticConfig, num_workers: int) -> float:
    """Prepares a data set in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = cpu_seconds()
        prepare_synthetic(config, Path(folder) / "faces", num_workers=num_workers)
        return config.num_images / (cpu_seconds() - start)


def rendered_per_cpu_second(config: SyntheticConfig) -> float:
    """Renders in this process without writing."""
    start = cpu_seconds()
    render_rows(config, 0, config.num_images)
    return config.num_images / (cpu_seconds() - start)


def measure_speed(rounds: int, image_size: int, num_images: int) -> bool:
    """Prints the speed of all variants; returns whether rendering is fast enough."""
    plain = SyntheticConfig(num_images=num_images, image_size=image_size)
    paired = SyntheticConfig(num_images=num_images, image_size=image_size, pairs=True)
    variants = {
        "render": lambda: rendered_per_cpu_second(plain),
        "render pairs": lambda: rendered_per_cpu_second(paired),
        "prepare, 1 process": lambda: images_per_cpu_second(plain, 1),
        "prepare, 2 processes": lambda: images_per_cpu_second(plain, 2),
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, variant in variants.items():
            rates[name].append(variant())
    print(f"images per CPU-second at {image_size} px, {num_images} images, median of {rounds} rounds")
    for name, values in rates.items():
        print(f"  {name:24s} {statistics.median(values):7.0f}   {min(values):.0f} to {max(values):.0f}")
    return image_size > 64 or statistics.median(rates["render"]) >= FEWEST_IMAGES_PER_CPU_SECOND


def learnability_set(difficulty: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey standardised images float32 `(n, 64, 64)`, labels and whether a row is a test row."""
    config = SyntheticConfig(num_images=LEARN_IMAGES, difficulty=difficulty, seed=seed, validation_share=0.0)
    rows = render_rows(config, 0, config.num_images)
    grey = rows.images @ np.array([0.299, 0.587, 0.114], np.float32)
    grey -= grey.mean(axis=(1, 2), keepdims=True)
    grey /= grey.std(axis=(1, 2), keepdims=True)
    return grey, rows.labels, rows.splits == 2


def linear_accuracy(images: np.ndarray, labels: np.ndarray, test: np.ndarray) -> float:
    """Accuracy of logistic regression on 250 principal components of the pixels."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression

    pixels = images.reshape(len(images), -1)
    components = PCA(250, svd_solver="randomized", random_state=0).fit(pixels[~test][:6000]).transform(pixels)
    components /= components[~test].std(axis=0)
    classifier = LogisticRegression(C=0.01, max_iter=300).fit(components[~test], labels[~test])
    return classifier.score(components[test], labels[test])


def small_net():
    """Six convolutions, the first at full resolution; 0.34 million parameters."""
    import keras
    from keras import layers

    inputs = features = keras.Input((64, 64, 1))
    for filters, stride in ((24, 1), (32, 2), (48, 2), (64, 1), (64, 2), (96, 2)):
        features = layers.Conv2D(filters, 3, stride, "same", use_bias=False)(features)
        features = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(features))
    features = layers.Dropout(0.3)(layers.Flatten()(features))
    return keras.Model(inputs, layers.Dense(8)(layers.Dense(128, "relu")(features)))


def net_accuracy(
    images: np.ndarray, labels: np.ndarray, test: np.ndarray, steps: int, seed: int
) -> list[tuple[int, float]]:
    """Accuracy of the small net on the test rows after each 187 steps, as (step, accuracy)."""
    import keras

    keras.utils.set_random_seed(seed)
    net = small_net()
    net.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    train = np.flatnonzero(~test)
    history = []
    for step in range(1, steps + 1):
        rows = rng.choice(train, BATCH_SIZE, replace=False)
        batch = images[rows]
        flipped = rng.random(BATCH_SIZE) < 0.5
        batch[flipped] = batch[flipped][:, :, ::-1]
        net.train_on_batch(batch[..., None], labels[rows])
        if step % 187 == 0 or step == steps:
            answers = net.predict(images[test][..., None], batch_size=256, verbose=0).argmax(axis=1)
            history.append((step, float((answers == labels[test]).mean())))
            print(f"  net, {step} steps: {history[-1][1]:.1%}", flush=True)
    return history


def main() -> int:
    """Runs the benchmark and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--num-images", type=int, default=2400)
    parser.add_argument("--learn", choices=sorted(DIFFICULTIES))
    parser.add_argument("--steps", type=int, default=1125)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.learn is None:
        return 0 if measure_speed(options.rounds, options.image_size, options.num_images) else 1
    images, labels, test = learnability_set(options.learn, options.seed)
    print(f"accuracy on {test.sum()} images of unseen people, {options.learn}, seed {options.seed}")
    print(f"  linear on pixels: {linear_accuracy(images, labels, test):.1%}", flush=True)
    net_accuracy(images, labels, test, options.steps, options.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
