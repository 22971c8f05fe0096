"""The model of a run on several factors."""

from collections.abc import Sequence

import numpy as np

from keras_fer.contract import ModelContract
from keras_fer.data.prepared import PreparedDataset
from keras_fer.models.factor_building import factor_model
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.factors import EXPRESSION, Factor, without_expression
from keras_fer.models.objective import Objective
from keras_fer.training.batches import training_rows
from keras_fer.training.config import TrainingConfig
from keras_fer.training.known_factors import KnownFactors, known_factors


def factors_of_run(
    config: TrainingConfig, dataset: PreparedDataset, mixed: PreparedDataset | None = None
) -> KnownFactors:
    """Returns the factors and targets that a config asks for.

    Args:
        config: of the run; without `factors` there are none.
        dataset: whose training split is an epoch.
        mixed: the data set that gives the other rows of each batch.

    Raises:
        FERError: if no data set knows a factor, or it is the same on all training images.
    """
    sources = [dataset] if mixed is None else [dataset, mixed]
    shares = [config.batch_size - config.mixed_rows, config.mixed_rows][: len(sources)]
    rows = training_rows(dataset, mixed)
    return known_factors(config.factors or (), sources, rows, shares, width=config.non_expression_size)


def build_factor_model(
    config: TrainingConfig,
    objective: Objective,
    contract: ModelContract,
    prior: Sequence[float] | np.ndarray,
    known: KnownFactors,
) -> FactorModel:
    """Builds the model of a run.

    What an objective says of the expression alone becomes fields of that factor.

    Args:
        config: of the run.
        objective: of the run.
        contract: what the model expects of its input.
        prior: class shares of the expressions that the sampler delivers.
        known: the other factors.
    """
    expression = Factor(
        EXPRESSION,
        "categorical",
        len(contract.label_names),
        weight=objective.expression_weight,
        width=config.representation_size,
        label_smoothing=objective.label_smoothing,
        class_weights=objective.class_weights,
        class_prior=objective.class_prior or tuple(float(share) for share in prior),
    )
    return factor_model(
        config.backbone,
        [expression, *known.factors],
        image_size=contract.image_size,
        objective=without_expression(objective),
        contract=contract,
        residual_size=config.non_expression_size,
        residual_hidden_size=config.non_expression_hidden_size,
        pooling=config.pooling,
        dropout=config.dropout,
    )
