import click
from click.testing import CliRunner

from keras_fer.cli.option_groups import GroupedCommand, option_records

grouped = GroupedCommand(
    "grouped",
    params=[
        click.Argument(["file"]),
        click.Option(["--rate"], help="How fast."),
        click.Option(["--loud"], is_flag=True, help="How loud."),
        click.Option(["--secret"], hidden=True),
    ],
    option_groups={"Speed": ("rate",)},
)


def test_headings_by_hand():
    assert CliRunner().invoke(grouped, ["--help"]).output == (
        "Usage: grouped [OPTIONS] FILE\n"
        "\n"
        "Options:\n"
        "  --loud  How loud.\n"
        "  --help  Show this message and exit.\n"
        "\n"
        "Speed:\n"
        "  --rate TEXT  How fast.\n"
    )


def test_headings_without_options_are_left_out():
    hidden = GroupedCommand(
        "hidden", params=[click.Option(["--secret"], hidden=True)], option_groups={"Secrets": ("secret",)}
    )
    output = CliRunner().invoke(hidden, ["--help"]).output
    assert output.endswith("\n\nOptions:\n  --help  Show this message and exit.\n")


def test_a_command_without_groups_has_one_heading():
    plain = click.Command("plain", params=[click.Option(["--rate"], help="How fast.")])
    assert option_records(plain, click.Context(plain)) == {"Options": [("--rate TEXT", "How fast.")]}
