"""`keras-fer probe`."""

import json
from pathlib import Path
from typing import Literal

import click

from keras_fer.cli.output_folder import require_writable
from keras_fer.cli.output_format import format_option
from keras_fer.cli.progress import stage_bars
from keras_fer.cli.tensorflow_start import load_tensorflow

# `keras_fer.evaluation.factors.FACTOR_CHOICES`, repeated because that module needs NumPy; a test keeps
# them equal.
FACTOR_CHOICES = ("headline", "all", "expression")


@click.command("probe")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("dataset", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option(
    "--representation",
    "representations",
    multiple=True,
    metavar="NAME",
    help="Probe this representation, such as non_expression_representation; may be repeated.  [default: all]",
)
@click.option(
    "--factors",
    "factor_choice",
    type=click.Choice(FACTOR_CHOICES),
    default="headline",
    show_default=True,
    help="What to look for: expression, identity, pose, light, skin tone and glasses, as far as they are "
    "known; everything that is known; or the expression alone.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Probes of each kind; floors get one.",
)
@click.option(
    "--max-rows",
    type=click.IntRange(min=10),
    default=30_000,
    show_default=True,
    help="The most images to learn from, and the most to be judged on. Probes on few images find less.",
)
@click.option("--no-floors", is_flag=True, help="Leave out the untrained network and the raw pixels.")
@format_option("What to print.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for probes.json and probes.html.  [default: RUN]",
)
def command(
    run: Path,
    dataset: Path | None,
    representations: tuple[str, ...],
    factor_choice: Literal["headline", "all", "expression"],
    seeds: int,
    max_rows: int,
    no_floors: bool,
    output_format: str,
    output: Path | None,
) -> None:
    """Measure which factors the representations of RUN tell.

    RUN is a run folder or a .keras file; DATASET is a prepared data set, by default that of the run.
    Fresh linear and MLP probes look for every factor in every representation, on images that the
    encoder did not learn from, beside an untrained network, raw pixels and shuffled labels. The result
    is the leakage matrix, with intervals over people, as probes.json and as the page probes.html; the
    run's report.html shows it too.

    \b
        keras-fer probe runs/disentangle
        keras-fer probe runs/disentangle prepared/synthetic --factors all --seeds 5
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.evaluation.factors import dataset_factors

    folder = _output_folder(run, output)
    _require_known(run, representations)
    images = open_prepared(dataset if dataset is not None else _dataset_of(run))
    factors = dataset_factors(images, factor_choice)

    load_tensorflow()
    from keras_fer.evaluation.leakage_files import PROBES_PAGE, write_matrix
    from keras_fer.evaluation.leakage_matrix import measure_matrix, model_sources
    from keras_fer.evaluation.leakage_table import leakage_table
    from keras_fer.models.loading import load_model
    from keras_fer.training.finish import rewrite_report

    model = load_model(run)
    name = run.resolve().stem if run.is_file() else run.resolve().name
    with stage_bars() as progress:
        matrix = measure_matrix(
            model_sources(model, name, representations or None, floors=not no_floors),
            images,
            model.contract.image_size,
            factors,
            seeds=range(seeds),
            max_rows=max_rows,
            progress=progress,
        )
    click.echo(json.dumps(matrix.to_dict()) if output_format == "json" else leakage_table(matrix))
    if folder is None:
        click.echo("Nothing was written: a .keras file is no folder, name one with --output.", err=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_matrix(folder, matrix)
    click.echo(f"Open {folder / PROBES_PAGE} in a browser.", err=True)
    if folder.resolve() == run.resolve() and rewrite_report(run, model):
        click.echo("The run's report.html shows it too.", err=True)


def _output_folder(run: Path, output: Path | None) -> Path | None:
    """Returns where to write; None for a model file without a folder."""
    if output is None and not run.is_dir():
        return None
    folder = run if output is None else output
    require_writable(folder)
    return folder


def _require_known(run: Path, representations: tuple[str, ...]) -> None:
    """Refuses names that no model of the expression alone has; what others have only they can tell."""
    from keras_fer.errors import FERError
    from keras_fer.evaluation.representation_names import REPRESENTATIONS
    from keras_fer.training.run_folder import CONFIG, read_config

    if not representations or not (run / CONFIG).is_file() or read_config(run).get("factors"):
        return
    if unknown := [name for name in representations if name not in REPRESENTATIONS]:
        raise FERError(
            f"The run has no representation {unknown[0]!r}. There are: {', '.join(REPRESENTATIONS)}."
        )


def _dataset_of(run: Path) -> Path:
    """Returns the data set that a run was trained on."""
    from keras_fer.errors import FERError
    from keras_fer.training.run_folder import read_config

    if run.is_file():
        raise FERError(
            f"{str(run)!r} does not say what it was trained on; name a prepared data set after it."
        )
    dataset = Path(read_config(run)["dataset"])
    if not dataset.is_dir():
        raise FERError(
            f"The data set {str(dataset)!r} of {str(run)!r} is gone; name where it is now, or another one."
        )
    return dataset
