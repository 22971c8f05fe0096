"""One thing that is fuzzed, and what counts as a finding.

A target may end in a `FERError`; any other exception is a finding, and so is an invariant that does not
hold. Targets need no atheris: the tests run each over its corpus.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from mutators import Mutate, Mutator

from keras_fer.errors import FERError

Run = Callable[[bytes, Path], None]


@dataclasses.dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Args:
        run: takes the input and a folder of its own, which `setup` has filled.
        parsers: what it covers, in words.
        setup: fills the folder, once.
        mutator: makes a mutator from libFuzzer's own; None for that alone.
        max_bytes: largest input.
    """

    run: Run
    parsers: str
    setup: Callable[[Path], None] = lambda folder: None
    mutator: Callable[[Mutate], Mutator] | None = None
    max_bytes: int = 8192


def checked(run: Run, data: bytes, folder: Path) -> FERError | None:
    """Runs a target on one input; returns the error that the input ended in, which must be one sentence."""
    try:
        run(data, folder)
    except FERError as error:
        message = str(error)
        if not message.isprintable() or len(message) > 4000:
            raise AssertionError(f"not one readable sentence: {message[:400]!r}") from error
        return error
    return None


def require(holds: bool, what: object) -> None:
    """Makes an invariant that does not hold a finding."""
    if not holds:
        raise AssertionError(repr(what))
