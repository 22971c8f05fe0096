"""Builds a `FactorModel` from a backbone and the factors that are known."""

from collections.abc import Sequence

from keras_fer.contract import ModelContract
from keras_fer.models import branches
from keras_fer.models.backbones import backbone as named_backbone
from keras_fer.models.factor_branches import factor_branch, factor_head
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.factors import EXPRESSION, RESIDUAL, Factor, chases, require_factors
from keras_fer.models.normalization import StandardizedGray
from keras_fer.models.objective import Objective, preset


def factor_model(
    backbone,
    factors: Sequence[Factor],
    *,
    image_size: int | None = None,
    objective: str | Objective = "disentangle",
    decorrelated: str = RESIDUAL,
    label_names=None,
    residual_size: int = 64,
    residual_hidden_size: int = 512,
    pooling: str = "average",
    dropout: float = 0.0,
    decoder_width: int = 8,
    contract: ModelContract | None = None,
    name: str = "factor_model",
) -> FactorModel:
    """Builds trunk, branches, heads and critics as one functional graph.

    For N factors there are N² pairs of a representation and a factor that is not its own, with `num_critics`
    critics each, which all take `critic_steps` steps per step of the encoder: with three factors and the
    27 critics of `disentangle` they cost more than a small trunk. The bank holds `bank_size` rows of all
    sizes together, beside face features or all widths.

    Args:
        backbone: a name of `keras_fer.models.backbones.BACKBONES`, or a `keras.Model` from images,
            shape `(batch, height, width, 3)`, values in [0, 255], to face features
            `(batch, rows, columns, channels)`.
        factors: what is known; a categorical one called `expression` must be among them.
        image_size: height and width of the images, pixels; needed where `backbone` is a name.
        objective: a preset's name or an `Objective`; what is said of single factors must stand in
            these, see `require_factors`. What the modes mean for values: `factor_losses.adversarial`.
        decorrelated: which representations the decorrelation is of, `"residual"` or `"all"`.
        label_names: names of the expressions, kept in the contract of the model.
        residual_size: width of the residual representation.
        residual_hidden_size: width of the hidden layer of its branch.
        pooling: of the expression branch, `"average"` or `"flatten"`; those of the other factors keep the
            positions.
        dropout: in the branches of the factors.
        decoder_width: channels of the decoder's last hidden layer.
        contract: what the model expects of its input; None makes one from names and size.
        name: of the model.

    Returns:
        A `FactorModel`; see there for its outputs and what `fit` takes.

    Raises:
        ValueError: if the number of names is not that of the expressions, or a name needs an image size.
        FERError: if there is no such backbone or preset, or the factors cannot be used.

    Example:
        >>> pose = np.stack([dataset.factors[name] for name in ("yaw", "pitch", "roll")], axis=1)
        >>> factors = [
        ...     Factor("expression", "categorical", 8, width=128),
        ...     Factor("identity", "categorical", 200),
        ...     continuous_factor("pose", pose[dataset.indices("train")]),
        ... ]
        >>> model = factor_model("residual_small", factors, image_size=48, objective="disentangle")
        >>> model.compile(optimizer="adam")
        >>> model.fit(images, {"expression": labels, "identity": identities, "pose": pose}, epochs=10)
    """
    if isinstance(objective, str):
        objective = preset(objective)
    require_factors(factors, objective)
    (num_expressions,) = (factor.size for factor in factors if factor.name == EXPRESSION)
    if contract is not None:
        label_names = contract.label_names
    if label_names is not None and len(label_names) != num_expressions:
        raise ValueError(
            "The factor `expression` must have as many classes as there are `label_names`. "
            f"Received: size={num_expressions}, label_names={label_names}"
        )
    if isinstance(backbone, str):
        if image_size is None:
            raise ValueError("A backbone by name needs an image size. Received: image_size=None")
        trunk = named_backbone(backbone, image_size)
    else:
        trunk = backbone
    if label_names is not None and contract is None:
        contract = ModelContract(label_names=tuple(label_names), image_size=trunk.input_shape[1])
    features_shape = trunk.output_shape[1:]
    shaped = {chase.source for chase in chases(factors)} if objective.has_critics else set()
    if decorrelated == "all" and objective.decorrelation_weight:
        shaped |= {factor.name for factor in factors}
    return FactorModel(
        trunk,
        {
            factor.name: factor_branch(
                features_shape,
                factor,
                is_shaped=factor.name in shaped,
                pooling=pooling if factor.name == EXPRESSION else "flatten",
                dropout=dropout,
            )
            for factor in factors
        },
        {factor.name: factor_head(factor) for factor in factors},
        branches.non_expression_branch(features_shape, residual_size, residual_hidden_size),
        factors,
        decoder=_decoder(trunk, factors, residual_size, decoder_width) if objective.has_decoder else None,
        objective=objective,
        decorrelated=decorrelated,
        contract=contract,
        name=name,
    )


def _decoder(trunk, factors: Sequence[Factor], residual_size: int, width: int):
    gray = any(isinstance(layer, StandardizedGray) for layer in trunk.layers)
    (expression_size,) = (factor.width for factor in factors if factor.name == EXPRESSION)
    return branches.decoder(
        expression_size,
        sum(factor.width for factor in factors) - expression_size + residual_size,
        branches.reconstruction_size(trunk.input_shape[1]),
        channels=1 if gray else 3,
        width=width,
    )
