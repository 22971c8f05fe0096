import os
import signal
import subprocess
import sys
import time

import pytest

from keras_fer.export.watched_process import run_watched

SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
# A process like that of an export: it runs SLEEPER, which ends with it and removes a folder.
PARENT = """
import os, signal, sys
from keras_fer.export.watched_process import run_watched
# A shell that runs the tests in the background has them ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
child = '''
import os, shutil, sys, time
from keras_fer.export.watched_process import end_with_parent
end_with_parent(lambda: shutil.rmtree(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(60)
'''
run_watched([sys.executable, "-c", child, sys.argv[1]], os.environ, 60, lambda line: print(line, flush=True))
"""


def run(code, on_line=lambda line: None, silence_seconds=60.0):
    return run_watched([sys.executable, "-c", code], os.environ, silence_seconds, on_line)


def is_gone(pid):
    """Whether a process ends within ten seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


def test_lines_exit_code_and_errors():
    lines = []
    ending = run("import sys; print('one\\ntwö'); print(input.__name__); sys.exit('wrong')", lines.append)
    assert lines == ["one", "twö", "input"]
    assert ending.exit_code == 1
    assert ending.errors == "wrong\n"
    assert run("pass").exit_code == 0


def test_much_on_stderr_does_not_block():
    ending = run("import sys; sys.stderr.write('x' * 1_000_000)")
    assert (ending.exit_code, len(ending.errors)) == (0, 1_000_000)


def test_a_silent_process_is_killed():
    pids = []
    start = time.monotonic()
    ending = run(SLEEPER, lambda line: pids.append(int(line)), silence_seconds=2)
    assert ending.exit_code is None
    assert time.monotonic() - start < 20
    assert is_gone(pids[0])


def test_a_process_that_speaks_may_take_longer_than_the_limit():
    code = "import time\nfor step in range(5): print(step, flush=True); time.sleep(0.5)"
    assert run(code, silence_seconds=2).exit_code == 0


def test_an_exception_ends_the_process():
    def interrupt(line):
        pids.append(int(line))
        raise KeyboardInterrupt

    pids = []
    with pytest.raises(KeyboardInterrupt):
        run(SLEEPER, interrupt)
    assert is_gone(pids[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_an_export_that_is_stopped(number, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pid = int(parent.stdout.readline())
    time.sleep(1)
    parent.send_signal(number)
    parent.communicate(timeout=20)
    assert is_gone(pid)
    # After Ctrl-C the parent removes its folder itself.
    assert number == signal.SIGINT or not folder.exists()
