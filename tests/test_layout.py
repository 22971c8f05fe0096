"""The layout of the repository: which way imports point, names, sizes, and where tests lie."""

import ast
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "keras_fer": ROOT / "keras_fer",
    "keras_fer.cli": ROOT / "cli",
    "keras_fer.export": ROOT / "export",
}

# A module may import from lower layers and from its own package, never from higher ones.
LAYERS = {
    "version": 0,
    "errors": 0,
    "field_types": 0,
    "atomic": 0,
    "folder_lock": 0,
    "checksum": 0,
    "labels": 0,
    "contract": 0,
    "runtime": 1,
    "web": 2,
    "data": 2,
    "models": 3,
    "training": 4,
    "evaluation": 4,
    "export": 5,
    "cli": 6,
}
# Seconds to import, or absent where only the runtime is installed.
HEAVY = {"tensorflow", "keras", "cv2", "sklearn", "matplotlib"}
# The one module of the runtime that imports OpenCV, inside a function: for those who have it.
OPTIONAL_IN_RUNTIME = {"keras_fer.runtime.opencv": {"cv2"}}
LIGHT_AT_MODULE_LEVEL = {layer for layer, height in LAYERS.items() if height < 2} | {"web", "cli"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "core", "misc"}
LARGEST_MODULE = 400
# Run by hand.
SCRIPTS = [path for folder in ("benchmarks", "fuzzing") for path in (ROOT / folder).glob("*.py")]
# Tests of the whole repository rather than of one module.
REPOSITORY_TESTS = {"test_layout", "test_docs", "test_planted_bugs"}


def modules():
    """Returns the source files by dotted name."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


MODULES = modules()


def layer(name):
    """Returns the layer of a dotted name, `keras_fer.data.records` -> `data`; None for the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


def imported(source, module_level_only=False):
    """Returns the dotted names that a source imports, also inside functions and for type checking."""
    tree = ast.parse(source)
    nodes = _module_level(tree.body) if module_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            prefix = "." * node.level + (node.module or "")
            names.update(
                f"{prefix}.{alias.name}" if prefix == "keras_fer" else prefix for alias in node.names
            )
    return names


def _module_level(body):
    """Yields the statements that run when a module is imported; a `TYPE_CHECKING` block does not."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        for field in ("body", "orelse", "finalbody"):
            yield from _module_level(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _module_level(handler.body)


def wrong_directions(name, source):
    """Returns the imports of a module that point to a higher layer or across."""
    own = layer(name)
    wrong = []
    for target in imported(source):
        other = layer(target) if target.split(".")[0] == "keras_fer" else None
        if other not in LAYERS or other == own:
            continue
        if LAYERS[other] > LAYERS[own] or (own, other) == ("evaluation", "training"):
            wrong.append(target)
    return wrong


def heavy_at_module_level(source):
    """Returns the heavy packages that importing a source imports."""
    return {name.split(".")[0] for name in imported(source, module_level_only=True)} & HEAVY


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name)])
def test_module_is_in_a_known_layer(name):
    assert layer(name) in LAYERS


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name)])
def test_imports_point_one_way(name):
    assert wrong_directions(name, MODULES[name].read_text()) == []


@pytest.mark.parametrize("name", MODULES)
def test_imports_are_absolute(name):
    assert not [target for target in imported(MODULES[name].read_text()) if target.startswith(".")]


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) in LIGHT_AT_MODULE_LEVEL])
def test_light_modules_import_nothing_heavy(name):
    assert heavy_at_module_level(MODULES[name].read_text()) == set()


@pytest.mark.parametrize("name", [name for name in MODULES if layer(name) == "runtime"])
def test_runtime_never_imports_what_devices_lack(name):
    packages = {target.split(".")[0] for target in imported(MODULES[name].read_text())}
    packages -= OPTIONAL_IN_RUNTIME.get(name, set())
    assert packages & (HEAVY | {"tf_keras", "scipy", "click"}) == set()


@pytest.mark.parametrize("name", MODULES)
def test_names_say_what_is_inside(name):
    assert not VAGUE_NAMES & set(name.split("."))


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_short(name):
    assert len(MODULES[name].read_text().splitlines()) <= LARGEST_MODULE


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda path: path.stem)
def test_tests_lie_where_their_module_lies(path):
    if path.stem in REPOSITORY_TESTS:
        return
    *folders, name = path.relative_to(ROOT / "tests").with_suffix("").parts
    name = name.removeprefix("test_")
    if folders[:1] in (["benchmarks"], ["fuzzing"], ["examples"]):
        script = f"{folders[0]}/{name}.{'sh' if folders == ['examples'] else 'py'}"
        assert (ROOT / script).is_file(), f"there is no {script}"
        return
    # A test over all modules of a package is named after the package and lies in its folder; one of
    # several about the same module adds what it is about: test_MODULE_ASPECT.
    package = ".".join(("keras_fer", *folders))
    candidates = {package} if folders[-1:] == [name] else set()
    words = name.split("_")
    candidates |= {f"{package}.{'_'.join(words[:end])}" for end in range(1, len(words) + 1)}
    assert candidates & set(MODULES), (
        f"{path.relative_to(ROOT)} mirrors no module: there is no {package}.{name}"
    )


@pytest.mark.parametrize("path", sorted(SCRIPTS), ids=lambda path: path.name)
def test_scripts_import_what_there_is(path):
    """They run too seldom for a renamed module to be noticed."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keras_fer"):
            module = import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or find_spec(f"{node.module}.{alias.name}"), alias.name


@pytest.mark.parametrize(
    ("name", "source", "wrong"),
    [
        ("keras_fer.data.a", "from keras_fer.runtime.images import load_image", []),
        ("keras_fer.data.a", "from keras_fer.data.b import c", []),
        ("keras_fer.runtime.a", "from keras_fer.data.records import Box", ["keras_fer.data.records"]),
        ("keras_fer.runtime.a", "def f():\n    import keras_fer.data", ["keras_fer.data"]),
        ("keras_fer.data.a", "from keras_fer import models", ["keras_fer.models"]),
        ("keras_fer.evaluation.a", "from keras_fer.training import fit", ["keras_fer.training"]),
        ("keras_fer.contract", "from keras_fer.errors import FERError", []),
        ("keras_fer.export.a", "from keras_fer.cli.main import main", ["keras_fer.cli.main"]),
    ],
)
def test_planted_directions_are_seen(name, source, wrong):
    assert wrong_directions(name, source) == wrong


@pytest.mark.parametrize(
    ("source", "heavy"),
    [
        ("import tensorflow as tf", {"tensorflow"}),
        ("try:\n    import cv2\nexcept ImportError:\n    import sklearn.svm", {"cv2", "sklearn"}),
        ("class A:\n    import keras", {"keras"}),
        ("def f():\n    import keras", set()),
        ("if TYPE_CHECKING:\n    import keras", set()),
    ],
)
def test_planted_heavy_imports_are_seen(source, heavy):
    assert heavy_at_module_level(source) == heavy
