import subprocess
import sys
from pathlib import Path

import click
import pytest

from keras_fer.cli import reference
from keras_fer.cli.main import COMMANDS, main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
CONTEXTS = {context.command_path: context for context in reference.commands()}


@click.command("plain")
@click.argument("files", nargs=-1)
@click.option("--share", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Part of a*b*c.")
@click.option("--kind", type=click.Choice(["one", "two"]), help="`a*b*` or <b>.")
def plain(files, share, kind):
    """Do something
    plain.

    \b
        plain one
          two
    """


def test_page_is_what_the_generator_writes():
    written = PAGE.read_text(encoding="utf-8")
    assert written == reference.reference(), "run: python -m keras_fer.cli.reference > docs/cli.md"


def test_module_prints_the_page():
    command = [sys.executable, "-m", "keras_fer.cli.reference"]
    result = subprocess.run(command, capture_output=True, check=True)
    assert result.stdout.decode() == reference.reference()


def test_every_command_has_a_section():
    page = reference.reference().splitlines()
    assert [path for path in CONTEXTS if path.count(" ") == 1] == [f"keras-fer {name}" for name in COMMANDS]
    for path in CONTEXTS:
        assert "#" * (path.count(" ") + 1) + " " + path in page


def listed(section):
    return [line for line in section.splitlines() if line.startswith("- `")]


@pytest.mark.parametrize("path", CONTEXTS)
def test_every_option_is_listed(path):
    section = reference._section(CONTEXTS[path])
    for option in CONTEXTS[path].command.params:
        if isinstance(option, click.Option):
            assert option.help
            for name in (*option.opts, *option.secondary_opts):
                assert any(name in line.split("`")[1].replace("/", " ").split() for line in listed(section))


@pytest.mark.parametrize("path", CONTEXTS)
def test_help_ends_in_an_example(path):
    last = reference.paragraphs(CONTEXTS[path].command)[-1]
    assert last.startswith("\b\n")
    assert all(line.strip().startswith(f"{path} ") or line.strip() == path for line in last.splitlines()[1:])


def test_section_by_hand():
    assert reference._section(
        click.Context(plain, info_name="plain", parent=click.Context(main, info_name="k"))
    ) == (
        "## k plain\n"
        "\n"
        "```text\n"
        "k plain [OPTIONS] [FILES]...\n"
        "```\n"
        "\n"
        "Do something plain.\n"
        "\n"
        "```bash\n"
        "plain one\n"
        "two\n"
        "```\n"
        "\n"
        "- `--share FLOAT RANGE`: Part of a\\*b\\*c. [default: 0.5; 0<=x<=1]\n"
        "- `--kind [one|two]`: `a*b*` or \\<b>.\n"
    )
