"""The `keras-fer` command group; a command's module loads only when the command is called."""

from importlib import import_module

import click

from keras_fer.atomic import UNWRITABLE
from keras_fer.errors import FERError
from keras_fer.version import __version__

# name: (module, the first line of the command's help). A test keeps the two lines equal.
COMMANDS = {
    "quickstart": (
        "keras_fer.cli.quickstart",
        "Render faces, train, probe, export, verify and predict in minutes.",
    ),
    "datasets": (
        "keras_fer.cli.datasets",
        "List the data sets that can be prepared, with layout and licence.",
    ),
    "prepare": ("keras_fer.cli.prepare", "Prepare the data set SOURCE for training."),
    "inspect": ("keras_fer.cli.inspect", "Show what the prepared data set DATASET holds."),
    "train": ("keras_fer.cli.train", "Train on the prepared data set DATASET."),
    "ablate": (
        "keras_fer.cli.ablate",
        "Compare variants of training over seeds, as the JSON or TOML file CONFIG says.",
    ),
    "calibrate": ("keras_fer.cli.calibrate", "Make the probabilities of RUN mean what they say."),
    "erase": (
        "keras_fer.cli.erase",
        "Erase the expression linearly from the non-expression representation of RUN.",
    ),
    "probe": ("keras_fer.cli.probe", "Measure which factors the representations of RUN tell."),
    "intervene": (
        "keras_fer.cli.intervene",
        "Swap expressions and change single factors of faces rendered for RUN.",
    ),
    "evaluate": ("keras_fer.cli.evaluate", "Evaluate MODEL on the prepared data set DATASET."),
    "export": (
        "keras_fer.cli.export",
        "Export the expression branch of MODEL to verified TFLite and ONNX files.",
    ),
    "bundle": ("keras_fer.cli.bundle", "Export RUN by every recipe into one folder to hand on."),
    "predict": (
        "keras_fer.cli.predict",
        "Recognise the expression of each face in photos and videos.",
    ),
    "models": (
        "keras_fer.cli.models",
        "List the trained models that are installed, with checksums.",
    ),
    "benchmark": ("keras_fer.cli.benchmark", "Compare size, latency and accuracy of exported files."),
    "web": ("keras_fer.cli.web", "Serve the browser app with MODEL, from this machine."),
}


class LazyGroup(click.Group):
    """Lists commands without importing them and turns known errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands in the order in which a user meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(COMMANDS[cmd_name][0]).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Runs a command; `FERError` or a full disk ends it with one sentence and exit code 1."""
        try:
            return super().invoke(ctx)
        except FERError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            what = "The output" if error.filename is None else repr(str(error.filename))
            done = "read or written" if isinstance(error, PermissionError) else "written"
            refusal = FERError(f"{what} cannot be {done}: {error.strerror}.")
            raise click.ClickException(str(refusal)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="keras-fer")
def main() -> None:
    """Facial expression recognition: prepare, train, evaluate, export, predict."""
