"""Comparisons of what was found in an exported file with what it must keep to."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What a file must keep to; the numbers compare it with the Keras model on the same images.

    Args:
        float32_difference: largest difference of any probability, for `float32`.
        float16_difference: the same for `float16`.
        agreement: smallest share of images with the same answer, for files with other weights: int8, pruned,
            clustered.
        accuracy_loss: largest loss of accuracy, as a share (0.01 is one point), where labels are known.
        representation_similarity: smallest mean cosine between the expression representations, for the same
            files, where the representation is exported.
    """

    float32_difference: float = 1e-4
    float16_difference: float = 1e-2
    agreement: float = 0.97
    accuracy_loss: float = 0.01
    representation_similarity: float = 0.95


@dataclass(frozen=True)
class Check:
    """One comparison.

    Args:
        name: what is compared.
        value: what was found.
        rule: `"at most"`, `"at least"` or `"equal to"`.
        limit: what it is compared with.
        passed: whether it holds; what is not a number never does.
    """

    name: str
    value: Any
    rule: str
    limit: Any
    passed: bool

    def __str__(self) -> str:
        return f"{self.name} is {_readable(self.value)}, must be {self.rule} {_readable(self.limit)}"


def at_most(name: str, value: float, limit: float) -> Check:
    """Returns the check that a number is not larger than a limit."""
    return Check(name, value, "at most", limit, bool(value <= limit))


def at_least(name: str, value: float, limit: float) -> Check:
    """Returns the check that a number is not smaller than a limit."""
    return Check(name, value, "at least", limit, bool(value >= limit))


def equal(name: str, found: Any, expected: Any) -> Check:
    """Returns the check that two values are equal, with both of them in it."""
    return Check(name, found, "equal to", expected, found == expected)


def as_written(name: str, found: Any, expected: Any) -> Check:
    """Returns the check that something large reads back as it was written; it is shown only if not."""
    if found == expected:
        return Check(name, "as written", "equal to", "as written", True)
    return Check(name, str(found), "equal to", str(expected), False)


def _readable(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
