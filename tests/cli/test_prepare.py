import json
import subprocess
import sys
import zipfile

import click
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from keras_fer.cli.main import main
from keras_fer.cli.prepare import PREPARE_OPTIONS, READER_OPTIONS, source_command
from keras_fer.data.prepare import PrepareOptions
from keras_fer.data.prepared import open_prepared
from keras_fer.data.readers import SOURCES, reader_options


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def write_tree(root, num_train=40, num_test=8):
    """Writes class folders with gray images of 36 pixels."""
    random = np.random.default_rng(0)
    for split, count in (("train", num_train), ("test", num_test)):
        for row in range(count):
            folder = root / split / ("happy", "sad")[row % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (36, 36), dtype=np.uint8)).save(folder / f"{row:03}.png")
    return root


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "raw")


def test_a_folder_is_prepared_and_shown(tree, tmp_path):
    result = run("prepare", "folder", tree, tmp_path / "out", "--validation-share", "0.2", "--workers", 2)
    assert result.exit_code == 0, result.output
    assert "48 gray images of 36 × 36 pixels;" in result.output
    lines = result.output.splitlines()
    assert "happiness          16           4           4" in lines
    assert "all                32           8           8" in lines
    assert "Dropped records: 0" in lines
    assert open_prepared(tmp_path / "out", verify="checksums").info["config"]["validation_share"] == 0.2


@pytest.mark.parametrize("inner", ["", "data/"])
def test_an_archive_gives_the_same_bytes_as_its_folder(tree, tmp_path, inner):
    with zipfile.ZipFile(tmp_path / "raw.zip", "w") as archive:
        for file in sorted(tree.rglob("*.png")):
            archive.write(file, inner + file.relative_to(tree).as_posix())
    assert run("prepare", "folder", tree, tmp_path / "folder").exit_code == 0
    assert run("prepare", "folder", tmp_path / "raw.zip", tmp_path / "archive").exit_code == 0
    for file in (tmp_path / "folder").iterdir():
        assert file.read_bytes() == (tmp_path / "archive" / file.name).read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["archive", "folder", "raw", "raw.zip"]


def test_options_reach_reader_and_preparation(tmp_path):
    rows = [f"{row}.png,{row % 2},{40},{20},{120},{100}" for row in range(40)]
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/list.csv").write_text("\n".join(["path,label,left,top,right,bottom", *rows]))
    random = np.random.default_rng(0)
    for row in range(40):
        photo = random.integers(0, 256, (140, 160, 3), dtype=np.uint8)
        Image.fromarray(photo).save(tmp_path / f"raw/{row}.png")
    result = run(
        *("prepare", "csv", tmp_path / "raw", tmp_path / "out", "--label-names", "anger,joy", "--seed", 3),
        *("--image-size", 64, "--crop-size", 56, "--crop-margin", 0.1, "--color", "gray"),
        *("--test-share", 0.3),
    )
    assert result.exit_code == 0, result.output
    dataset = open_prepared(tmp_path / "out")
    assert dataset.image_shape == (64, 64, 1)
    assert dataset.crop_size == 56
    assert set(dataset.label_names) == {"happiness", "anger"}
    config = dataset.info["config"]
    assert config["reader"] == {"file": "", "label_names": ["happiness", "anger"], "test_share": 0.3}
    assert (config["crop_margin"], config["color"], config["seed"]) == (0.1, "gray", 3)


def test_duplicates_of_test_images_are_noted_and_can_be_dropped(tree, tmp_path):
    (tree / "train/happy/000.png").write_bytes((tree / "test/happy/000.png").read_bytes())
    kept = run("prepare", "folder", tree, tmp_path / "kept")
    assert "Identical images: 2 in 1 groups" in kept.output
    assert "--drop-duplicates leaves out training images" in kept.output
    dropped = run("prepare", "folder", tree, tmp_path / "dropped", "--drop-duplicates")
    assert "Identical images: none" in dropped.output
    assert "Dropped records: 1 (same pixels as a test image 1)" in dropped.output


