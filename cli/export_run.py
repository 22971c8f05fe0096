"""What `keras-fer export` and `keras-fer bundle` share: options, data, and the table."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.cli.unfinished_run import warn_if_unfinished
from keras_fer.errors import FERError
from keras_fer.export.recipes import RECIPES, Recipe

if TYPE_CHECKING:
    from keras_fer.export.export import ExportReport

_LIMITS = (
    "agreement",
    "accuracy_loss",
    "float32_difference",
    "float16_difference",
    "representation_similarity",
)
_OTHER_LIMITS = f"Other limits are set by {', '.join('--' + name.replace('_', '-') for name in _LIMITS)}."
_MORE_TRAINING = (
    "More --training-images and --training-epochs bring files that are trained further closer to the model."
)
# Becomes a file name, also on systems that refuse most signs.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_OPTIONS = (
    click.option(
        "--name",
        callback=lambda context, parameter, value: _file_name(value),
        help="Name of the model, with which its files begin.  [default: preset and backbone]",
    ),
    click.option(
        "--dataset",
        type=click.Path(path_type=Path),
        help="Prepared data set to calibrate and verify on.  [default: the one MODEL was trained on]",
    ),
    click.option(
        "--calibration-images",
        type=click.IntRange(min=1),
        default=100,
        show_default=True,
        help="Images of the training split that int8 ranges come from.",
    ),
    click.option(
        "--verification-images",
        type=click.IntRange(min=1),
        default=2000,
        show_default=True,
        help="Images of the test split, at most, that files and Keras model are compared on.",
    ),
    click.option(
        "--agreement",
        type=click.FloatRange(0, 1),
        default=0.97,
        show_default=True,
        help="Limit: share of images with the same answer, for files with other weights.",
    ),
    click.option(
        "--accuracy-loss",
        type=click.FloatRange(0, 1),
        default=0.01,
        show_default=True,
        help="Limit: loss of accuracy, as a share.",
    ),
    click.option(
        "--float32-difference",
        type=click.FloatRange(min=0),
        default=1e-4,
        show_default=True,
        help="Limit: difference of any probability, float32.",
    ),
    click.option(
        "--float16-difference",
        type=click.FloatRange(min=0),
        default=1e-2,
        show_default=True,
        help="Limit: difference of any probability, float16.",
    ),
    click.option(
        "--representation-similarity",
        type=click.FloatRange(0, 1),
        default=0.95,
        show_default=True,
        help="Limit: mean cosine of the expression representation, for files with other weights.",
    ),
    click.option(
        "--representation",
        is_flag=True,
        help="Give the expression representation as a second output of every file.",
    ),
    click.option(
        "--training-images",
        type=click.IntRange(min=1),
        default=4000,
        show_default=True,
        help="Images of the training split, at most, that qat_wi8_ai8, pruned and clustered train on.",
    ),
    click.option(
        "--training-epochs",
        type=click.IntRange(min=1),
        default=2,
        show_default=True,
        help="Passes over these and their mirror images.",
    ),
    click.option("--keep-failed", is_flag=True, help="Keep the folder when a check fails."),
    click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the choice of images."
    ),
)


def export_options(default: Sequence[Recipe]) -> Callable[[Callable], Callable]:
    """Returns a decorator that adds the options, with `default` as what is written unasked."""

    def decorate(function: Callable) -> Callable:
        names = ", ".join(recipe.name for recipe in default)
        recipe_option = click.option(
            "--recipe",
            "recipes",
            type=click.Choice(list(RECIPES)),
            multiple=True,
            help=f"What to write; repeat it for several.  [default: {names}]",
        )
        for option in reversed((recipe_option, *_OPTIONS)):
            function = option(function)
        return function

    return decorate


def run_export(
    model: Path,
    output: Path,
    default: Sequence[Recipe],
    options: dict[str, Any],
    **settings: Any,
) -> None:
    """Exports and prints the table; exit code 1 where a limit is broken.

    Args:
        model: run folder or `.keras` file.
        output: new folder.
        default: recipes where `options` names none.
        options: values of `export_options`.
        **settings: further arguments of `keras_fer.export.export.export`.
    """
    # Refused before TensorFlow loads, which takes seconds.
    from keras_fer.atomic import require_new_folder
    from keras_fer.data.prepared import open_prepared
    from keras_fer.models.loading import require_trained

    require_trained(model)
    warn_if_unfinished(model)
    require_new_folder(output)
    prepared = open_prepared(options["dataset"] or _dataset_of_run(model))
    recipes = [RECIPES[name] for name in dict.fromkeys(options["recipes"])] or default
    load_tensorflow()
    from keras_fer.export.checks import Limits
    from keras_fer.export.dataset_images import image_sample
    from keras_fer.export.export import ExportFailedError, export
    from keras_fer.export.toolkit import Finetuning
    from keras_fer.models.loading import load_model

    trained = load_model(model)
    contract = replace(trained.contract, name=options["name"] or trained.contract.name)

    def sample(splits: tuple[str, ...], count: int) -> Any:
        return image_sample(prepared, contract, splits, count, options["seed"])

    calibration = sample(("train", "validation"), options["calibration_images"])
    verification = sample(("test", "validation"), options["verification_images"])
    training = None
    if any(recipe.needs_training for recipe in recipes):
        training = sample(("train",), options["training_images"]).images
    try:
        report = export(
            trained.classifier,
            contract,
            output,
            images=verification.images,
            labels=verification.labels,
            calibration_images=calibration.images,
            training_images=training,
            recipes=recipes,
            limits=Limits(**{name: options[name] for name in _LIMITS}),
            calibration=calibration.facts,
            verification=verification.facts,
            representation=options["representation"],
            finetuning=Finetuning(epochs=options["training_epochs"], seed=options["seed"]),
            progress=True,
            keep_failed=options["keep_failed"],
            **settings,
        )
    except ExportFailedError as error:
        _show(error.report)
        keep = "" if options["keep_failed"] else " --keep-failed keeps such files."
        more = "" if training is None else f" {_MORE_TRAINING}"
        raise FERError(f"{error}{keep} {_OTHER_LIMITS}{more}") from error
    _show(report)
    click.echo(f"Wrote {click.format_filename(output)}.")


def _file_name(name: str | None) -> str | None:
    """Refuses a name that cannot begin a file name everywhere."""
    if name is not None and not _NAME.fullmatch(name):
        raise click.BadParameter(
            "letters, digits and . _ + - are expected, at most 100, the first a letter or digit. "
            f"Received: {name!r}"
        )
    return name


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
