"""`keras-fer erase`."""

from pathlib import Path

import click

from keras_fer.cli.tensorflow_start import load_tensorflow


@click.command("erase")
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Prepared data set to fit and judge on.  [default: the run's own]",
)
@click.option(
    "--max-rows",
    type=click.IntRange(min=100),
    default=30_000,
    show_default=True,
    help="Training images to fit on, drawn at random where there are more.",
)
def command(run: Path, output: Path, dataset: Path | None, max_rows: int) -> None:
    """Erase the expression linearly from the non-expression representation of RUN.

    Leaves the new run folder OUTPUT, whose model has the same graph and the same expression logits.
    No linear probe finds the expression in its non-expression representation any more (LEACE, arXiv
    2306.03819); a nonlinear one may, so probe both ways.

    \b
        keras-fer erase runs/disentangle runs/erased
        keras-fer erase runs/disentangle runs/erased --dataset prepared/ferplus --max-rows 100000
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    from keras_fer.atomic import require_new_folder
    from keras_fer.data.prepared import open_prepared
    from keras_fer.training.erase import erase, require_erasable
    from keras_fer.training.run_folder import read_config

    config = read_config(run)
    require_erasable(config, run)
    require_new_folder(output)
    open_prepared(dataset or config["dataset"])
    load_tensorflow()
    result = erase(run, output, dataset, max_rows)
    click.echo(
        f"Erased {result.num_directions} of {result.width} directions, fitted on {result.num_rows:,} "
        "images of the train split."
    )
    click.echo(
        f"Balanced accuracy of a linear probe on {result.num_test:,} images of the {result.split} split: "
        f"{result.linear_before:.1%} before, {result.linear_after:.1%} after (chance {result.chance:.1%})."
    )
    click.echo(f"Report: {output / 'report.html'}")
