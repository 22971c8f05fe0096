"""A Debian for another processor in a folder of its own, and QEMU to run its programs on this machine.

The packages come from the Debian archive that apt of this machine is set up for. apt works with lists, cache
and status of its own, so that nothing of this machine is changed, and needs no rights.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

_TOOLS = ("apt-get", "dpkg", "dpkg-deb")
_SETTINGS = """
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; "{host}"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
#clear APT::Update::Post-Invoke;
"""


class DebianArchive:
    """Packages of one suite, for this machine's processor and for another.

    Args:
        folder: where apt keeps its lists and what it fetches.
        suite: name of a Debian release.
        architecture: the other processor, in Debian's words.

    Raises:
        SystemExit: if this machine is no Debian, or the suite cannot be fetched.
    """

    def __init__(self, folder: Path, suite: str, architecture: str) -> None:
        missing = [tool for tool in _TOOLS if not shutil.which(tool)]
        if missing:
            raise SystemExit(
                f"This check fetches Debian packages by {', '.join(missing)}: run it on a Debian."
            )
        self.host = _output("dpkg", "--print-architecture").strip()
        self._archives = folder / "cache" / "archives"
        (self._archives / "partial").mkdir(parents=True)
        (folder / "state" / "lists" / "partial").mkdir(parents=True)
        (folder / "state" / "status").touch()
        source = f"deb [arch={architecture},{self.host}] {_debian_address()} {suite} main\n"
        (folder / "sources.list").write_text(source)
        settings = _SETTINGS.format(folder=folder, architecture=architecture, host=self.host)
        (folder / "apt.conf").write_text(settings)
        self._environment = os.environ | {"APT_CONFIG": str(folder / "apt.conf")}
        self._apt("update")

    def unpack(self, package: str, root: Path) -> None:
        """Fetches one package, without what it depends on, and unpacks it into a folder."""
        self._unpack(["download", package], root)

    def unpack_all(self, packages: Sequence[str], root: Path) -> None:
        """Fetches packages with all that they depend on and unpacks them into a folder."""
        self._unpack(["install", "--yes", "--download-only", "--no-install-recommends", *packages], root)

    def _unpack(self, arguments: Sequence[str], root: Path) -> None:
        for old in self._archives.glob("*.deb"):
            old.unlink()
        self._apt(*arguments)
        root.mkdir(exist_ok=True)
        for file in sorted(self._archives.glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", file, root], check=True)

    def _apt(self, *arguments: str) -> None:
        command = ["apt-get", "--quiet", *arguments]
        done = subprocess.run(
            command,
            env=self._environment,
            cwd=self._archives,  # where `download` leaves its files
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{done.stdout}\nFailed: {' '.join(command)}")


def emulated(root: Path, qemu: Path, program: str) -> list[str | Path]:
    """Returns the command that runs a program of the root, such as `usr/bin/python3`, under QEMU."""
    return [qemu, "-L", root, root / program]


def _debian_address() -> str:
    """Returns the address of the Debian archive that apt of this machine uses."""
    wanted = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
    addresses = _output("apt-get", "indextargets", "--format", "$(REPO_URI)", *wanted).splitlines()
    if not addresses:
        raise SystemExit(
            "apt of this machine knows no Debian archive: add one to its sources and run `apt-get update`."
        )
    return addresses[0]


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
