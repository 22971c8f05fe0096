"""The pages are true: their code runs, their commands parse, their tables are those of the code."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest

import keras_fer
from keras_fer.cli.main import COMMANDS, main
from keras_fer.contract import ModelContract
from keras_fer.data import cropping, prepare
from keras_fer.data.readers import SOURCES, reasons
from keras_fer.export.recipes import RECIPES
from keras_fer.models.objective import PRESETS, Objective
from keras_fer.runtime.detectors import DETECTORS

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        *sorted(ROOT.glob("*.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "tests" / "README.md",
    )
    if path.is_file()
}
USER_PAGES = [name for name in PAGES if name == "README.md" or name.startswith("docs/")]
COMMAND = re.compile(r"^(?:\S*/)?keras-fer$")
SEPARATORS = set("();<>|&")


def blocks(page):
    """Yields information string, lines and number of the first line of each fenced block."""
    opened, lines, start = None, [], 0
    for number, line in enumerate(page.splitlines(), start=1):
        fence = re.match(r"^\s*```(.*)$", line)
        if fence and opened is None:
            opened, lines, start = fence[1].strip(), [], number + 1
        elif fence:
            yield opened, lines, start
            opened = None
        elif opened is not None:
            lines.append(line)
    if opened is not None:
        raise ValueError(f"the block at line {start - 1} is not closed")


def outside_blocks(page):
    """Returns the page without its fenced blocks."""
    lines = page.splitlines()
    for _, content, start in blocks(page):
        lines[start - 2 : start + len(content)] = [""] * (len(content) + 2)
    return "\n".join(lines)


def program(page):
    """Returns the Python blocks of a page as one program with the line numbers of the page."""
    lines = [""] * len(page.splitlines())
    for info, content, start in blocks(page):
        if info == "python":
            lines[start - 1 : start - 1 + len(content)] = content
    return "\n".join(lines) + "\n"


def command_lines(page):
    """Returns the arguments of every `keras-fer` command in the shell blocks of a page."""
    found = []
    for info, content, _ in blocks(page):
        if info in ("bash", "sh", "console"):
            for line in "\n".join(content).replace("\\\n", " ").splitlines():
                found += _commands_in(line)
    return found


def _commands_in(line):
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found, current = [], None
    for token in lexer:
        if set(token) <= SEPARATORS:
            current = None
        elif current is not None:
            current.append(token)
        elif COMMAND.match(token):
            current = []
            found.append(current)
    return found


def parse(arguments):
    """Parses a command line as click does, down to the last command, without running it."""
    command, context, name = main, None, "keras-fer"
    while isinstance(command, click.Group) and not {"--help", "--version"} & set(arguments[:1]):
        context = click.Context(command, info_name=name, parent=context)
        name, command, arguments = command.resolve_command(context, list(arguments))
    try:
        command.make_context(name, list(arguments), parent=context)
    except click.exceptions.Exit as end:  # after --help
        if end.exit_code:
            raise


@pytest.fixture
def any_path(monkeypatch):
    """Lets click take paths that do not exist: a page names the reader's files."""
    monkeypatch.setattr(click.Path, "convert", lambda self, value, parameter, context: Path(value))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [name for name in USER_PAGES if program(PAGES[name]).strip()])
def test_python_blocks_run(name, tmp_path):
    script = tmp_path / f"{Path(name).name}.py"
    script.write_text(program(PAGES[name]), encoding="utf-8")
    folder = tmp_path / "work"
    folder.mkdir()
    # Small models on one thread each: on a busy machine more of them wait for each other.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    result = subprocess.run(
        [sys.executable, script], cwd=folder, env={**os.environ, **threads}, capture_output=True, text=True
    )
    assert result.returncode == 0, f"{name} does not run:\n{result.stderr[-3000:]}"


@pytest.mark.parametrize("name", PAGES)
def test_command_lines_parse(name, any_path):
    for arguments in command_lines(PAGES[name]):
        try:
            parse(arguments)
        except click.UsageError as error:
            pytest.fail(f"keras-fer {shlex.join(arguments)}: {error.format_message()}")


@pytest.mark.parametrize("name", PAGES)
def test_commands_in_the_text_exist(name):
    spans = re.findall(r"`keras-fer ([^`]+)`", outside_blocks(PAGES[name]))
    for words in (span.split() for span in spans):
        if words[0].startswith("-") or words[0] == "COMMAND":
            continue
        command = main.get_command(click.Context(main), words[0])
        assert command is not None, f"there is no command {words[0]!r}"
        known = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        options = {word for word in words if word.startswith("--")} - {"--help"}
        assert isinstance(command, click.Group) or options <= known


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_blocks(PAGES[name])):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = folder / path if path else ROOT / name
        assert linked.exists(), f"{name} links to {target}, which does not exist"
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{name}: no heading {target}"


