"""Writes small data sets in the layouts of the real ones, with the defects that those are known for."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

CLASSES_8 = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
FER_CLASSES = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)
FERPLUS_HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def write_image(path: Path, seed: int = 0, size: int = 32) -> Path:
    """Writes a small noise image in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def write_text(path: Path, *lines: str, newline: str = "\n", encoding: str = "utf-8") -> Path:
    """Writes lines to a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((newline.join(lines) + newline).encode(encoding))
    return path


def landmarks_text(roll: float = 0.0, left: float = 4.0, top: float = 6.0) -> str:
    """Returns 68 points as the CSV release writes them: eyes 10 apart, rotated by `roll` degrees."""
    return ";".join(f"{x:.3f};{y:.3f}" for x, y in landmark_points(roll, left, top))


def landmark_points(roll: float = 0.0, left: float = 4.0, top: float = 6.0) -> list[tuple[float, float]]:
    """Returns 68 points; without roll the smallest box around them is (left, top, left+20, top+22)."""
    points = [(left, top)] * 36 + [(left + 5, top + 5)] * 6
    angle = np.radians(roll)
    points += [(left + 5 + 10 * np.cos(angle), top + 5 + 10 * np.sin(angle))] * 6
    return points + [(left + 20, top + 22)] * 20


def write_fer2013_folders(root: Path) -> None:
    """Class folders as in the Kaggle copy, whose test folder may hold both public and private images."""
    for position, name in enumerate(FER_CLASSES):
        for number in range(2):
            write_image(root / "train" / name / f"Training_{position}{number}.jpg", position, 48)
        write_image(root / "test" / name / f"PublicTest_{position}.jpg", 50 + position, 48)
    write_image(root / "test" / "happy" / "PrivateTest_9.jpg", 99, 48)
    write_text(root / "train" / "happy" / "Thumbs.db", "no image")


def write_fer2013_csv(root: Path) -> None:
    """The csv of the challenge as `icml_face_data.csv` has it, blanks in the header, with damaged rows."""
    pixels = " ".join(str(value % 256) for value in range(48 * 48))
    rows = [f"{label},Training,{pixels}" for label in range(7)]
    rows += [
        f"3,PublicTest,{pixels}",
        f"4,PrivateTest,{pixels}",
        "3,Training,1 2 3",
        f"3,Training,{pixels.replace('255', '256')}",
        f"7,Training,{pixels}",
        f"x,Training,{pixels}",
        f"3,Other,{pixels}",
        "3",
    ]
    write_text(root / "icml_face_data.csv", "emotion, Usage, pixels", *rows, newline="\r\n")


def write_ferplus(root: Path) -> None:
    """FER+ with every outcome of its voting rule, a missing image, and an image listed twice."""
    rows = [
        "Training,fer0000000.png,6,0,1,1,0,0,0,0,2,0",
        "Training,fer0000001.png,4,0,0,1,3,2,0,0,0,0",
        "Training,fer0000002.png,0,10,0,0,0,0,0,0,0,0",
        "Training,fer0000003.png,0,0,0,0,0,0,0,1,9,0",
        "Training,fer0000004.png,0,0,0,0,0,0,0,0,0,10",
        "Training,,0,0,0,0,0,0,0,0,0,10",
        "Training,fer0000005.png,1,1,1,1,1,1,1,1,1,1",
        "Training,fer0000006.png,0,0,8,0,0,0,2,0,0,0",
        "Training,fer0000002.png,0,10,0,0,0,0,0,0,0,0",
        "PublicTest,fer0000007.png,0,0,0,2,0,0,0,8,0,0",
        "PrivateTest,fer0000008.png,10,0,0,0,0,0,0,0,0,0",
        "Training,fer0000009.png,x,0,0,0,0,0,0,0,0,0",
        "Training,../../outside.png,10,0,0,0,0,0,0,0,0,0",
        "Elsewhere,fer0000010.png,10,0,0,0,0,0,0,0,0,0",
        "Training,fer0000011.png",
    ]
    write_text(root / "fer2013new.csv", FERPLUS_HEADER, *rows)
    for number in range(6):
        write_image(root / "FER2013Train" / f"fer{number:07}.png", number, 48)
    write_image(root / "FER2013Valid" / "fer0000007.png", 7, 48)


def npy_bytes(value: object) -> bytes:
    """Returns the bytes of a `.npy` file."""
    stream = io.BytesIO()
    np.save(stream, np.asarray(value), allow_pickle=True)
    return stream.getvalue()


def write_affectnet_npy(root: Path) -> None:
    """The release of 2021: string arrays, ids 8–10, −2 ratings, damaged and missing annotations."""

    def write(split: str, number: int, exp: object, val: object = "0.5", aro: object = "-0.25") -> None:
        write_image(root / split / "images" / f"{number}.jpg", number)
        folder = root / split / "annotations"
        folder.mkdir(exist_ok=True)
        points = np.array(landmark_points(roll=10)).ravel()
        for kind, value in (("exp", exp), ("val", val), ("aro", aro), ("lnd", points)):
            (folder / f"{number}_{kind}.npy").write_bytes(npy_bytes(value))

    for label in range(8):
        write("train_set", label, str(label))
    write("train_set", 8, "8")
    write("train_set", 9, 10)
    write("train_set", 10, "1", val="-2", aro="-2")
    write("train_set", 11, np.float64(2), val=np.float64(0.25), aro=np.array([-0.75]))
    write("train_set", 12, np.array([object()]))
    write("train_set", 13, "3")
    write("train_set", 14, "3")
    write("train_set", 15, "3")
    annotations = root / "train_set" / "annotations"
    (annotations / "13_exp.npy").write_bytes(npy_bytes("3")[:100])
    (annotations / "14_exp.npy").unlink()
    (root / "train_set" / "images" / "15.jpg").unlink()
    (annotations / "7_lnd.npy").unlink()
    for label in range(8):
        write("val_set", label, str(label))


def affectnet_row(path: str, label: object, box: str = "4,6,20,22", ratings: str = "0.5,-0.25") -> str:
    """Returns one row of the CSV release."""
    return f"{path},{box},{landmarks_text(roll=10)},{label},{ratings}"


def write_affectnet_csv(root: Path, header: bool = True, folders: bool = True) -> None:
    """The release of 2017: boxes, landmarks, .tif photos, NULL boxes, negative widths, bad paths."""
    photos = root / "Manually_Annotated_Images"
    lists = root / "Manually_Annotated_file_lists" if folders else root
    rows = [affectnet_row(f"{label}/photo{label}.jpg", label) for label in range(8)]
    for label in range(8):
        write_image(photos / str(label) / f"photo{label}.jpg", label)
    write_image(photos / "9" / "photo.tif", 9)
    rows += [
        affectnet_row("9/photo.tif", 1, box="24,6,-20,22", ratings="-2,-2"),
        affectnet_row("9/photo.tif", 1, box="NULL,NULL,NULL,NULL"),
        affectnet_row("9/photo.tif", 2, box="0,0,10,10"),
        affectnet_row("9/photo.tif", 1, box="4,6,20,22"),
        affectnet_row("0/photo0.jpg", 9),
        affectnet_row("1/photo1.jpg", 10, box="NULL,NULL,NULL,NULL", ratings="-2,-2"),
        affectnet_row("2/photo2.jpg", 2, box="0,0,0,10"),
        affectnet_row("1/missing.jpg", 1),
        affectnet_row("../../photo.jpg", 1),
        affectnet_row("/etc/hostname", 1),
        affectnet_row("2/photo2.jpg", "x"),
        "2/photo2.jpg,1,2",
    ]
    first = [AFFECTNET_HEADER] if header else []
    write_text(lists / "training.csv", *first, *rows, newline="\r\n")
    write_image(photos / "val" / "photo.jpg", 30)
    validation = [affectnet_row("val/photo.jpg", 3), affectnet_row("0/photo0.jpg", 0)]
    write_text(lists / "validation.csv", *first, *validation)
    automatic = root / "Automatically_Annotated_file_lists" if folders else root
    write_image(root / "Automatically_Annotated_Images" / "7" / "auto.jpg", 31)
    write_text(automatic / "automatically_annotated.csv", *first, affectnet_row("7/auto.jpg", 6))


def write_affectnet_folders(root: Path) -> None:
    """Class folders by id, with one for "none"."""
    for split in ("train", "val"):
        for label in range(9 if split == "train" else 8):
            write_image(root / split / str(label) / f"{split}{label}.jpg", label)


def write_rafdb(root: Path) -> None:
    """RAF-DB as its authors lay it out, in their folder `basic`."""
    lines = [f"train_{label:05}.jpg {label}" for label in range(1, 8)]
    for label in range(1, 8):
        write_image(root / "basic" / "Image" / "aligned" / f"train_{label:05}_aligned.jpg", label)
    write_image(root / "basic" / "Image" / "aligned" / "test_0001_aligned.jpg", 20)
    lines += [
        "test_0001.jpg 4",
        "train_00008.jpg 4",
        "train_00001.jpg 1",
        "train_00002.jpg 8",
        "other_00002.jpg 1",
        "train_00002.jpg",
        "train_/../../../../x.jpg 1",
    ]
    write_text(root / "basic" / "EmoLabel" / "list_patition_label.txt", *lines)


def write_rafdb_folders(root: Path) -> None:
    """The copy of RAF-DB with class folders by id."""
    for split in ("train", "test"):
        for label in range(1, 8):
            write_image(root / "DATASET" / split / str(label) / f"{split}_{label}_aligned.jpg", label)


def write_expw(root: Path) -> None:
    """ExpW: box order top left right bottom, several faces in a photo."""
    lines = [f"photo{label}.jpg 0 6 4 24 28 80.5 {label}" for label in range(7)]
    for label in range(7):
        write_image(root / "image" / "origin" / f"photo{label}.jpg", label)
    lines += [
        "photo0.jpg 1 0 1 11 10 10.25 3",
        "photo0.jpg 1 0 1 11 10 10.25 3",
        "photo0.jpg 2 0 11 1 10 99 3",
        "photo0.jpg 3 0 1 11 10 99 7",
        "missing.jpg 0 0 1 11 10 99 3",
        "../photo.jpg 0 0 1 11 10 99 3",
        "/etc/hostname 0 0 1 11 10 99 3",
        "photo0.jpg 4 0 1 11",
    ]
    write_text(root / "label" / "label.lst", *lines)


def write_folder(root: Path) -> None:
    """Class folders per split with names that mean expressions."""
    for split, names in (("train", ("Sad", "happy", "Neutral")), ("val", ("happy", "Sad"))):
        for name in names:
            for number in range(2):
                write_image(root / split / name / f"{split}{number}.png", number)


def write_folder_plain(root: Path) -> None:
    """Class folders of any names, without splits."""
    for name in ("zebra", "ape", "cow"):
        for number in range(10):
            write_image(root / name / f"{name}{number}.png", number)


def write_csv(root: Path) -> None:
    """A csv with every column, soft labels included, and damaged rows."""
    for number in range(3):
        write_image(root / "images" / f"{number}.png", number)
    header = "path,label,split,left,top,right,bottom,valence,arousal,subject,soft_sad,soft_happy"
    rows = [
        "images/0.png,happy,train,1,2,30,31,0.5,-0.5,anna,1,3",
        "images/1.png,,train,,,,,-2,,ben,3,1",
        "images/2.png,sadness,val,,,,,,,,,",
        "images/0.png,happy,train,1,2,30,31,0.5,-0.5,anna,1,3",
        "images/0.png,sad,train,5,2,30,31,0.5,-0.5,anna,1,3",
        "images/0.png,anger,train,6,2,30,31,0.5,-0.5,anna,1,3",
        "images/1.png,,train,,,,,0.5,0.5,ben,,",
        "images/1.png,,train,,,,,,,ben,,",
        "images/1.png,happy,train,,,,,,,ben,-1,2",
        "images/1.png,happy,train,3,,,,,,ben,1,2",
        "images/1.png,happy,elsewhere,,,,,,,ben,1,2",
        "images/9.png,happy,train,,,,,,,ben,1,2",
        "../images/0.png,happy,train,,,,,,,ben,1,2",
        ",happy,train,,,,,,,ben,1,2",
        "images/1.png,happy",
    ]
    write_text(root / "list.csv", header, *rows, encoding="utf-8-sig", newline="\r\n")


class Tree(NamedTuple):
    """A layout: its writer, the reader that reads it, options, and whether it may lie a folder deeper."""

    write: Callable[[Path], None]
    source: str
    options: dict[str, object] = {}  # noqa: RUF012 - never changed
    may_lie_deeper: bool = True


TREES = {
    "fer2013_folders": Tree(write_fer2013_folders, "fer2013"),
    "fer2013_folders_private": Tree(write_fer2013_folders, "fer2013", {"test_usage": "PrivateTest"}),
    "fer2013_csv": Tree(write_fer2013_csv, "fer2013"),
    "ferplus_majority": Tree(write_ferplus, "ferplus"),
    "ferplus_votes": Tree(write_ferplus, "ferplus", {"mode": "votes"}),
    "affectnet_npy": Tree(write_affectnet_npy, "affectnet"),
    "affectnet_npy_7": Tree(write_affectnet_npy, "affectnet", {"taxonomy": "expressions-7"}),
    "affectnet_csv": Tree(write_affectnet_csv, "affectnet"),
    "affectnet_csv_automatic": Tree(write_affectnet_csv, "affectnet", {"automatic": True}),
    "affectnet_csv_landmarks": Tree(write_affectnet_csv, "affectnet", {"boxes": "landmarks"}),
    "affectnet_folders": Tree(write_affectnet_folders, "affectnet"),
    "rafdb": Tree(write_rafdb, "rafdb", may_lie_deeper=False),  # It does already.
    "rafdb_folders": Tree(write_rafdb_folders, "rafdb", may_lie_deeper=False),
    "expw": Tree(write_expw, "expw"),
    "folder": Tree(write_folder, "folder", may_lie_deeper=False),
    "folder_plain": Tree(write_folder_plain, "folder", may_lie_deeper=False),
    "csv": Tree(write_csv, "csv", may_lie_deeper=False),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes `tree` or `shallow_tree` once for every layout that is such."""
    layouts = sorted(TREES)
    if "tree" in metafunc.fixturenames:
        metafunc.parametrize("tree", layouts, indirect=True)
    if "shallow_tree" in metafunc.fixturenames:
        shallow = [name for name in layouts if TREES[name].may_lie_deeper]
        metafunc.parametrize("shallow_tree", shallow, indirect=True)


@pytest.fixture
def tree(request: pytest.FixtureRequest, root: Path) -> tuple[Path, Tree]:
    """The root of a data set in a layout, and what was written."""
    TREES[request.param].write(root)
    return root, TREES[request.param]


@pytest.fixture
def shallow_tree(request: pytest.FixtureRequest, root: Path) -> tuple[Path, Tree]:
    """As `tree`, of the layouts that may lie a folder deeper."""
    TREES[request.param].write(root)
    return root, TREES[request.param]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty folder for a data set."""
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture(scope="session")
def trees() -> ModuleType:
    """The writers of this file: test modules cannot import each other."""
    return sys.modules[__name__]
