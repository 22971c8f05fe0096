"""A folder that looks like a built app."""

import pytest

from keras_fer.web.build import BUILT_FILES


@pytest.fixture
def built(tmp_path):
    """Returns the folder of an app of one line per file."""
    folder = tmp_path / "app"
    (folder / "wasm").mkdir(parents=True)
    for name in (*BUILT_FILES, "wasm/runtime.js", "wasm/runtime.wasm"):
        (folder / name).write_text(f"{name}\n", encoding="utf-8")
    return folder