def anchors(page):
    """Returns the anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", outside_blocks(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_command_and_public_name_is_documented():
    text = "\n".join(PAGES[name] for name in USER_PAGES if name != "docs/cli.md")
    missing = [command for command in COMMANDS if f"keras-fer {command}" not in text]
    missing += [name for name in keras_fer.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def table(page, first_cell):
    """Returns the rows of the table whose heading begins with a cell: the heading, then the body."""
    for lines in re.findall(r"(?:^\|.*\n)+", PAGES[page], re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]
        if rows[0][0] == first_cell:
            return [rows[0], *rows[2:]]
    raise LookupError(f"{page} has no table with the heading {first_cell!r}")


def test_table_of_presets():
    heading, *rows = table("docs/objective.md", "field")
    assert [cell.strip("`") for cell in heading[1:]] == list(PRESETS)
    documented = {name.split()[0]: cells for name, *cells in rows}
    for field in fields(Objective):
        values = [getattr(objective, field.name) for objective in PRESETS.values()]
        if field.name in documented:
            assert documented[field.name] == [written(value) for value in values], field.name
        else:
            assert set(values) == {field.default}, f"the presets set {field.name}"
    assert set(documented) <= {field.name for field in fields(Objective)}


def written(value):
    """Returns how a page writes a value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


@pytest.mark.parametrize("name", SOURCES)
def test_table_of_sources(name):
    rows = {row[0].strip("`"): row[1:] for row in table("docs/data.md", "source")}
    info = SOURCES[name]
    assert rows[name] == [f"`{info.layout}`", info.licence + (f"; {info.homepage}" if info.homepage else "")]


def test_reasons_of_drops():
    constants = [value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)]
    defects = {*constants, cropping.UNDECODABLE, cropping.SMALL_FACE} - reasons.BY_PROTOCOL
    rows = {row[0]: row[1] for row in table("docs/data.md", "reason")[1:]}
    assert {reason for reason, counts in rows.items() if counts == "yes"} == defects
    assert {reason for reason, counts in rows.items() if counts == "no"} == {
        *reasons.BY_PROTOCOL,
        prepare.TEST_DUPLICATE,
    }


def test_factors_of_synthetic_faces():
    from keras_fer.data.synthetic.config import SyntheticConfig
    from keras_fer.data.synthetic.scene import factors, scene

    rows = table("docs/data.md", "factors")[1:]
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    known = factors(scene(SyntheticConfig(num_images=100), 0))
    assert documented == set(known)
    assert all(isinstance(value, np.ndarray) for value in known.values())


def test_table_of_the_contract():
    names = [row[0].strip("`") for row in table("docs/edge.md", "field")[1:]]
    assert names == [field.name for field in fields(ModelContract)]


def test_table_of_detectors():
    rows = table("docs/edge.md", "`--detector`")[1:]
    assert ["auto", *(row[0].strip("`") for row in rows)] == list(DETECTORS)


def test_table_of_recipes():
    rows = table("docs/export.md", "recipe")[1:]
    expected = [[f"`{name}`", recipe.input_dtype, recipe.description] for name, recipe in RECIPES.items()]
    assert [row[:3] for row in rows] == expected


PLANTED = """\
```python
print("one")
```
`keras-fer train a b --no-such-option`
```python notest
raise SystemExit(1)
```
```bash
X=1 .venv/bin/keras-fer train a b --epochs 3 \\
    --preset paper && keras-fer predict m.tflite *.jpg | head  # keras-fer lost
python train.py
```
"""


def test_blocks_and_commands_of_a_page():
    assert program(PLANTED) == '\nprint("one")\n' + "\n" * 10
    assert command_lines(PLANTED) == [
        ["train", "a", "b", "--epochs", "3", "--preset", "paper"],
        ["predict", "m.tflite", "*.jpg"],
    ]
    with pytest.raises(ValueError, match="line 1 is not closed"):
        list(blocks("```python\n1"))


@pytest.mark.parametrize(
    "line",
    [
        "train a",
        "train a b --epochs many",
        "train a b --no-such-option",
        "prepare fer a b",
        "no-such-command",
    ],
)
def test_planted_command_lines_are_refused(line, any_path):
    with pytest.raises(click.UsageError):
        parse(line.split())


@pytest.mark.parametrize(
    "line", ["--help", "--version", "train --help", "prepare folder --help", "prepare --help"]
)
def test_help_needs_no_arguments(line):
    parse(line.split())
