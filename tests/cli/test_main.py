import inspect
import subprocess
import sys
import types

import click
import pytest
from click.testing import CliRunner

from keras_fer.cli.main import COMMANDS, LazyGroup, main
from keras_fer.errors import FERError
from keras_fer.version import __version__


@pytest.fixture
def failing_command(monkeypatch):
    """Returns a function that adds a command which raises an exception."""

    def add(error):
        @click.command("fail")
        def command():
            raise error

        monkeypatch.setitem(sys.modules, "failing_command", types.SimpleNamespace(command=command))
        monkeypatch.setitem(COMMANDS, "fail", ("failing_command", "Fail."))

    return add


@pytest.mark.parametrize("name", COMMANDS)
def test_table_says_what_the_command_says(name):
    module, help_line = COMMANDS[name]
    command = main.get_command(click.Context(main), name)
    assert module == f"keras_fer.cli.{name}"
    assert command.name == name
    assert inspect.cleandoc(command.help).splitlines()[0] == help_line


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_in_an_example(name):
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert f"    keras-fer {name}" in result.output


def test_help_lists_every_command():
    output = " ".join(CliRunner().invoke(main, ["--help"]).output.split())
    for name, (_, help_line) in COMMANDS.items():
        assert f"{name} {help_line}" in output


def test_help_and_refusals_import_nothing_heavy():
    program = (
        "import sys\n"
        "from keras_fer.cli.main import main\n"
        "for arguments in (['--help'], ['--version'], ['no-such-command'], ['--no-such-option']):\n"
        "    try:\n"
        "        main(arguments)\n"
        "    except SystemExit:\n"
        "        pass\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL', 'cv2', 'sklearn', 'matplotlib', 'ai_edge_litert'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_of_every_command_imports_no_tensorflow():
    program = (
        "import sys\n"
        "from keras_fer.cli.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    main([name, '--help'], standalone_mode=False)\n"
        "print(sorted({'tensorflow', 'keras', 'cv2', 'sklearn', 'matplotlib'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_version():
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


def test_unknown_command():
    result = CliRunner().invoke(main, ["no-such-command"])
    assert result.exit_code == 2
    assert "No such command 'no-such-command'" in result.stderr


def test_known_error_is_one_line(failing_command):
    failing_command(FERError("There is no such thing; make one."))
    result = CliRunner().invoke(main, ["fail"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "Error: There is no such thing; make one.\n"


def test_defect_keeps_its_traceback(failing_command):
    failing_command(KeyError("defect"))
    assert isinstance(CliRunner().invoke(main, ["fail"]).exception, KeyError)


def test_group_lists_in_the_order_of_the_table():
    assert isinstance(main, LazyGroup)
    assert main.list_commands(click.Context(main)) == list(COMMANDS)
