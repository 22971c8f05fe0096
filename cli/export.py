"""`keras-fer export`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.errors import FERError
from keras_fer.export.recipes import DEFAULT_RECIPES, RECIPES

if TYPE_CHECKING:
    from keras_fer.export.export import ExportReport


@click.command("export")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    "recipes",
    type=click.Choice(list(RECIPES)),
    multiple=True,
    help=f"What to write; repeat it for several.  [default: {', '.join(r.name for r in DEFAULT_RECIPES)}]",
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Prepared data set to calibrate and verify on.  [default: the one MODEL was trained on]",
)
@click.option(
    "--calibration-images",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Images of the training split that int8 ranges come from.",
)
@click.option(
    "--verification-images",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Images of the test split, at most, that files and Keras model are compared on.",
)
@click.option(
    "--agreement",
    type=click.FloatRange(0, 1),
    default=0.97,
    show_default=True,
    help="Limit: share of images with the same answer, int8.",
)
@click.option(
    "--accuracy-loss",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Limit: loss of accuracy, as a share.",
)
@click.option(
    "--float32-difference",
    type=click.FloatRange(min=0),
    default=1e-4,
    show_default=True,
    help="Limit: difference of any probability, float32.",
)
@click.option(
    "--float16-difference",
    type=click.FloatRange(min=0),
    default=1e-2,
    show_default=True,
    help="Limit: difference of any probability, float16.",
)
@click.option("--keep-failed", is_flag=True, help="Keep the folder when a check fails.")
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the choice of images."
)
def command(
    model: Path,
    output: Path,
    recipes: tuple[str, ...],
    dataset: Path | None,
    calibration_images: int,
    verification_images: int,
    keep_failed: bool,
    seed: int,
    **limits: float,
) -> None:
    """Export the expression branch of MODEL to verified TFLite files.

    MODEL is a run folder or a .keras file. OUT is a new folder with one file per recipe, each with labels,
    normalisation and contract in it, and report.json with every number. Every file is compared with the
    Keras model; if one does not keep to a limit, the exit code is 1 and nothing is kept.

    \b
        keras-fer export runs/paper exported/paper
        keras-fer export runs/paper exported/int8 --recipe static_wi8_ai8 --calibration-images 200
    """
    # Refused before TensorFlow loads, which takes seconds.
    from keras_fer.atomic import require_new_folder
    from keras_fer.data.prepared import open_prepared

    require_new_folder(output)
    prepared = open_prepared(dataset or _dataset_of_run(model))
    load_tensorflow()
    from keras_fer.export.dataset_images import image_sample
    from keras_fer.export.export import ExportFailedError, export
    from keras_fer.export.verify import Limits
    from keras_fer.models.loading import load_model

    trained = load_model(model)
    contract = trained.contract
    calibration = image_sample(prepared, contract, ("train", "validation"), calibration_images, seed)
    verification = image_sample(prepared, contract, ("test", "validation"), verification_images, seed)
    try:
        report = export(
            trained.classifier,
            contract,
            output,
            images=verification.images,
            labels=verification.labels,
            calibration_images=calibration.images,
            recipes=[RECIPES[name] for name in dict.fromkeys(recipes)] or DEFAULT_RECIPES,
            limits=Limits(**limits),
            calibration=calibration.facts,
            verification=verification.facts,
            keep_failed=keep_failed,
        )
    except ExportFailedError as error:
        _show(error.report)
        raise
    _show(report)
    click.echo(f"Wrote {click.format_filename(output)}.")


def _show(report: "ExportReport") -> None:
    split, count = report.verification["split"], report.verification["num_images"]
    click.echo(f"Compared with the Keras model on {count} images of the {split} split:")
    click.echo(report.table())


def _dataset_of_run(model: Path) -> Path:
    """Returns the prepared data set that the config beside a model names."""
    from keras_fer.training.run_folder import read_config

    try:
        dataset = Path(read_config(model if model.is_dir() else model.parent)["dataset"])
    except (FERError, KeyError, TypeError) as error:
        raise FERError(
            f"Nothing beside {str(model)!r} says which data set it was trained on; name a prepared one to "
            "calibrate and verify on with --dataset."
        ) from error
    if not dataset.is_dir():
        raise FERError(
            f"The data set {str(dataset)!r} that the model was trained on is not there any more; name a "
            "prepared one with --dataset."
        )
    return dataset
