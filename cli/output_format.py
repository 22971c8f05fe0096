"""The option `--format` of the commands that print results."""

from collections.abc import Callable, Sequence

import click


def format_option(
    help_text: str, formats: Sequence[str] = ("table", "json")
) -> Callable[[Callable], Callable]:
    """Returns a decorator that adds `--format` as the parameter `output_format`; a table unless asked."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default="table",
        show_default=True,
        help=help_text,
    )
