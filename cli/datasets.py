"""`keras-fer datasets`."""

import json
import textwrap

import click

from keras_fer.cli.output_format import format_option
from keras_fer.data.readers import SOURCES, SourceInfo

SYNTHETIC = SourceInfo(
    module="",
    class_name="",
    layout="none: faces are rendered here, with all factors known",
    licence="that of keras-fer; nothing to download",
    homepage="",
)


@click.command("datasets")
@format_option("Text for people, or one JSON document.")
def command(output_format: str) -> None:
    """List the data sets that can be prepared, with layout and licence.

    The names are what `keras-fer prepare` takes as SOURCE. Nothing is downloaded: research data sets are
    had from their authors.

    \b
        keras-fer datasets
        keras-fer datasets --format json
    """
    sources = {"synthetic": SYNTHETIC, **SOURCES}
    if output_format == "json":
        fields = ("layout", "licence", "homepage")
        entries = {name: {field: getattr(info, field) for field in fields} for name, info in sources.items()}
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    for name, info in sources.items():
        click.echo(click.style(name, bold=True))
        for title, text in (("layout", info.layout), ("licence", info.licence), ("see", info.homepage)):
            if text:
                lines = textwrap.wrap(text, 88, break_long_words=False, break_on_hyphens=False)
                click.echo(f"  {title:8} " + ("\n" + " " * 11).join(lines))
