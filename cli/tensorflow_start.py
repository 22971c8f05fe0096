"""Loads TensorFlow without the notes that its C++ part writes at start."""

import os
import sys
import tempfile
import warnings
from importlib.util import find_spec

import click


def _missing(name: str) -> click.ClickException:
    return click.ClickException(
        f"This command needs TensorFlow, and {name!r} is not installed: "
        "in a checkout of this project, `pip install '.[train,export]'` installs it."
    )


def require_tensorflow() -> None:
    """Refuses where TensorFlow is not installed; does not load it.

    Raises:
        ClickException: if there is none.
    """
    for name in ("tensorflow", "keras"):
        if find_spec(name) is None:
            raise _missing(name)


def load_tensorflow() -> None:
    """Imports TensorFlow and looks for devices with stderr held back; an error brings it along.

    Afterwards warnings of this package are shown as one line, without the line of code they come from.

    Raises:
        ClickException: if TensorFlow is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # By itself TensorFlow takes its faster convolutions only where the processor has AVX-512 VNNI or more.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        except ModuleNotFoundError as error:
            raise _missing(str(error.name)) from error
        except Exception as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    tf.get_logger().setLevel("ERROR")
    warnings.showwarning = _show_warning


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    if category.__module__.startswith("keras_fer"):
        click.echo(f"Warning: {message}", err=True)
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))
