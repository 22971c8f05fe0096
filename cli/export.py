"""`keras-fer export`."""

from pathlib import Path
from typing import Any

import click

from keras_fer.cli.export_run import export_options, run_export
from keras_fer.export.recipes import DEFAULT_RECIPES


@click.command("export")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@export_options(DEFAULT_RECIPES)
def command(model: Path, output: Path, **options: Any) -> None:
    """Export the expression branch of MODEL to verified TFLite and ONNX files.

    MODEL is a run folder or a .keras file. OUT is a new folder with one file per recipe, each with labels,
    normalisation and contract in it, and report.json with every number. Every file is compared with the
    Keras model; if one does not keep to a limit, the exit code is 1 and nothing is kept.

    \b
        keras-fer export runs/paper exported/paper
        keras-fer export runs/paper exported/int8 --recipe static_wi8_ai8 --calibration-images 200
    """
    run_export(model, output, DEFAULT_RECIPES, options)