def assert_refused(result, message, folder, names):
    """Asserts one sentence, exit code 1, no traceback, and nothing new in the folder."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    last = result.output.strip().splitlines()[-1]
    assert last.startswith("Error: ")
    assert message in last
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(names)


def test_corrupt_images_beyond_the_limit_are_refused_with_their_counts(tree, tmp_path):
    for row in (0, 2, 4):
        (tree / f"train/happy/{row:03}.png").write_bytes(b"broken")
    result = run("prepare", "folder", tree, tmp_path / "out")
    assert_refused(result, "3 of 48 records (6.2 %) cannot be used", tmp_path, ["raw"])
    assert "undecodable image 3 (first: 'train/happy/000.png')" in result.output
    assert run("prepare", "folder", tree, tmp_path / "out", "--max-drop", 0.1).exit_code == 0


def test_bad_folders_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    names = ["empty", "truncated.tar.gz", "notes.txt"]
    (tmp_path / "truncated.tar.gz").write_bytes(b"\x1f\x8b\x08\x00")
    (tmp_path / "notes.txt").write_text("no data")
    for source in SOURCES:
        for name in ("empty", "absent", "truncated.tar.gz"):
            result = run("prepare", source, tmp_path / name, tmp_path / "out")
            assert_refused(result, name, tmp_path, names)
    result = run("prepare", "ferplus", tmp_path / "notes.txt", tmp_path / "out")
    assert_refused(result, "is a file", tmp_path, names)


def test_another_layout_is_refused(tree, tmp_path):
    assert_refused(
        run("prepare", "ferplus", tree, tmp_path / "out"), "Looked for: fer2013new.csv", tmp_path, ["raw"]
    )


def test_a_class_without_images_is_refused(tree, tmp_path):
    for file in (tree / "train/sad").iterdir():
        file.unlink()
    assert_refused(run("prepare", "folder", tree, tmp_path / "out"), "sad", tmp_path, ["raw"])


def test_an_output_in_use_is_refused(tree, tmp_path):
    for arguments in (("folder", tree), ("synthetic",)):
        result = run(
            "prepare", *arguments, tree, *(("--num-images", 8) if arguments == ("synthetic",) else ())
        )
        assert_refused(result, "exists already", tmp_path, ["raw"])


def test_changed_config_on_resume_is_refused(tree, tmp_path, monkeypatch):
    from keras_fer.data import prepare

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare, "_check_drops", interrupt)
        result = run("prepare", "folder", tree, tmp_path / "out")
    assert_refused(result, "Interrupted. The same command continues", tmp_path, ["out.partial", "raw"])
    result = run("prepare", "folder", tree, tmp_path / "out", "--seed", 1)
    assert_refused(
        result, "begun with another configuration (it differs in seed)", tmp_path, ["out.partial", "raw"]
    )
    assert run("prepare", "folder", tree, tmp_path / "out").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("facebook", "a", "b"), "There is no data set 'facebook'. There are: synthetic, affectnet, csv"),
        (("ferplus", "a"), "Missing argument 'OUT'"),
        (("ferplus", "a", "b", "--mode", "best"), "'best' is not one of 'majority', 'votes'"),
        (("ferplus", "a", "b", "--boxes", "annotated"), "No such option"),
        (("folder", "a", "b", "--image-size", "4"), "--image-size"),
        (("synthetic", "a", "b"), "unexpected extra argument"),
        (("synthetic", "a", "--difficulty", "absurd"), "'absurd' is not one of"),
    ],
)
def test_refused_arguments(arguments, message):
    result = run("prepare", *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_synthetic_faces(tmp_path):
    arguments = ("--num-images", 48, "--difficulty", "easy", "--image-size", 32, "--pairs", "--seed", 5)
    result = run("prepare", "synthetic", tmp_path / "out", *arguments, "--num-identities", 8, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert "48 RGB images of 32 × 32 pixels" in result.output
    assert "Exact pairs: 24" in result.output
    assert "8, 0 of them in several splits" in result.output
    assert open_prepared(tmp_path / "out").info["config"]["seed"] == 5


@pytest.mark.parametrize("source", SOURCES)
def test_every_option_of_a_reader_is_an_option_of_its_command(source):
    result = run("prepare", source, "--help")
    assert result.exit_code == 0
    for name in reader_options(source):
        assert f"--{name.replace('_', '-')}" in result.output
    assert f"keras-fer prepare {source} DIR" in result.output
    defaults = {parameter.name: parameter.default for parameter in source_command(source).params}
    for name, default in reader_options(source).items():
        assert defaults[name] == (",".join(default) if isinstance(default, tuple) else default)


def test_choices_are_those_of_the_readers():
    from keras_fer.data.readers.affectnet import BOXES
    from keras_fer.data.readers.fer2013 import USAGES
    from keras_fer.data.readers.ferplus import MODES

    for name, choices in (("boxes", BOXES), ("mode", MODES), ("test_usage", USAGES[1:])):
        kind = READER_OPTIONS[name][0]
        assert isinstance(kind, click.Choice)
        assert tuple(kind.choices) == tuple(choices)


def test_every_field_of_the_options_is_an_option():
    fields = set(PrepareOptions.__dataclass_fields__)
    assert fields == {*PREPARE_OPTIONS, "drop_duplicates", "num_workers"}


def test_refusing_needs_no_tensorflow(tmp_path):
    code = (
        "import json, sys\n"
        "from click.testing import CliRunner\n"
        "from keras_fer.cli.main import main\n"
        "for line in ('prepare --help', 'prepare ferplus --help', 'prepare x y z',\n"
        "             'prepare ferplus absent out', 'prepare synthetic --help',\n"
        "             'inspect absent', 'datasets'):\n"
        "    CliRunner().invoke(main, line.split())\n"
        "heavy = {'tensorflow', 'keras', 'cv2', 'sklearn', 'matplotlib'}\n"
        "print(json.dumps(sorted(heavy & set(sys.modules))))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert json.loads(found.stdout) == []
