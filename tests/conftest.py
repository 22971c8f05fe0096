"""Lets `pytest` run in a bare checkout: registers `cli/` and `export/` under their installed names."""

import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

if importlib.util.find_spec("keras_fer") is None:
    sys.path.insert(0, str(ROOT))


def _register(folder: str) -> None:
    """Makes `ROOT/folder` importable as `keras_fer.folder` where the package is not installed."""
    name = f"keras_fer.{folder}"
    if importlib.util.find_spec(name) is not None:
        return
    spec = importlib.util.spec_from_file_location(
        name, ROOT / folder / "__init__.py", submodule_search_locations=[str(ROOT / folder)]
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


_register("cli")
_register("export")
