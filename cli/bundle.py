"""`keras-fer bundle`."""

from pathlib import Path
from typing import Any

import click

from keras_fer.cli.export_run import export_options, run_export
from keras_fer.export.recipes import RECIPES

_RECIPES = tuple(RECIPES.values())
_THREADS = (1, 2)


@click.command("bundle")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@export_options(_RECIPES)
def command(run: Path, output: Path, **options: Any) -> None:
    """Export RUN by every recipe into one folder to hand on.

    OUT is a new folder with the verified files, index.html (accuracy, size and latency of all of them), a
    model card, labels.txt, contract.json, report.json and SHA256SUMS. Latency is measured with one thread
    and with two. If a file does not keep to a limit, the exit code is 1 and nothing is kept. Three of the
    recipes train the model further, which takes minutes.

    \b
        keras-fer bundle runs/paper bundles/paper
        keras-fer bundle runs/paper bundles/small --recipe float16 --recipe static_wi8_ai8
    """
    # Loads no TensorFlow.
    from keras_fer.export.bundle import write_bundle_files

    run_export(
        run, output, _RECIPES, options, threads=_THREADS, measure_memory=True, write_more=write_bundle_files
    )
