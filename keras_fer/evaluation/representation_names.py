"""The names of the representations in results and files, and how they are written for people."""

from collections.abc import Collection

EXPRESSION_REPRESENTATION = "expression_representation"
NON_EXPRESSION_REPRESENTATION = "non_expression_representation"
# What a model of several factors calls the one that is meant to hold none of them.
RESIDUAL_REPRESENTATION = "residual_representation"
FACE_FEATURES = "face_features"
# Those that every model of the expression alone can have; the one that probes are about first.
REPRESENTATIONS = (NON_EXPRESSION_REPRESENTATION, EXPRESSION_REPRESENTATION, FACE_FEATURES)


def non_expression_name(names: Collection[str]) -> str:
    """Returns which representation of a model is meant to hold no expression.

    Args:
        names: the representations of the model.
    """
    residual = RESIDUAL_REPRESENTATION in names and NON_EXPRESSION_REPRESENTATION not in names
    return RESIDUAL_REPRESENTATION if residual else NON_EXPRESSION_REPRESENTATION


def short_name(representation: str) -> str:
    """Returns a representation's name for people, such as `"non-expression"`."""
    name = representation.removesuffix("_representation").replace("_", " ")
    return name.replace("non expression", "non-expression")
