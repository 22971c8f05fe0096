"""`keras-fer prepare`: one command per data set, with the options of its reader."""

import os
from pathlib import Path
from typing import Any

import click

from keras_fer.cli.inspect import statistics_text
from keras_fer.cli.progress import progress_bar
from keras_fer.data.cropping import COLORS
from keras_fer.data.prepare import PrepareOptions
from keras_fer.data.readers import SOURCES, open_source, reader_options
from keras_fer.errors import FERError
from keras_fer.labels import TAXONOMIES

_SHARE = click.FloatRange(0, 1, max_open=True)
_USAGES = click.Choice(["PublicTest", "PrivateTest"])
_DEFAULTS = PrepareOptions()

# Options of readers by the name of the reader's field: (type, help).
READER_OPTIONS: dict[str, tuple[Any, str]] = {
    "taxonomy": (click.Choice(list(TAXONOMIES)), "Expressions that are used."),
    "automatic": (bool, "Add the automatically annotated images to the training split."),
    "boxes": (click.Choice(["annotated", "landmarks"]), "What faces are cropped by."),
    "file": (str, "Name of the csv file where the folder has several."),
    "label_names": (str, "Meaning of the numbers 0, 1, 2... in the column label: names with commas."),
    "test_share": (_SHARE, "Part that becomes the test split where the data set has none."),
    "min_confidence": (click.FloatRange(min=0), "Drop faces whose box has a lower confidence."),
    "test_usage": (_USAGES, "The part of FER2013 that is the test split."),
    "mode": (
        click.Choice(["majority", "votes"]),
        "Train on images with a majority of votes, or on all. Judged are those with a majority. "
        "Both keep the votes as soft labels.",
    ),
}
# Options of all data sets by the name of the field of `PrepareOptions`: (type, help).
PREPARE_OPTIONS: dict[str, tuple[Any, str]] = {
    "image_size": (
        click.IntRange(16, 1024),
        "Pixels of the stored images.  [default: that of small crops, else 112; 128 with face boxes]",
    ),
    "crop_size": (
        click.IntRange(16, 1024),
        "Pixels of the centre that a model sees.  [default: all; 7/8 with face boxes]",
    ),
    "crop_margin": (
        click.FloatRange(0, 2),
        "Share of the side of the face box that a model sees on each side of it.",
    ),
    "color": (click.Choice(COLORS), "Channels of the stored images; auto looks at 64 of them."),
    "validation_share": (_SHARE, "Part of the training images that becomes the development split."),
    "seed": (click.IntRange(min=0), "Seed of the development split."),
    "max_drop": (click.FloatRange(0, 1), "Largest share of records with defects."),
}


