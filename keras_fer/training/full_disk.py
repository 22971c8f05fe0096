"""What a training says where there is no room for what it writes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from keras_fer.atomic import UNWRITABLE
from keras_fer.errors import FERError
from keras_fer.training.checkpoint_folder import is_unfinished, newest_checkpoint


@contextmanager
def full_disk_told(output: Path, in_temporary_folder: bool = False) -> Iterator[None]:
    """Says in a sentence that what is done within cannot write, and how to go on.

    Args:
        output: folder of the run.
        in_temporary_folder: whether this process writes there, as all of a cluster do but the chief.

    Raises:
        FERError: where the system says that a disk is full, or not to be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise _no_room(str(error.strerror), output, in_temporary_folder) from error
        raise
    except tf.errors.OpError as error:
        # Of the writer of TensorBoard's files, which has other kinds of errors.
        reasons = [os.strerror(number) for number in UNWRITABLE if os.strerror(number) in error.message]
        if not reasons:
            raise
        raise _no_room(reasons[0], output, in_temporary_folder) from error


def _no_room(reason: str, output: Path, in_temporary_folder: bool) -> FERError:
    if in_temporary_folder:
        return FERError(
            f"The temporary folder {tempfile.gettempdir()!r} cannot be written: {reason}. Make room there "
            f"or set TMPDIR to another folder; `keras-fer train --resume {output}`, started in all, "
            "goes on after the last whole epoch, if there was one."
        )
    kept = newest_checkpoint(output) if is_unfinished(output) else None
    after = (
        "nothing was kept"
        if kept is None
        else f"once there is room, `keras-fer train --resume {output}` goes on after epoch {kept.epoch + 1}"
    )
    return FERError(f"The run folder {str(output)!r} cannot be written: {reason}; {after}.")
