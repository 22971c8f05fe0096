"""Fuzzes the parsers of this package, guided by coverage.

    python fuzzing/fuzz_parsers.py TARGET [--seconds 600]   # or `all`
    python fuzzing/fuzz_parsers.py --table                  # what the last run of each came to

Needs Linux and the extra `fuzz` (atheris). A run starts from the seeds in `corpus/TARGET`, which stay as they
are, and ends after the seconds or at the first finding; the input that made it is left in `findings/`. Every
run enters what it came to into `results.json`.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results.json"
NAMES = (
    "csv_lists", "label_lists", "npy_annotations", "archives", "prepared", "contract", "tf_config",
    "model_file", "run_files", "ablations", "results", "images", "source_names",
)  # fmt: skip
# Seconds that one input may take, and MiB that the process may.
TIMEOUT_S, MEMORY_MB = 10, 1024


def main() -> int:
    """Runs what the command line asks for; returns 1 if there was a finding."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", nargs="?", choices=[*NAMES, "all"])
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        _fuzz(*arguments.inside)
    if arguments.target:
        names = NAMES if arguments.target == "all" else (arguments.target,)
        return max([_run(name, arguments.seconds) for name in names])
    print(table(json.loads(RESULTS.read_text())))
    return 0


def table(results: dict) -> str:
    """Returns what the last run of each target came to, as Markdown."""
    columns = (
        "target", "seconds", "CPU seconds", "executions", "branches", "features",
        "MiB after the seeds", "MiB at the end", "MiB at most", "slowest input, s", "findings",
    )  # fmt: skip
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for name, row in sorted(results.items(), key=lambda item: NAMES.index(item[0])):
        cells = [f"`{name}`", *(f"{row[column]:,}" for column in columns[1:])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _run(name: str, seconds: int) -> int:
    """Fuzzes one target in a process of its own."""
    findings = FOLDER / "findings"
    findings.mkdir(exist_ok=True)
    shared_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shared_memory) as temporary:
        corpus = Path(temporary, "corpus")
        shutil.copytree(FOLDER / "corpus" / name, corpus)
        command = [
            sys.executable, __file__, "--inside", name, temporary,
            f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}", f"-rss_limit_mb={MEMORY_MB}",
            f"-artifact_prefix={findings}/{name}-", "-print_final_stats=1", str(corpus),
        ]  # fmt: skip
        log: list[str] = []
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            for line in process.stderr or ():
                log.append(line)
                print(line, end="", file=sys.stderr)
        usage = os.times()
    row = _facts("".join(log), process.returncode)
    row["CPU seconds"] = round(usage.children_user + usage.children_system)
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    results[name] = row
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print(table({name: row}))
    return int(process.returncode != 0)


def _facts(log: str, code: int) -> dict[str, float]:
    """Reads off the log of libFuzzer what a run came to."""
    status = re.findall(r"cov: (\d+) ft: (\d+) .*? rss: (\d+)Mb", log)
    seeds = re.search(r"INITED cov: .*? rss: (\d+)Mb", log)
    statistics = {name: int(value) for name, value in re.findall(r"stat::(\w+):\s+(\d+)", log)}
    done = re.search(r"Done (\d+) runs in (\d+) second", log)
    branches, features, at_end = map(int, status[-1]) if status else (0, 0, 0)
    return {
        "seconds": int(done[2]) if done else 0,
        "executions": statistics.get("number_of_executed_units", int(done[1]) if done else 0),
        "branches": branches,
        "features": features,
        "MiB after the seeds": int(seeds[1]) if seeds else 0,
        "MiB at the end": at_end,
        "MiB at most": statistics.get("peak_rss_mb", 0),
        "slowest input, s": statistics.get("slowest_unit_time_sec", 0),
        "findings": int(code != 0),
    }


def _fuzz(name: str, temporary: str, *options: str) -> None:
    """Fuzzes in this process; does not return."""
    # Without atheris the table can still be printed.
    import atheris

    parsers = ["keras_fer", "json", "zipfile", "tarfile", "tomllib", "csv", "numpy.lib", "PIL"]
    with atheris.instrument_imports(include=parsers):
        from keras_fer.data.readers import SOURCES

        # Readers are imported by name when they are first used.
        for source in SOURCES.values():
            import_module(f"keras_fer.data.readers.{source.module}")
        from fuzz_target import checked
        from targets import TARGETS

    target, folder = TARGETS[name], Path(temporary, "files")
    folder.mkdir()
    target.setup(folder)
    sys.addaudithook(_refuse_pickles)

    def test_one_input(data: bytes) -> None:
        checked(target.run, data, folder)

    def mutate(data: bytes, max_size: int) -> bytes:
        # `Fuzz` puts another function into the place of this one, so it is looked up at each call.
        return atheris.Mutate(data[:max_size], max_size)

    mutator = target.mutator and target.mutator(mutate)
    chosen = {"custom_mutator": mutator} if mutator else {}
    atheris.Setup([sys.argv[0], f"-max_len={target.max_bytes}", *options], test_one_input, **chosen)
    atheris.Fuzz()


def _refuse_pickles(event: str, arguments: tuple) -> None:
    if event == "pickle.find_class":
        raise AssertionError(f"a pickle was opened: {arguments}")


if __name__ == "__main__":
    sys.exit(main())