class SourceGroup(click.Group):
    """One command per data set, made when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the data sets."""
        return ["synthetic", *SOURCES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Builds the command of a data set."""
        if cmd_name == "synthetic":
            return synthetic
        return source_command(cmd_name) if cmd_name in SOURCES else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple:
        """Names the data sets when there is none of the name that was given."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            names = ", ".join(self.list_commands(ctx))
            raise click.UsageError(f"There is no data set {args[0]!r}. There are: {names}.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the data sets with their layout."""
        with formatter.section("Sources"):
            layouts = {
                "synthetic": "faces rendered here; no DIR",
                **{n: i.layout for n, i in SOURCES.items()},
            }
            formatter.write_dl(list(layouts.items()))


@click.group("prepare", cls=SourceGroup, subcommand_metavar="SOURCE [DIR] OUT [OPTIONS]")
def command() -> None:
    """Prepare the data set SOURCE for training.

    DIR is the folder of the data set, or its .zip or .tar.gz archive; OUT is the folder to make. What an
    interruption leaves in OUT.partial is continued by the same command. The options of a data set:
    `keras-fer prepare SOURCE --help`.

    \b
        keras-fer prepare synthetic prepared/easy --difficulty easy --num-images 8000
        keras-fer prepare ferplus ferplus.tar.gz prepared/ferplus
        keras-fer prepare affectnet AffectNet prepared/affectnet --crop-margin 0.1
    """


def source_command(name: str) -> click.Command:
    """Returns the command that prepares the data set `name`."""
    defaults = reader_options(name)

    def prepare_source(directory: Path, output: Path, workers: int | None, **options: Any) -> None:
        of_reader = {key: options.pop(key) for key in defaults}
        _prepare(name, directory, output, of_reader, PrepareOptions(num_workers=workers, **options))

    parameters: list[click.Parameter] = [
        click.Argument(["directory"], metavar="DIR", type=click.Path(path_type=Path)),
        click.Argument(["output"], metavar="OUT", type=click.Path(path_type=Path)),
    ]
    for key, default in defaults.items():
        kind, text = READER_OPTIONS[key]
        default = ",".join(default) if isinstance(default, tuple) else default
        parameters.append(_option(key, kind, text, default))
    for key, (kind, text) in PREPARE_OPTIONS.items():
        parameters.append(_option(key, kind, text, getattr(_DEFAULTS, key)))
    parameters.append(
        click.Option(
            ["--drop-duplicates"], is_flag=True, help="Drop what has the same pixels as a test image."
        )
    )
    parameters.append(
        click.Option(["--workers"], type=click.IntRange(min=1), help="Threads.  [default: one per core]")
    )
    info = SOURCES[name]
    example = f"keras-fer prepare {name} DIR prepared/{name} --seed 1"
    text = f"Prepare {name}: {info.layout}.\n\nTerms: {info.licence}.\n\n\b\n    {example}"
    return click.Command(name, params=parameters, callback=prepare_source, help=text)


def _option(key: str, kind: Any, text: str, default: Any) -> click.Option:
    """Returns an option with the name of a field."""
    flag = f"--{key.replace('_', '-')}"
    if kind is bool:
        return click.Option([f"{flag}/--no-{key}", key], default=default, help=text)
    shown = default not in (None, "")
    return click.Option([flag, key], type=kind, default=default, show_default=shown, help=text)


def _prepare(
    name: str, directory: Path, output: Path, of_reader: dict[str, Any], options: PrepareOptions
) -> None:
    """Prepares and shows the result."""
    from keras_fer.atomic import require_new_folder
    from keras_fer.data.archives import data_folder
    from keras_fer.data.prepare import prepare

    require_new_folder(output)
    absolute = Path(os.path.abspath(output))
    extracted = absolute.with_name(f".{absolute.name}.extracted")
    click.echo(f"Reading the list of {name}", err=True)
    with data_folder(directory, extracted) as root, progress_bar(f"Preparing {name}") as progress:
        reader = open_source(name, root, **of_reader)
        _resumable(lambda: prepare(reader, output, options, progress), output)
    _show(output)


@click.command("synthetic")
@click.argument("output", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--num-images", type=click.IntRange(min=1), default=12_000, show_default=True, help="Images.")
@click.option(
    "--difficulty",
    type=click.Choice(["easy", "standard", "hard"]),
    default="standard",
    show_default=True,
    help="How much else than the expression varies.",
)
@click.option("--pairs", is_flag=True, help="Render exact pairs that differ in the expression only.")
@click.option(
    "--image-size", type=click.IntRange(32, 256), default=64, show_default=True, help="Pixels per side."
)
@click.option("--num-identities", type=click.IntRange(min=1), help="People.  [default: one per 24 images]")
@click.option("--validation-share", type=_SHARE, default=0.1, show_default=True, help="Part of the people.")
@click.option("--test-share", type=_SHARE, default=0.15, show_default=True, help="Part of the people.")
@click.option("--label-noise", type=_SHARE, default=0.0, show_default=True, help="Part of wrong labels.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of everything.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes.  [default: one per core]")
def synthetic(output: Path, workers: int | None, **options: Any) -> None:
    """Render synthetic faces with known factors to OUT.

    \b
        keras-fer prepare synthetic prepared/easy --difficulty easy --num-images 8000
        keras-fer prepare synthetic prepared/pairs --pairs --seed 1
    """
    from keras_fer.atomic import require_new_folder
    from keras_fer.data.synthetic.config import SyntheticConfig
    from keras_fer.runtime.opencv import opencv

    require_new_folder(output)
    config = SyntheticConfig(**options)
    opencv("Rendering faces")
    from keras_fer.data.synthetic.prepare import prepare_synthetic

    with progress_bar("Rendering faces") as progress:
        _resumable(lambda: prepare_synthetic(config, output, workers, progress), output)
    _show(output)


def _resumable(run: Any, output: Path) -> None:
    """Runs a preparation; Ctrl-C says how to continue it."""
    try:
        run()
    except KeyboardInterrupt:
        raise FERError(
            f"Interrupted. The same command continues {str(output)!r} at its last whole part; "
            f"to give up remove {str(output) + '.partial'!r}."
        ) from None


def _show(output: Path) -> None:
    """Prints what was prepared."""
    from keras_fer.data.inspection import statistics
    from keras_fer.data.prepared import open_prepared

    result = statistics(open_prepared(output))
    click.echo(statistics_text(result))
    if result["exact_duplicates"]["across"]["train, test"] and result["source"] in SOURCES:
        click.echo("Note: --drop-duplicates leaves out training images that are also in the test split.")
