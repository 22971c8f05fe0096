"""CPU time of training in half precision, compiled by XLA, and with several steps per call, over float32.

    python benchmarks/precision.py [--rounds 5] [--preset paper] [--backbone residual_small] [--image-size 48]

Each variant is trained by `fit` on the same batch of random images, in turn within each round, so that a
drift of the machine's speed hits all alike; the ratio is taken within a round, and its median over the rounds
is what counts. CPU seconds of the process, all threads, Keras' loop included; the first round traces,
compiles and does not count. These are ratios of the processor that this runs on: half precision is made for
others.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model

# name: (Keras dtype policy, arguments of compile).
VARIANTS = {
    "float32": ("float32", {}),
    "mixed_bfloat16": ("mixed_bfloat16", {}),
    "mixed_float16": ("mixed_float16", {}),
    "jit_compile": ("float32", {"jit_compile": True}),
    "steps_per_execution": ("float32", {"steps_per_execution": True}),
}


def compiled_model(name: str, options: argparse.Namespace) -> keras.Model:
    """Returns the model of a variant."""
    policy, settings = VARIANTS[name]
    if settings.get("steps_per_execution"):
        settings = {"steps_per_execution": options.steps}
    keras.config.set_dtype_policy(policy)
    try:
        model = disentangling_model(
            backbone(options.backbone, options.image_size), 8, objective=options.preset
        )
        model.compile(optimizer=keras.optimizers.AdamW(1e-3), **settings)
    finally:
        keras.config.set_dtype_policy("float32")
    return model


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="of a round, and per execution")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--backbone", default="residual_small")
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args()
    names = list(dict.fromkeys(["float32", *options.variants]))
    models = {name: compiled_model(name, options) for name in names}
    generator = np.random.default_rng(0)
    shape = (options.batch_size, options.image_size, options.image_size, 3)
    images = generator.uniform(0, 255, shape).astype(np.float32)
    labels = generator.integers(0, 8, options.batch_size)
    batches = tf.data.Dataset.from_tensors((images, labels)).repeat()
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(options.rounds + 1):
        for name, model in models.items():
            start = time.process_time()
            model.fit(batches, steps_per_epoch=options.steps, shuffle=False, verbose=0)
            if turn:
                seconds[name].append((time.process_time() - start) / options.steps)
    print(f"{options.backbone}, {options.preset}, {options.image_size} px, batches of {options.batch_size}")
    print(f"{'':22}{'CPU-ms/image':>13}{'ratio':>8}{'min-max':>14}")
    for name, values in seconds.items():
        ratios = [value / base for value, base in zip(values, seconds["float32"], strict=True)]
        milliseconds = 1000 * statistics.median(values) / options.batch_size
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"{name:22}{milliseconds:13.2f}{statistics.median(ratios):8.2f}{spread:>14}")


if __name__ == "__main__":
    main()
