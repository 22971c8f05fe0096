"""The option `--format` of the commands that print results."""

from collections.abc import Callable, Sequence

import click


def format_option(
    help_text: str, formats: Sequence[str] = ("table", "json"), default: str | None = "table"
) -> Callable[[Callable], Callable]:
    """Returns a decorator that adds `--format` as the parameter `output_format`, `default` unless asked."""
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(formats),
        default=default,
        show_default=default is not None,
        help=help_text,
    )
