"""The reference of all commands as Markdown: `python -m keras_fer.cli.reference > docs/cli.md`."""

import inspect
import re
from collections.abc import Iterator

import click

from keras_fer.cli.main import main
from keras_fer.cli.option_groups import option_records

_HEAD = """\
# Commands

Every command and option, as `keras-fer COMMAND --help` shows them. This page is generated; after a change of
a command run

    python -m keras_fer.cli.reference > docs/cli.md

Exit codes: 0 success; 1 something given cannot be used, or a check failed, said in one sentence on the error
stream; 2 an option or argument is not valid.
"""
_CODE_SPAN = re.compile(r"(`[^`]*`)")
# The only characters in help texts that Markdown would read as markup.
_MARKUP = re.compile(r"(\*|<(?=[A-Za-z/]))")


def reference() -> str:
    """Returns the page: one section per command, in the order of `keras-fer --help`."""
    return "\n".join([_HEAD, *map(_section, commands())])


def commands() -> Iterator[click.Context]:
    """Yields a context for every command below `keras-fer`, groups before their commands."""
    yield from _below(click.Context(main, info_name="keras-fer"))


def _below(parent: click.Context) -> Iterator[click.Context]:
    group = parent.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if command is not None:
            context = click.Context(command, info_name=name, parent=parent)
            yield context
            yield from _below(context)


def _section(context: click.Context) -> str:
    """Returns heading, usage, help text and options of one command."""
    depth = context.command_path.count(" ")
    usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
    parts = [f"{'#' * (depth + 1)} {context.command_path}", f"```text\n{usage}\n```"]
    parts += [_paragraph(text) for text in paragraphs(context.command)]
    sections = option_records(context.command, context)
    for heading, records in sections.items():
        parts += [f"**{heading}**"] if len(sections) > 1 else []
        parts.append("\n".join(f"- `{flags}`: {_escaped(_joined(text))}" for flags, text in records))
    return "\n\n".join(parts) + "\n"


def paragraphs(command: click.Command) -> list[str]:
    r"""Returns the paragraphs of a help text; what click must not wrap still begins with `\b`."""
    return [text for text in inspect.cleandoc(command.help or "").split("\n\n") if text.strip()]


def _paragraph(text: str) -> str:
    if not text.startswith("\b"):
        return _escaped(_joined(text))
    lines = inspect.cleandoc(text.removeprefix("\b\n")).splitlines()
    return "\n".join(["```bash", *(line.strip() for line in lines), "```"])


def _joined(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Keeps Markdown from reading plain text as markup; what stands in backticks stays as it is."""
    parts = _CODE_SPAN.split(text)
    return "".join(part if part.startswith("`") else _MARKUP.sub(r"\\\1", part) for part in parts)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
