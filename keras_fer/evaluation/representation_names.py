"""The names of the representations in results and files, and how they are written for people."""

EXPRESSION_REPRESENTATION = "expression_representation"
NON_EXPRESSION_REPRESENTATION = "non_expression_representation"
# What a model of several factors calls the one that is meant to hold none of them.
RESIDUAL_REPRESENTATION = "residual_representation"
FACE_FEATURES = "face_features"
# Those that every model of the expression alone can have; the one that probes are about first.
REPRESENTATIONS = (NON_EXPRESSION_REPRESENTATION, EXPRESSION_REPRESENTATION, FACE_FEATURES)


def short_name(representation: str) -> str:
    """Returns a representation's name for people, such as `"non-expression"`."""
    name = representation.removesuffix("_representation").replace("_", " ")
    return name.replace("non expression", "non-expression")
