"""CPU time of one training step of each objective over plain classification with the same trunk.

    python benchmarks/train_step.py [--rounds 9] [--backbone residual_small] [--image-size 48]

Plain classification is the stock `fit` step of Keras on trunk, expression branch and head. All
variants run in turn within each round, so that a drift of the machine's speed hits all alike; the
ratio is taken within a round, and its median over the rounds is what counts. CPU seconds of the
process, all threads. Exits with 1 when the three losses cost more than the bounds: 1.05 without a
decoder (beta 1 = 0), 1.30 with it.
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model
from keras_fer.models.objective import PRESETS, Objective

# name: (objective, largest allowed ratio).
VARIANTS = {
    "three losses, beta 1 = 0 (paper)": (PRESETS["paper"], 1.05),
    "three losses with decoder": (Objective(reconstruction_weight=1.0, adversarial_weight=0.1), 1.30),
    "d2ae (two reconstructions)": (PRESETS["d2ae"], None),
    "disentangle (3 critics x 5 steps)": (PRESETS["disentangle"], None),
    "disentangle_pairs": (PRESETS["disentangle_pairs"], None),
}


def plain_classifier(name: str, image_size: int) -> keras.Model:
    """Returns the same trunk, branch and head under the stock training step."""
    model = disentangling_model(backbone(name, image_size), 8, objective="baseline").classifier
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.AdamW(1e-3), loss=loss, metrics=["accuracy"])
    return model


def steps(model: keras.Model, batch: tuple) -> tf.types.experimental.PolymorphicFunction:
    """Returns the compiled training step, without the Python around it."""
    step = tf.function(model.train_step, reduce_retracing=True)
    step(batch)
    step(batch)
    return step


def main() -> int:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--backbone", default="residual_small")
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    shape = (options.batch_size, options.image_size, options.image_size, 3)
    generator = np.random.default_rng(0)
    images = tf.constant(generator.uniform(0, 255, shape), tf.float32)
    labels = tf.constant(generator.integers(0, 8, options.batch_size))
    pairs = tf.repeat(tf.range(options.batch_size // 2), 2)
    plain = steps(plain_classifier(options.backbone, options.image_size), (images, labels))
    runs = {"plain classification": (plain, (images, labels))}
    for name, (objective, _) in VARIANTS.items():
        model = disentangling_model(backbone(options.backbone, options.image_size), 8, objective=objective)
        model.compile(optimizer=keras.optimizers.AdamW(1e-3))
        batch = (images, {"expression": labels, "pair": pairs} if objective.needs_pairs else labels)
        runs[name] = (steps(model, batch), batch)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, (step, batch) in runs.items():
            start = time.process_time()
            for _ in range(options.steps):
                step(batch)
            seconds[name].append((time.process_time() - start) / options.steps)
    return report(seconds, options.batch_size)


def report(seconds: dict[str, list[float]], batch_size: int) -> int:
    """Prints the table; returns 1 when a bound is broken."""
    print(f"{'step':36} {'CPU-ms/image':>12} {'ratio':>7} {'min-max':>13} {'bound':>6}")
    broken = 0
    plain = seconds["plain classification"]
    for name, values in seconds.items():
        ratios = [value / base for value, base in zip(values, plain, strict=True)]
        ratio = statistics.median(ratios)
        bound = VARIANTS[name][1] if name in VARIANTS else None
        broken |= bound is not None and ratio > bound
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        milliseconds = 1000 * statistics.median(values) / batch_size
        print(f"{name:36} {milliseconds:12.2f} {ratio:7.3f} {spread:>13} {bound or '':>6}")
    print("bounds broken" if broken else "within bounds")
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
