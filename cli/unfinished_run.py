"""What commands say that take a model whose training has not ended."""

from pathlib import Path

import click


def warn_if_unfinished(model: Path) -> None:
    """Says on stderr that the best model so far is taken, where `model` is an unfinished run."""
    # Needs NumPy, which `keras-fer --help` does without.
    from keras_fer.training.checkpoint_folder import is_unfinished

    if is_unfinished(model):
        name = click.format_filename(model)
        click.echo(
            f"The training of {name} has not ended: this is its best model so far. `keras-fer train --resume "
            f"{name}` goes on with it, with --finish it ends.",
            err=True,
        )
