"""Kills trainings and preparations at random moments and compares what they end with, bit for bit.

    python benchmarks/check_kills.py [--kills 25] [--seed 0] [--only train|prepare]

A small data set is prepared, and a model trained on it, once without a stop. Then the same is done again
and again, each time killed (SIGKILL, with all its processes) after a random time and taken up by the
command that the user would type, until so many kills have hit each of the two. Every time that the work
comes to its end, all that counts is compared: of a training every array in both model files (weights,
averages, both optimisers, bank) and every number of the history but the seconds; of a preparation every byte
of every file. Expected: `equal` after each; exit code 1 otherwise. About a quarter of an hour on two cores.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from run_state import history_without_seconds, model_arrays

from keras_fer.checksum import sha256_file
from keras_fer.training.run_folder import BEST_MODEL, LAST_MODEL

_KERAS_FER = (sys.executable, "-c", "from keras_fer.cli.main import main; main()")


@dataclass(frozen=True)
class Work:
    """A command that leaves a folder.

    Args:
        name: for the table.
        output: the folder.
        start: the command.
        go_on: the command that takes it up after a kill.
        begun: whether there is anything to take up.
        digest: of all that counts in the folder.
    """

    name: str
    output: Path
    start: tuple[str, ...]
    go_on: tuple[str, ...]
    begun: Callable[[Path], bool]
    digest: Callable[[Path], str]

    def whole(self) -> tuple[str, float]:
        """Does it without a stop; returns digest and seconds."""
        start = time.monotonic()
        if code := self._run(self.start, None):
            raise SystemExit(f"{self.name} fails by itself, with exit code {code}")
        return self._finish(), time.monotonic() - start

    def killed(self, longest: float, chance: random.Random) -> tuple[str, int]:
        """Does it with kills after up to `longest` seconds; returns digest and the number of kills.

        Each kill makes the next wait longer, so that work which gets less of the machine than at first
        still comes to its end.
        """
        kills = 0
        while True:
            command = self.go_on if self.begun(self.output) else self.start
            if command is self.start:
                shutil.rmtree(self.output, ignore_errors=True)
            code = self._run(command, chance.uniform(0, longest * 1.15**kills))
            if code == 0:
                return self._finish(), kills
            if code is not None:
                raise SystemExit(f"{' '.join(command)} fails after {kills} kills, with exit code {code}")
            kills += 1

    def _run(self, command: tuple[str, ...], seconds: float | None) -> int | None:
        """Returns the exit code; None if it was killed."""
        log = self.output.with_suffix(".log")
        with log.open("a") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return None

    def _finish(self) -> str:
        digest = self.digest(self.output)
        shutil.rmtree(self.output)
        return digest


def run_digest(run: Path) -> str:
    """Returns a hash of every array of both models, whatever its name, and of the history."""
    parts = [array for name in (BEST_MODEL, LAST_MODEL) for array in model_arrays(run / name)]
    return hashlib.sha256(b"".join(parts) + repr(history_without_seconds(run)).encode()).hexdigest()


def folder_digest(folder: Path) -> str:
    """Returns a hash of the names and bytes of all files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = [f"{path.relative_to(folder)}:{sha256_file(path)}" for path in files]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def works(folder: Path) -> dict[str, Work]:
    """Returns what is killed; `prepare` leaves what `train` learns from."""
    prepared, run = folder / "prepared", folder / "run"
    prepare = (*_KERAS_FER, "prepare", "synthetic", str(prepared), "--num-images", "12000")
    train = (*_KERAS_FER, "train", str(folder / "faces"), str(run), "--preset", "disentangle")
    train += ("--backbone", "plain_small", "--image-size", "32", "--epochs", "24", "--patience", "24")
    train += ("--batch-size", "16", "--steps-per-epoch", "12", "--bank-size", "256", "--ema-momentum", "0.9")
    train += ("--no-progress",)
    resume = (*_KERAS_FER, "train", "--resume", str(run))
    return {
        "prepare": Work("prepare", prepared, prepare, prepare, Path.is_dir, folder_digest),
        "train": Work("train", run, train, resume, lambda path: (path / "config.json").is_file(), run_digest),
    }


def main() -> int:
    """Kills and compares."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("prepare", "train"))
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    failed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        faces = ("prepare", "synthetic", str(folder / "faces"), "--difficulty", "easy", "--num-images", "400")
        subprocess.run([*_KERAS_FER, *faces, "--image-size", "32"], check=True, capture_output=True)
        for work in works(folder).values():
            if arguments.only not in (None, work.name):
                continue
            expected, seconds = work.whole()
            print(f"{work.name}: {seconds:.0f} s without a stop, {expected[:16]}", flush=True)
            total = 0
            while total < arguments.kills:
                digest, kills = work.killed(seconds, chance)
                total += kills
                failed |= digest != expected
                verdict = "equal" if digest == expected else f"DIFFERENT: {digest[:16]}"
                print(f"{work.name}: after {kills} kills ({total} so far): {verdict}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
