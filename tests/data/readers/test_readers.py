"""What every reader promises, on every layout."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from keras_fer.data.readers import SOURCES, open_source, reader_options
from keras_fer.data.records import SPLITS, Record
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8, canonical_expression


def describe(record: Record) -> tuple:
    """Returns a record as a value that can be compared: arrays by content, NaN equal to NaN."""
    image = record.image.tobytes() if isinstance(record.image, np.ndarray) else record.image
    return (*(repr(value) for name, value in vars(record).items() if name != "image"), image)


def test_records_are_the_same_in_every_iteration_and_every_reader(tree):
    root, written = tree
    reader = open_source(written.source, root, **written.options)
    first = [describe(record) for record in reader]
    assert first == [describe(record) for record in reader]
    assert first == [describe(record) for record in open_source(written.source, root, **written.options)]


def test_order_does_not_depend_on_the_file_system(tree, monkeypatch):
    root, written = tree
    expected = [record.source for record in open_source(written.source, root, **written.options)]
    scandir = os.scandir

    class Reversed:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = list(entries)[::-1]

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *error):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    found = [record.source for record in open_source(written.source, root, **written.options)]
    assert found == expected


def test_records_are_valid(tree):
    root, written = tree
    reader = open_source(written.source, root, **written.options)
    records = list(reader)
    sources = [record.source for record in records]
    assert len(set(sources)) == len(sources)
    assert reader.name == written.source
    assert reader.release
    assert len(reader.label_names) >= 2
    for record in records:
        assert record.split in SPLITS
        if record.dropped is not None:
            assert record.dropped == record.dropped.strip() != ""
            continue
        assert -1 <= record.label < len(reader.label_names)
        if isinstance(record.image, Path):
            assert record.image.is_file()
            assert record.image.is_relative_to(root)
        else:
            assert record.image.dtype == np.uint8
            assert record.image.ndim in (2, 3)
        if record.box is not None:
            assert record.box.right > record.box.left
            assert record.box.bottom > record.box.top
        if record.soft_label is not None:
            assert len(record.soft_label) == len(reader.label_names)
            assert sum(record.soft_label) == pytest.approx(1)
        for rating in record.valence_arousal or ():
            assert math.isnan(rating) or -1 <= rating <= 1


def test_every_split_of_the_tree_is_found(tree):
    root, written = tree
    options = written.options | ({"test_share": 0.5} if written.source == "expw" else {})
    reader = open_source(written.source, root, **options)
    assert {record.split for record in reader if record.dropped is None} >= {"train", "test"}


def test_expressions_come_in_the_canonical_order(tree):
    root, written = tree
    names = open_source(written.source, root, **written.options).label_names
    if all(canonical_expression(name) for name in names):
        assert names == tuple(name for name in EXPRESSIONS_8 if name in names)


def test_iteration_is_lazy(tree, monkeypatch):
    root, written = tree
    reader = open_source(written.source, root, **written.options)
    located = []
    monkeypatch.setattr(
        "keras_fer.data.readers.folders.RootFolder.locate",
        lambda self, relative: located.append(relative) or (None, "missing file"),
    )
    next(iter(reader))
    assert len(located) <= 1


def test_an_archive_folder_more_changes_nothing(shallow_tree, tmp_path):
    root, written = shallow_tree
    expected = [describe(record) for record in open_source(written.source, root, **written.options)]
    outer = tmp_path / "outer"
    outer.mkdir()
    root.rename(outer / "inner")
    moved = list(open_source(written.source, outer, **written.options))
    assert len(moved) == len(expected)
    assert all(record.source.startswith("inner/") or record.source[0] == "/" for record in moved)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_another_layout_is_one_clear_error(source, root, trees):
    trees.write_text(root / "notes.txt", "no data set")
    with pytest.raises(FERError, match=r"Looked for: .+ Found: notes\.txt"):
        open_source(source, root)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_an_empty_folder_is_one_clear_error(source, root):
    with pytest.raises(FERError, match="the folder is empty"):
        open_source(source, root)


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_no_folder_is_one_clear_error(source, tmp_path):
    with pytest.raises(FERError, match="There is no folder or archive"):
        open_source(source, tmp_path / "none")


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"csv"}))
def test_a_file_instead_of_a_folder_is_one_clear_error(source, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FERError, match="is a file"):
        open_source(source, tmp_path / "file")


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_an_unreadable_folder_is_one_clear_error(source, root, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(FERError, match="cannot be read: Permission denied"):
        open_source(source, root)


def test_an_unknown_data_set_names_those_that_there_are():
    with pytest.raises(FERError, match=r"no data set 'mnist'. There are: affectnet, csv, .+rafdb"):
        open_source("mnist", ".")


def test_an_unknown_option_names_those_that_there_are(root):
    with pytest.raises(FERError, match=r"no option 'modus'. It has: mode, test_usage"):
        open_source("ferplus", root, modus="votes")
    with pytest.raises(FERError, match=r"no option 'name'"):
        open_source("ferplus", root, name="x")
    with pytest.raises(FERError, match="It has none"):
        open_source("rafdb", root, mode="x")


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("ferplus", {"mode": "mean"}),
        ("ferplus", {"test_usage": "Training"}),
        ("fer2013", {"test_usage": "all"}),
        ("affectnet", {"taxonomy": "expressions-9"}),
        ("affectnet", {"boxes": "none"}),
        ("expw", {"test_share": 1.5}),
        ("expw", {"test_share": math.nan}),
        ("folder", {"test_share": 1}),
        ("csv", {"test_share": -0.1}),
    ],
)
def test_a_wrong_option_says_what_was_expected(source, options, root):
    with pytest.raises(FERError, match=rf"The option '{next(iter(options))}' must be .+ Received: "):
        open_source(source, root, **options)


@pytest.mark.parametrize("names", ["sad, happy,", ("sad", "happy")])
def test_names_may_be_one_text_with_commas(root, trees, names):
    trees.write_text(root / "a.csv", "path,label", "x.png,0", "y.png,1")
    assert open_source("csv", root, label_names=names).label_names == ("happiness", "sadness")


def test_options_are_listed_with_their_defaults():
    assert reader_options("ferplus") == {"mode": "majority", "test_usage": "PublicTest"}
    assert reader_options("rafdb") == {}


def test_every_source_is_described():
    for info in SOURCES.values():
        assert info.layout
        assert info.licence
