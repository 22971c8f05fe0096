"""Images per second of training on several devices over those on one.

    python benchmarks/devices.py cpu:2 [--rounds 5] [--preset paper] [--backbone residual_small]
    python benchmarks/devices.py 2 --batch-size 512

Both models are trained in turn within each round on the same batches of random images, and the ratios, by the
wall clock and by the time of the processor, are taken within a round; their medians are what counts. Parts of
a processor share its cores with the one device that they are compared with: with a ratio of 1 sharing a batch
costs nothing.
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
from keras_fer.models.replicas import synchronize_normalization
from keras_fer.training.devices import Devices


def compiled_model(options: argparse.Namespace, devices: Devices) -> keras.Model:
    """Returns a model for these devices with both optimisers built."""
    with devices.scope():
        model = disentangling_model(
            backbone(options.backbone, options.image_size), 8, objective=options.preset
        )
        if devices.count > 1:
            synchronize_normalization(model)
        model.compile(optimizer=keras.optimizers.AdamW(1e-3))
        model.optimizer.build(model.encoder_variables)
        if model.critics:
            model.critic_optimizer.build(model.critic_variables)
    return model


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("devices", help="as --devices of keras-fer train")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--backbone", default="residual_small")
    parser.add_argument("--image-size", type=int, default=48)
    parser.add_argument("--batch-size", type=int, default=64)
    options = parser.parse_args()
    # The split comes first: TensorFlow cannot do it once it has computed anything.
    several = compiled_model(options, Devices.parse(options.devices))
    models = {options.devices: several, "1": compiled_model(options, Devices.parse("1"))}
    shape = (options.batch_size, options.image_size, options.image_size, 3)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, shape, np.uint8)
    pairs = np.repeat(np.arange(options.batch_size // 2, dtype=np.int32), 2)
    targets = {"expression": generator.integers(0, 8, options.batch_size), "pair": pairs}
    batches = tf.data.Dataset.from_tensors((images, targets)).repeat()
    seconds: dict[str, list[float]] = {name: [] for name in models}
    processor: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(options.rounds + 1):
        for name, model in models.items():
            start, busy = time.perf_counter(), time.process_time()
            model.fit(batches, steps_per_epoch=options.steps, shuffle=False, verbose=0)
            if turn:  # The first one traces.
                seconds[name].append(time.perf_counter() - start)
                processor[name].append(time.process_time() - busy)
    num_images = options.batch_size * options.steps
    for name, values in seconds.items():
        print(f"devices {name:6} {num_images / statistics.median(values):8.1f} images per second")
    for kind, times in (("wall clock", seconds), ("processor", processor)):
        ratios = [one / several for several, one in zip(times[options.devices], times["1"], strict=True)]
        print(f"ratio, {kind}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


if __name__ == "__main__":
    main()
