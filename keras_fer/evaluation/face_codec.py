"""A model as two functions on arrays: pictures to representations, and representations to pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_fer.evaluation.evaluate import model_views
from keras_fer.evaluation.representation_names import (
    EXPRESSION_REPRESENTATION,
    NON_EXPRESSION_REPRESENTATION,
    RESIDUAL_REPRESENTATION,
)

# Renders, uint8 (n, size, size, 3), to arrays (n, width) by name.
Encoder = Callable[[np.ndarray], Mapping[str, np.ndarray]]
# Expression and non-expression representation, (n, width) each, to pictures in [−1, 1].
Decoder = Callable[[np.ndarray, np.ndarray], np.ndarray]
# Renders to the pictures that the decoder is to make of them.
Targets = Callable[[np.ndarray], np.ndarray]

_BATCH = 256


@dataclass(frozen=True)
class FaceCodec:
    """A frozen model; whoever judges it knows nothing else of it.

    Args:
        encode: renders to representations, among them `EXPRESSION_REPRESENTATION` and
            `NON_EXPRESSION_REPRESENTATION`.
        decode: representations to pictures, float32 `(n, size, size, channels)` in [−1, 1].
        targets: renders to the pictures that a perfect decoder makes, as `decode`.
        picture_shape: size, size and channels of the pictures.
    """

    encode: Encoder
    decode: Decoder
    targets: Targets
    picture_shape: tuple[int, int, int]


def encoder(model: Any) -> Encoder:
    """Returns the encoder of a `DisentanglingModel` or a `FactorModel`, in inference mode.

    Of several factors the non-expression representation is all that the decoder gets beside the expression:
    those of the other factors and the residual one, side by side.

    Args:
        model: the model; it sees renders of any size at its own size.

    Returns:
        A function to all representations and the pooled `face_features`, float32 `(n, width)` each.
    """
    graph, size = model.representations, model.contract.image_size

    def encode(renders: np.ndarray) -> Mapping[str, np.ndarray]:
        views = model_views(renders, renders.shape[1], size).astype(np.float32)
        found = graph.predict(views, batch_size=_BATCH, verbose=0)
        arrays = {name: np.asarray(rows, np.float32) for name, rows in found.items()}
        if NON_EXPRESSION_REPRESENTATION not in arrays:
            others = [f"{factor.name}_representation" for factor in model.factors]
            others = [
                *(name for name in others if name != EXPRESSION_REPRESENTATION),
                RESIDUAL_REPRESENTATION,
            ]
            arrays[NON_EXPRESSION_REPRESENTATION] = np.concatenate([arrays[name] for name in others], axis=1)
        return arrays

    return encode


def face_codec(model: Any) -> FaceCodec | None:
    """Returns encoder and decoder of a model, see `encoder`; None for a model without a decoder."""
    if model.decoder is None:
        return None
    from keras_fer.models.terms import pictures

    size, channels = model.decoder.output_shape[2:]

    def decode(expression: np.ndarray, non_expression: np.ndarray) -> np.ndarray:
        decoded = model.decoder.predict([expression, non_expression], batch_size=_BATCH, verbose=0)
        return np.clip(np.asarray(decoded, np.float32), -1, 1)

    def targets(renders: np.ndarray) -> np.ndarray:
        views = model_views(renders, renders.shape[1], model.contract.image_size)
        parts = [
            np.asarray(pictures(views[start : start + _BATCH].astype(np.float32), size, channels))
            for start in range(0, len(views), _BATCH)
        ]
        return np.concatenate(parts)

    return FaceCodec(encoder(model), decode, targets, (size, size, channels))
