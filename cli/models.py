"""`keras-fer models`."""

import json
from typing import TYPE_CHECKING

import click

from keras_fer.cli.output_format import format_option

if TYPE_CHECKING:
    from keras_fer.runtime.shipped_models import ShippedModel


@click.command("models")
@format_option("Text for people, or one JSON object per model and line.")
@click.pass_context
def command(context: click.Context, output_format: str) -> None:
    """List the trained models that are installed, with checksums.

    `predict`, `evaluate`, `benchmark` and `web` take their names for MODEL; the files are ordinary .tflite
    files, to be copied to where they are needed. The exit code is 1 if a file does not have its checksum.

    \b
        keras-fer models
        keras-fer models --format json
    """
    from keras_fer.runtime.shipped_models import DEFAULT, shipped_models

    damaged = []
    for model in shipped_models():
        if not model.is_intact:
            damaged.append(model.name)
        elif output_format == "json":
            click.echo(json.dumps(_entry(model, model.name == DEFAULT)))
        else:
            _show(model, model.name == DEFAULT)
    if damaged:
        click.echo(f"Error: {', '.join(damaged)} is not the file that was shipped; install again.", err=True)
        context.exit(1)


def _entry(model: "ShippedModel", default: bool) -> dict[str, object]:
    """Returns what is known about a model as plain JSON types."""
    return {
        "name": model.name,
        "default": default,
        "purpose": model.purpose,
        "path": str(model.path),
        "size_bytes": model.path.stat().st_size,
        "sha256": model.sha256,
        "contract": model.contract.to_dict(),
    }


def _show(model: "ShippedModel", default: bool) -> None:
    contract = model.contract
    click.echo(click.style(model.name, bold=True) + (" (the default)" if default else ""))
    for title, text in (
        ("for", model.purpose),
        ("labels", ", ".join(contract.label_names)),
        ("input", f"{contract.image_size} × {contract.image_size} pixels"),
        ("data", contract.training_data),
        ("file", f"{click.format_filename(model.path)}, {model.path.stat().st_size / 1000:,.0f} kB"),
        ("sha256", model.sha256),
    ):
        if text:
            click.echo(f"  {title:7} {text}")
