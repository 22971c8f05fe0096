"""`keras-fer calibrate`."""

from pathlib import Path

import click

from keras_fer.cli.tensorflow_start import load_tensorflow


@click.command("calibrate")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Prepared data set to fit and judge on.  [default: the run's own]",
)
@click.option(
    "--split",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="Split to fit on; what is then reported of the same split is optimistic.",
)
@click.option(
    "--certain-accuracy",
    type=click.FloatRange(0, 1, min_open=True),
    help="Choose the threshold under which answers read uncertain so that this share of the others is right; "
    "default: no threshold.",
)
def command(run: Path, dataset: Path | None, split: str, certain_accuracy: float | None) -> None:
    """Make the probabilities of RUN mean what they say.

    The temperature (arXiv 1706.04599) is fitted on a split that training did not see and stored in the
    model of the run; files that are exported afterwards apply it in their graph. Which expression is the
    most probable stays, and so does the accuracy. With --certain-accuracy, predict and every exported file
    mark answers uncertain whose probability is too small. The report of the run shows both.

    \b
        keras-fer calibrate runs/baseline
        keras-fer calibrate runs/baseline --certain-accuracy 0.95
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.training.calibrate import calibrate, require_calibratable
    from keras_fer.training.run_folder import judged_dataset

    config = require_calibratable(run)
    open_prepared(dataset or judged_dataset(config))
    load_tensorflow()
    result = calibrate(run, dataset, split, certain_accuracy)
    click.echo(
        f"Temperature {result.temperature:.3f}, fitted on {result.num_images:,} images of the {result.split} "
        "split."
    )
    click.echo(
        f"Expected calibration error on the {result.judged_split} split: {result.error_before:.2%} before, "
        f"{result.error_after:.2%} after."
    )
    if certain_accuracy is not None:
        click.echo(
            f"Answers below {result.uncertain_below:.3f} read uncertain: on the {result.judged_split} split "
            f"{result.coverage:.1%} are answered, {result.accuracy:.1%} of them rightly."
        )
    click.echo(
        f"Report: {run / 'report.html'}. Files that were exported before are not calibrated: export again."
    )
