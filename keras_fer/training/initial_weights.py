"""Starting from what another model has learned."""

import os
from collections.abc import Sequence
from pathlib import Path

from keras_fer.errors import FERError
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.loading import load_model
from keras_fer.training.logit_adjustment import take_back_adjustment
from keras_fer.training.run_folder import CONFIG, read_config

# The parts that know faces; heads, critics and the rest belong to the labels and the objective of a run.
PARTS = ("trunk", "expression_branch")
CLASSIFIER = (*PARTS, "expression_head")


def take_weights(model: DisentanglingModel | FactorModel, source: str | os.PathLike) -> None:
    """Copies trunk and expression branch of a trained model into a new one; all else stays as it is.

    Args:
        model: the model that training will start from.
        source: a run folder or a `.keras` file, of a model with the same backbone, image size, pooling and
            representation size. Its classes may be others.

    Raises:
        FERError: if `source` is no model of this package, or its parts have other shapes.
    """
    _take(model, load_model(source), source, PARTS)


def _take(
    model: DisentanglingModel | FactorModel,
    other: DisentanglingModel | FactorModel,
    source: str | os.PathLike,
    parts: Sequence[str],
) -> None:
    for part in parts:
        given, wanted = getattr(other, part).weights, getattr(model, part).weights
        if [weight.shape for weight in given] != [weight.shape for weight in wanted]:
            raise FERError(
                f"The weights of {str(source)!r} do not fit: its {part.replace('_', ' ')} has other shapes. "
                "Take `backbone`, `image_size`, `pooling` and `representation_size` from its config.json."
            )
    for part in parts:
        getattr(model, part).set_weights(getattr(other, part).get_weights())


def take_classifier(model: DisentanglingModel, source: str | os.PathLike) -> None:
    """Copies trunk, expression branch and head of a trained model, statistics too, into a new one.

    Args:
        model: the model that training will start from.
        source: as in `take_weights`, with the same classes in the same order.

    Raises:
        FERError: as in `take_weights`, or if the classes are others.
    """
    other, run = load_model(source), Path(source)
    if (run / CONFIG).is_file():
        # It is kept as it was trained: the temperature of a calibrated run is not taken over either.
        take_back_adjustment(other, read_config(run))
    names = other.contract.label_names
    if tuple(names) != tuple(model.contract.label_names):
        raise FERError(
            f"A frozen classifier keeps its classes, and {str(source)!r} has others: {', '.join(names)}. "
            f"The data set has {', '.join(model.contract.label_names)}."
        )
    _take(model, other, source, CLASSIFIER)


def freeze_classifier(model: DisentanglingModel) -> None:
    """Lets training leave the classifier as it is; to be called before `compile`.

    The non-expression branch, the decoder and the critics learn; accuracy and face features stay.
    """
    for part in CLASSIFIER:
        getattr(model, part).trainable = False
