"""`keras-fer ablate`."""

from pathlib import Path

import click

from keras_fer.cli.tensorflow_start import require_tensorflow


@click.command("ablate")
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Prepared data set to use instead of that of CONFIG.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Trainings that run side by side, each with its share of the cores.",
)
@click.option("--summary-only", is_flag=True, help="Train nothing: sum up what is finished in OUTPUT.")
def command(config: Path, output: Path, dataset: Path | None, workers: int, summary_only: bool) -> None:
    """Compare variants of training over seeds, as the JSON or TOML file CONFIG says.

    Each variant with each seed is a run in OUTPUT/runs, judged by accuracy and fresh probes on images
    that it did not see. OUTPUT/summary.html, .md and .json have mean and spread over the seeds, and
    the paired differences to the baseline. After Ctrl-C, a crash or a power cut the same command goes
    on; what is finished is kept.

    \b
        keras-fer ablate examples/ablations/standard_faces.json ablations/standard_faces
        keras-fer ablate my.toml ablations/mine --dataset prepared/rafdb --workers 2
    """
    from keras_fer.training.ablation_config import read_ablation

    if not summary_only:
        require_tensorflow()
    settings = read_ablation(config, None if dataset is None else str(dataset))
    # The runs load TensorFlow in processes of their own; here it never does.
    from keras_fer.training.ablation import ablate, summarize
    from keras_fer.training.ablation_text import scores_text

    summary = summarize(settings, output) if summary_only else ablate(settings, output, workers, click.echo)
    click.echo(f"\n{scores_text(summary)}")
    click.echo(f"\nSummary: {output / 'summary.html'}")
