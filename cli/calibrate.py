"""`keras-fer calibrate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from keras_fer.cli.tensorflow_start import load_tensorflow

if TYPE_CHECKING:
    from keras_fer.training.calibrate import CalibrationResult

# A growth of the calibration error that is no rounding.
_NOTICEABLE = 0.0005


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
@click.option(
    "--logit-adjustment",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Favour rare expressions: 0 aims at accuracy, 1 at the mean recall of the expressions.",
)
@click.option(
    "--remove", is_flag=True, help="Take away what an earlier call stored; nothing is fitted or chosen."
)
@click.pass_context
def command(
    context: click.Context,
    run: Path,
    dataset: Path | None,
    split: str,
    certain_accuracy: float | None,
    logit_adjustment: float,
    remove: bool,
) -> None:
    """Make the probabilities of RUN mean what they say.

    The temperature (arXiv 1706.04599) is fitted on a split that training did not see and stored in the
    model of the run; files that are exported afterwards apply it in their graph. Which expression is the
    most probable stays, and so does the accuracy, without --logit-adjustment: that answers rare expressions
    more often, and frequent ones less (arXiv 2007.07314). With --certain-accuracy, predict and every
    exported file mark answers uncertain whose probability is too small. The report of the run shows it all.

    \b
        keras-fer calibrate runs/baseline
        keras-fer calibrate runs/baseline --certain-accuracy 0.95
        keras-fer calibrate runs/baseline --logit-adjustment 0.1
        keras-fer calibrate runs/baseline --remove
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.training.calibrate import calibrate, remove_calibration, require_calibratable
    from keras_fer.training.run_folder import judged_dataset

    if remove and any(
        context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        for name in ("split", "certain_accuracy", "logit_adjustment")
    ):
        raise click.UsageError("--remove takes the calibration away: leave out what says how to calibrate.")
    config = require_calibratable(run)
    open_prepared(dataset or judged_dataset(config))
    load_tensorflow()
    if remove:
        remove_calibration(run, dataset)
        click.echo(f"{click.format_filename(run)} is as it was before it was calibrated.")
    else:
        result = calibrate(run, dataset, split, certain_accuracy, logit_adjustment)
        if logit_adjustment:
            _show_adjustment(result)
        _show(result, certain_accuracy, run)
    click.echo(
        f"Report: {run / 'report.html'}. Files that were exported before are as they were: export again."
    )


def _show_adjustment(result: "CalibrationResult") -> None:
    changes = zip(result.accuracies, result.balanced_accuracies, strict=True)
    before, after = (f"{plain:.2%} (balanced {balanced:.2%})" for plain, balanced in changes)
    click.echo(
        f"Accuracy on the {result.judged_split} split: {before} before the adjustment, {after} after it."
    )


def _show(result: "CalibrationResult", certain_accuracy: float | None, run: Path) -> None:
    click.echo(
        f"Temperature {result.temperature:.3f}, fitted on {result.num_images:,} images of the {result.split} "
        "split."
    )
    click.echo(
        f"Expected calibration error on the {result.judged_split} split: {result.error_before:.2%} without "
        f"it, {result.error_after:.2%} with it."
    )
    if result.error_after > result.error_before + _NOTICEABLE:
        click.echo(
            f"Warning: it grew there. {result.num_images:,} images may be too few, or other ones, to fit on; "
            f"`keras-fer calibrate {click.format_filename(run)} --remove` takes the temperature away.",
            err=True,
        )
    if result.at_bound:
        click.echo(
            "Warning: the temperature is at the end of its range. The answers say next to nothing of the "
            "labels there, or everything; look at the accuracy first.",
            err=True,
        )
    if certain_accuracy is not None and not result.uncertain_below:
        click.echo(f"No answer reads uncertain: more than {certain_accuracy:.1%} of all are right.")
    elif certain_accuracy is not None:
        click.echo(
            f"Answers below {result.uncertain_below:.3f} read uncertain: on the {result.judged_split} split "
            f"{result.coverage:.1%} are answered, {result.accuracy:.1%} of them rightly."
        )
