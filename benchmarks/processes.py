"""Images per second of several processes of this machine that share each batch, over those of one alone.

    python benchmarks/processes.py 2 [--rounds 5] [--preset disentangle] [--backbone residual_small]

Every process has one thread. In each round all train together, and then the first trains a model of its own
on the same batches while the others wait; the ratios are taken within a round, and their median is what
counts. With a core for each process a ratio of their number is the limit; where they share one core it is 1.
"""

import argparse
import os
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from local_cluster import free_addresses, run_together


def parser() -> argparse.ArgumentParser:
    """Returns the options."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("processes", type=int)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--steps", type=int, default=10)
    options.add_argument("--preset", default="disentangle")
    options.add_argument("--backbone", default="residual_small")
    options.add_argument("--image-size", type=int, default=48)
    options.add_argument("--batch-size", type=int, default=64)
    options.add_argument("--limit-s", type=float, default=3600)
    options.add_argument("--inside", nargs=2, metavar=("ADDRESSES", "WORKER"), help=argparse.SUPPRESS)
    return options


def train(options: argparse.Namespace) -> None:
    """Trains as one of the processes; the first prints the table."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_fer.models.backbones import backbone
    from keras_fer.models.building import disentangling_model
    from keras_fer.models.replicas import synchronize_normalization
    from keras_fer.training.cluster import Cluster
    from keras_fer.training.devices import Devices

    cluster = Cluster(tuple(options.inside[0].split(",")), int(options.inside[1]))
    scopes = {"together": cluster.scope(Devices("CPU", 1))}
    if cluster.is_chief:
        scopes["alone"] = tf.distribute.get_strategy().scope()
    shape = (options.batch_size, options.image_size, options.image_size, 3)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, shape, np.uint8)
    pairs = np.repeat(np.arange(options.batch_size // 2, dtype=np.int32), 2)
    targets = {"expression": generator.integers(0, 8, options.batch_size), "pair": pairs}
    models, data = {}, {}
    for name, scope in scopes.items():
        with scope:
            model = disentangling_model(
                backbone(options.backbone, options.image_size), 8, objective=options.preset
            )
            if name == "together":
                synchronize_normalization(model)
            model.compile(optimizer=keras.optimizers.AdamW(1e-3))
            model.optimizer.build(model.encoder_variables)
            if model.critics:
                model.critic_optimizer.build(model.critic_variables)
        models[name] = model
        batches = tf.data.Dataset.from_tensors((images, targets)).repeat()
        if name == "together":
            size = options.batch_size // cluster.num_workers
            rows = slice(cluster.worker * size, (cluster.worker + 1) * size)
            own = (images[rows], {key: values[rows] for key, values in targets.items()})
            batches = model.distribute_strategy.distribute_datasets_from_function(
                lambda _, own=own: tf.data.Dataset.from_tensors(own).repeat()
            )
        data[name] = batches
    rates: dict[str, list[float]] = {name: [] for name in models}
    for turn in range(options.rounds + 1):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(data[name], steps_per_epoch=options.steps, shuffle=False, verbose=0)
            if turn:  # The first one traces.
                seconds = time.perf_counter() - start
                rates[name].append(options.batch_size * options.steps / seconds)
    if cluster.is_chief:
        for name, values in rates.items():
            print(f"{name:9} {statistics.median(values):8.1f} images per second")
        ratios = [many / one for many, one in zip(rates["together"], rates["alone"], strict=True)]
        print(f"ratio: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})")


def main() -> None:
    """Starts the processes and prints what the first found."""
    options = parser().parse_args()
    if options.inside:
        train(options)
        return
    addresses = ",".join(free_addresses(options.processes))
    command = [sys.executable, *sys.argv, "--inside", addresses]
    commands = [[*command, str(worker)] for worker in range(options.processes)]
    ended = run_together(commands, options.limit_s)
    if any(process.status for process in ended):
        raise SystemExit("\n".join(process.text[-2000:] for process in ended))
    table = [line for line in ended[0].text.splitlines() if line.startswith(("together", "alone", "ratio"))]
    print("\n".join(table))


if __name__ == "__main__":
    main()
