"""A command with so many options that its help lists them under headings."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

OTHERS = "Options"


class GroupedCommand(click.Command):
    """Lists its options under headings; those in no group come first, under `Options`.

    Args:
        option_groups: names of parameters by heading, in the order in which they are shown.
        *args, **kwargs: of `click.Command`.
    """

    def __init__(self, *args: Any, option_groups: Mapping[str, Sequence[str]], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.option_groups = option_groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes a section for each heading."""
        sections = option_records(self, ctx)
        if (help_option := self.get_help_option(ctx)) and (record := help_option.get_help_record(ctx)):
            sections = {OTHERS: [*sections.pop(OTHERS, []), record], **sections}
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def option_records(command: click.Command, context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Returns by heading what the help shows of each option but --help: how it is written, what it does."""
    groups = command.option_groups if isinstance(command, GroupedCommand) else {}
    records = {
        option.name: option.get_help_record(context)
        for option in command.params
        if isinstance(option, click.Option)
    }
    grouped = {name for names in groups.values() for name in names}
    sections = {OTHERS: [name for name in records if name not in grouped], **groups}
    found = {
        heading: [record for name in names if (record := records[name]) is not None]
        for heading, names in sections.items()
    }
    return {heading: shown for heading, shown in found.items() if shown}
