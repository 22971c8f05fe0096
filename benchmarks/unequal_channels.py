"""Makes the channels inside the residual blocks of a trained net unequal, which changes nothing in float.

    python benchmarks/unequal_channels.py runs/ferplus unequal.keras --spread 16
    keras-fer export unequal.keras exported --dataset prepared/ferplus --recipe float32 \
        --recipe static_wi8_ai8 --recipe qat_wi8_ai8 --verification-images 4000 --keep-failed

int8 has one range for all channels of an activation, so a net whose channels differ much in range loses by
it: MobileNetV2 comes out of training so (arXiv 1906.04721, which makes such channels equal; this is the other
way round). None of our nets does, hence this one to see what training with int8 simulated wins back.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_fer.atomic import atomic_file
from keras_fer.models.loading import load_model


def make_unequal(model: keras.Model, spread: float, seed: int = 0) -> int:
    """Multiplies each channel between the two convolutions of a block by a factor of its own, and undoes it.

    ReLU lets positive factors through: they go into the batch normalisation before it, and their inverse into
    the weights of the convolution after it.

    Args:
        model: with blocks as `keras_fer.models.backbones` builds them; changed in place.
        spread: factors are log-uniform from 1 / spread to spread.
        seed: of the factors.

    Returns:
        The number of blocks.
    """
    found = {layer.name: layer for layer in _layers(model)}
    random = np.random.default_rng(seed)
    blocks = [name.removesuffix("_add") for name in found if f"{name.removesuffix('_add')}_a_relu" in found]
    for block in blocks:
        normalization, convolution = found[f"{block}_a_normalization"], found[f"{block}_b_convolution"]
        factors = spread ** random.uniform(-1, 1, normalization.gamma.shape).astype(np.float32)
        normalization.gamma.assign(normalization.gamma * factors)
        normalization.beta.assign(normalization.beta * factors)
        convolution.kernel.assign(convolution.kernel / factors[:, None])
    return len(blocks)


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def main() -> None:
    """Writes the changed copy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="run folder or .keras file")
    parser.add_argument("output", type=Path, help="new .keras file")
    parser.add_argument("--spread", type=float, default=16.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.output.suffix != ".keras" or options.output.exists():
        parser.error(f"a new .keras file is expected. Received: {options.output}")
    if options.spread <= 1:
        parser.error(f"--spread must be more than 1. Received: {options.spread}")
    model = load_model(options.run)
    blocks = make_unequal(model.classifier, options.spread, options.seed)
    if not blocks:
        parser.error(f"{options.run} has no residual blocks; such as residual_small does")
    with atomic_file(options.output) as temporary:
        model.save(temporary)
    print(f"{blocks} blocks, factors from {1 / options.spread:.3g} to {options.spread:.3g}.")


if __name__ == "__main__":
    main()
