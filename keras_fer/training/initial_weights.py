"""Starting from what another model has learned."""

import os

from keras_fer.errors import FERError
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.loading import load_model

# The parts that know faces; heads, critics and the rest belong to the labels and the objective of a run.
PARTS = ("trunk", "expression_branch")


def take_weights(model: DisentanglingModel | FactorModel, source: str | os.PathLike) -> None:
    """Copies trunk and expression branch of a trained model into a new one; all else stays as it is.

    Args:
        model: the model that training will start from.
        source: a run folder or a `.keras` file, of a model with the same backbone, image size, pooling and
            representation size. Its classes may be others.

    Raises:
        FERError: if `source` is no model of this package, or its parts have other shapes.
    """
    other = load_model(source)
    for part in PARTS:
        given, wanted = getattr(other, part).weights, getattr(model, part).weights
        if [weight.shape for weight in given] != [weight.shape for weight in wanted]:
            raise FERError(
                f"The weights of {str(source)!r} do not fit: its {part.replace('_', ' ')} has other shapes. "
                "Take `backbone`, `image_size`, `pooling` and `representation_size` from its config.json."
            )
    for part in PARTS:
        getattr(model, part).set_weights(getattr(other, part).get_weights())
