"""Maps the top-level folders `cli/` and `export/` into the package.

Everything else about the build is in `pyproject.toml`. The two folders are installed as
`keras_fer.cli` and `keras_fer.export`, so that site-packages gains one name only: two
distributions that both ship a top-level `cli` silently overwrite each other.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["keras_fer", "keras_fer.*"]),
        *(f"keras_fer.{name}" for name in find_packages(include=["cli", "cli.*", "export", "export.*"])),
    ],
    package_dir={"keras_fer.cli": "cli", "keras_fer.export": "export"},
)
