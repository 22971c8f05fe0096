"""Runs exported files as on a Raspberry Pi, under QEMU, and compares the answers with this machine's.

Opt-in, since it fetches a Debian for arm64, QEMU and the wheels for aarch64, about 150 MB together, from the
archives that apt and pip of this machine are set up for:

    python benchmarks/check_raspberry_pi.py exported/*.tflite

The wheel of this checkout is built and installed, with the wheels for aarch64 that the bare install needs,
beside the Python of that Debian; `keras-fer predict` then answers rendered faces there and here. Nothing of
this machine is changed. Needs Debian, and the package `build` of the extra `dev`. Expected: every line ok,
two minutes of CPU time. Exit code 1 otherwise.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from answer_comparison import arguments_parser, checked, predicted, write_rendered_faces
from debian_root import DebianArchive, emulated

CHECKOUT = Path(__file__).resolve().parent.parent
# What pip of a 64-bit Raspberry Pi OS 12 accepts (glibc 2.36); older ones than 2.17 do not exist.
_PLATFORMS = [f"manylinux_2_{minor}_aarch64" for minor in range(36, 16, -1)]


def built_wheel(folder: Path) -> Path:
    """Builds the wheel of this checkout, by way of its source distribution, and returns its path."""
    command = [sys.executable, "-m", "build", "--outdir", folder, CHECKOUT]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\nThe wheel cannot be built; `pip install build` if that is missing.")
    return next(folder.glob("*.whl"))


def install_for_aarch64(wheel: Path, site: Path, python_version: str) -> list[str]:
    """Installs a wheel with what it needs for another machine; returns names and versions."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--target", str(site), "--python-version", python_version]
    command += [f"--platform={platform}" for platform in _PLATFORMS]
    subprocess.run([*command, wheel], check=True)
    return sorted(path.stem.replace("-", " ") for path in site.glob("*.dist-info"))


def emulated_python(folder: Path, suite: str) -> tuple[list[str | Path], str]:
    """Fetches a Python for arm64 and an emulator; returns the command and the version of Python."""
    archive = DebianArchive(folder / "apt", suite, "arm64")
    root, emulator = folder / "root", folder / "emulator"
    # Every Raspberry Pi OS has libstdc++, which the wheels of NumPy and LiteRT count on.
    archive.unpack_all(["base-files", "python3", "libstdc++6"], root)
    archive.unpack(f"qemu-user:{archive.host}", emulator)
    command = emulated(root, emulator / "usr/bin/qemu-aarch64", "usr/bin/python3")
    about = subprocess.run([command[0], "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    print(about.splitlines()[0])
    words = "import platform; print(platform.machine(), platform.python_version(), *platform.libc_ver())"
    done = subprocess.run([*command, "-c", words], stdout=subprocess.PIPE, text=True)
    machine, version, *libc = done.stdout.split() or ("none", "")
    if done.returncode or machine != "aarch64":
        raise SystemExit(f"The emulated Python does not run: exit code {done.returncode}, {machine}.")
    print(f"Python {version} on {machine}, {' '.join(libc)}")
    return command, version.rpartition(".")[0]


def main() -> int:
    """Prints a table; returns 1 if an answer differs."""
    parser = arguments_parser(__doc__)
    parser.add_argument(
        "--suite", default="trixie", help="Debian release with QEMU 10 or later (%(default)s)"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = built_wheel(folder / "dist")
        python, version = emulated_python(folder, arguments.suite)
        print(", ".join(install_for_aarch64(wheel, folder / "site", version)), flush=True)
        # Neither the Python of this machine nor the checkout may be imported.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment |= {"PYTHONPATH": str(folder / "site"), "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}
        images = write_rendered_faces(folder, arguments.num_faces, image_size=64)
        return checked(
            arguments.models,
            lambda model: images,
            lambda model, images: predicted(model, images, python, environment),
        )


if __name__ == "__main__":
    sys.exit(main())
