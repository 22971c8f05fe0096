"""Builds a `DisentanglingModel` from a backbone and an objective."""

from keras_fer.contract import ModelContract
from keras_fer.models import branches
from keras_fer.models.backbones import backbone as named_backbone
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.normalization import StandardizedGray
from keras_fer.models.objective import Objective, preset


def disentangling_model(
    backbone,
    num_expressions: int | None = None,
    *,
    image_size: int | None = None,
    objective: str | Objective = "paper",
    label_names=None,
    representation_size: int = 128,
    non_expression_size: int = 64,
    non_expression_hidden_size: int = 512,
    pooling: str = "average",
    dropout: float = 0.0,
    decoder_width: int = 8,
    contract: ModelContract | None = None,
    name: str = "disentangling_model",
) -> DisentanglingModel:
    """Builds trunk, branches and critics as one functional graph.

    Args:
        backbone: a name of `keras_fer.models.backbones.BACKBONES`, or a `keras.Model` from images,
            shape `(batch, height, width, 3)`, values in [0, 255], to face features
            `(batch, rows, columns, channels)`.
        num_expressions: number of expression categories, at least 2; None takes that of the names.
        image_size: height and width of the images, pixels; needed where `backbone` is a name.
        objective: a preset's name or an `Objective`; decides which parts are built.
        label_names: names of the expressions, kept in the contract of the model.
        representation_size: width of the expression representation.
        non_expression_size: width of the non-expression representation.
        non_expression_hidden_size: width of the hidden layer of its branch.
        pooling: of the expression branch, `"average"` or `"flatten"`.
        dropout: in the expression branch.
        decoder_width: channels of the decoder's last hidden layer.
        contract: what the model expects of its input; None makes one from names and size.
        name: of the model.

    Returns:
        A `DisentanglingModel`; see there for its outputs and what `fit` takes.

    Raises:
        ValueError: if `num_expressions` is less than 2 or disagrees with the names.
        FERError: if there is no such backbone or preset.

    Example:
        >>> model = disentangling_model("residual_small", 8, image_size=48, objective="disentangle")
        >>> model.compile(optimizer="adam")
        >>> model.fit(dataset, epochs=10, callbacks=[keras.callbacks.TensorBoard()])
    """
    if isinstance(objective, str):
        objective = preset(objective)
    if contract is not None:
        label_names = contract.label_names
    if num_expressions is None:
        num_expressions = len(label_names or ())
    if num_expressions < 2 or (label_names is not None and len(label_names) != num_expressions):
        raise ValueError(
            "`num_expressions` must be at least 2, since with a single category there is nothing to "
            "disentangle, and equal to the number of `label_names`. "
            f"Received: num_expressions={num_expressions}, label_names={label_names}"
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
    decoder = None
    if objective.has_decoder:
        gray = any(isinstance(layer, StandardizedGray) for layer in trunk.layers)
        decoder = branches.decoder(
            representation_size,
            non_expression_size,
            branches.reconstruction_size(trunk.input_shape[1]),
            channels=1 if gray else 3,
            width=decoder_width,
        )
    wants_head = objective.valence_arousal_weight > 0
    return DisentanglingModel(
        trunk,
        branches.expression_branch(features_shape, representation_size, pooling, dropout),
        branches.expression_head(representation_size, num_expressions),
        branches.non_expression_branch(features_shape, non_expression_size, non_expression_hidden_size),
        decoder=decoder,
        valence_arousal_head=branches.valence_arousal_head(representation_size) if wants_head else None,
        objective=objective,
        contract=contract,
        name=name,
    )
