"""Opens a TFLite model in LiteRT, and says in one sentence why one cannot be run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from keras_fer.errors import FERError


def opened_interpreter(
    model: Path | bytes,
    num_threads: int,
    problem: str,
    remedy: str = "",
    prepare: Callable[[Any], None] | None = None,
) -> Any:
    """Returns the LiteRT interpreter of a model, ready for its input.

    Args:
        model: the file, or its content.
        num_threads: CPU threads, at least 1.
        problem: begin of the sentence for a model that cannot be run, such as `"'a.tflite' is not a TFLite
            model that can be run"`; what LiteRT says follows.
        remedy: end of the sentence.
        prepare: what else is done with the interpreter, and fails with the same sentence.

    Raises:
        FERError: if LiteRT cannot run it.
    """
    # Loading LiteRT takes 0.1 s, which commands that only ask for the contract do not need.
    from ai_edge_litert.interpreter import Interpreter

    source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
    try:
        interpreter = Interpreter(**source, num_threads=num_threads)
        interpreter.allocate_tensors()
        # Of damaged files they may fail as well; after this they do not.
        interpreter.get_input_details()
        interpreter.get_output_details()
        if prepare is not None:
            prepare(interpreter)
    except Exception as error:
        # LiteRT raises ValueError, RuntimeError or IndexError on what is no model, by the kind of damage.
        reason = " ".join(str(error).split())
        raise FERError(f"{problem}: {reason}{remedy}") from error
    return interpreter
