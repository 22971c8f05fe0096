import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.readers.folders import RootFolder, entries, image_names, layout_error
from keras_fer.errors import FERError

LEAVES = "path leaves the root"
MISSING = "missing file"


@pytest.fixture
def folder(root, trees, tmp_path):
    trees.write_image(root / "a" / "x.png")
    trees.write_image(tmp_path / "secret.png")
    (root / "a" / "link.png").symlink_to(root / "a" / "x.png")
    (root / "a" / "out.png").symlink_to(tmp_path / "secret.png")
    (root / "a" / "loop.png").symlink_to(root / "a" / "loop.png")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "a" / "pipe.png")
    return RootFolder(root)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/x.png", None),
        ("./a//x.png", None),
        ("a\\x.png", None),
        ("a/link.png", None),
        ("a/out.png", LEAVES),
        ("up/secret.png", LEAVES),
        ("../secret.png", LEAVES),
        ("a/../a/x.png", LEAVES),
        ("..\\secret.png", LEAVES),
        ("/etc/hostname", LEAVES),
        ("\\\\server\\share\\x.png", LEAVES),
        ("C:\\x.png", LEAVES),
        ("c:x.png", LEAVES),
        ("a/y.png", MISSING),
        ("a", MISSING),
        ("", MISSING),
        ("a/\0.png", MISSING),
        ("a/loop.png", MISSING),
        ("a/pipe.png", MISSING),
        ("x" * 5000, MISSING),
        ("a/x.png/y", MISSING),
    ],
)
def test_locate(folder, name, reason):
    path, found = folder.locate(name)
    assert found == reason
    assert (path is None) == (reason is not None)


def test_a_root_that_is_a_link_is_followed(tmp_path, root, trees):
    trees.write_image(root / "x.png")
    (tmp_path / "link").symlink_to(root)
    assert RootFolder(tmp_path / "link").locate("x.png") == (tmp_path / "link" / "x.png", None)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=20))
def test_any_name_is_a_path_inside_or_a_reason(tmp_path_factory, name):
    root = tmp_path_factory.getbasetemp()
    path, reason = RootFolder(root).locate(name)
    assert (path is None) == (reason is not None)
    assert path is None or path.resolve().is_relative_to(root.resolve())


def test_entries_are_sorted_and_visible(root):
    for name in ("b", "a", ".c"):
        (root / name).write_text("")
    (root / "__MACOSX").mkdir()
    (root / "x.png").mkdir()
    assert [entry.name for entry in entries(root)] == ["a", "b", "x.png"]
    assert image_names(root) == []


def test_a_layout_error_shows_only_the_first_entries(root):
    for number in range(12):
        (root / f"{number:02}").mkdir()
    message = str(layout_error("some", root, "this"))
    assert message.endswith(
        "has no layout of some. Looked for: this. Found: 00/, 01/, 02/, 03/, 04/, 05/, 06/, 07/ and 4 more"
    )


def test_a_root_that_is_no_folder(root):
    with pytest.raises(FERError, match="There is no folder or archive"):
        RootFolder(root / "none")
