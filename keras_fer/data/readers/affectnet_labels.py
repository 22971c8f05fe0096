"""The expression ids of AffectNet and how its copies write them."""

from keras_fer.data.readers import reasons
from keras_fer.labels import EXPRESSIONS_8, canonical_expression

NOT_EXPRESSIONS = ("none", "uncertain", "no-face")
AFFECTNET_CLASSES = (*EXPRESSIONS_8, *NOT_EXPRESSIONS)


def affectnet_class(text: str) -> str | None:
    """Returns the class that an id (`"3"`, `"3.0"`) or a name means, one of `AFFECTNET_CLASSES`, or None."""
    text = text.strip().lower().replace("_", "-").replace(" ", "-")
    if text in NOT_EXPRESSIONS:
        return text
    digits = text.removesuffix(".0")
    if digits.isascii() and digits.isdigit() and len(digits) <= 3:
        return AFFECTNET_CLASSES[int(digits)] if int(digits) < len(AFFECTNET_CLASSES) else None
    return canonical_expression(text)


def affectnet_label(text: str, label_names: tuple[str, ...]) -> tuple[int, str | None]:
    """Returns the label that an annotation means, or −1 and the reason to drop it."""
    name = affectnet_class(text)
    if name is None:
        return -1, reasons.MALFORMED_LABEL
    return (label_names.index(name), None) if name in label_names else (-1, reasons.OUTSIDE_TAXONOMY)
