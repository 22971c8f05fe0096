"""FER+ (arXiv 1608.01041): the images of FER2013 with the votes of ten taggers each, 8 expressions.

Layout of its authors: `fer2013new.csv` beside `FER2013Train/`, `FER2013Valid/`, `FER2013Test/` (or
these in `data/`). The rule that selects images is theirs: votes of a single tagger are removed as
outliers; an image is kept if one class then has more than half of the votes that are left; images
where that class is "unknown" or "NF" (no face) are dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_fer.data.readers import reasons
from keras_fer.data.readers.fer2013 import USAGES, usage_split
from keras_fer.data.readers.folders import RootFolder, candidates, layout_error, require_choice
from keras_fer.data.readers.listing import Listing
from keras_fer.data.readers.tables import Table, number, open_table
from keras_fer.data.records import Record
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_8

CSV_NAME = "fer2013new.csv"
IMAGE_FOLDERS = dict(zip(USAGES, ("FER2013Train", "FER2013Valid", "FER2013Test"), strict=True))
NOT_EXPRESSIONS = ("unknown", "nf")
MODES = ("majority", "votes")
# By name: the csv has another order of the columns.
_VOTES = (*EXPRESSIONS_8, *NOT_EXPRESSIONS)


@dataclass(frozen=True)
class FerPlusReader:
    """Reads FER+.

    Every record has a label and, as `soft_label`, the distribution of the votes over the expressions
    without those of a single tagger.

    Args:
        root: folder with `fer2013new.csv` and the image folders.
        mode: `"majority"` keeps images where one expression has more than half of the votes, the
            protocol that is compared in the literature; `"votes"` also teaches with the training images
            without a majority, with the most voted expression as label. `prepare` lets none of these judge
            but those that nearly equal a validation image.
        test_usage: `"PublicTest"` (FER2013Valid is the test split, FER2013Test is held out) or
            `"PrivateTest"` (FER2013Test is the test split and FER2013Valid the validation split).

    Raises:
        FERError: if the list or an image folder is missing.
    """

    root: Path
    mode: str = "majority"
    test_usage: str = "PublicTest"
    name: str = field(default="ferplus", init=False)
    label_names: tuple[str, ...] = field(default=EXPRESSIONS_8, init=False)
    release: str = field(init=False)
    _table: Table = field(init=False, repr=False)
    _images: Path = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_choice("mode", self.mode, MODES)
        require_choice("test_usage", self.test_usage, USAGES[1:])
        RootFolder(self.root)
        base = next((base for base in candidates(self.root) if (base / CSV_NAME).is_file()), None)
        if base is None:
            raise layout_error("ferplus", self.root, f"{CSV_NAME} beside {', '.join(IMAGE_FOLDERS.values())}")
        table = open_table(base / CSV_NAME)
        table.require(("usage", "image name", *_VOTES), "FER+ votes")
        images = base if (base / IMAGE_FOLDERS["Training"]).is_dir() else base / "data"
        for usage in ("Training", self.test_usage):
            if not (images / IMAGE_FOLDERS[usage]).is_dir():
                raise FERError(
                    f"{str(base)!r} has {CSV_NAME} but no folder {IMAGE_FOLDERS[usage]}: "
                    "make it with the authors' generate_training_data.py from fer2013.csv."
                )
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_images", images)
        object.__setattr__(self, "release", f"{CSV_NAME} with image folders, {self.mode}")

    def __iter__(self) -> Iterator[Record]:
        folder, listing = RootFolder(self.root), Listing()
        list_source = folder.source(self._table.path)
        for row_number, cells in self._table.rows():
            row_source = f"{list_source}#{row_number}"
            yield listing.add(self._record(folder, row_source, cells), row_source)

    def _record(self, folder: RootFolder, row_source: str, cells: Mapping[str, str] | None) -> Record:
        if cells is None or cells["usage"] not in USAGES:
            malformed = reasons.MALFORMED_ROW if cells is None else reasons.UNKNOWN_SPLIT
            return Record(row_source, "train", dropped=malformed)
        split, file = usage_split(cells["usage"], self.test_usage), cells["image name"]
        if split is None:
            return Record(row_source, "test", dropped=reasons.HELD_OUT)
        if not file:
            return Record(row_source, split, dropped=reasons.NO_IMAGE_NAME)
        prefix = folder.source(self._images / IMAGE_FOLDERS[cells["usage"]])
        relative = PurePosixPath(prefix, file).as_posix()
        votes, image = [number(cells[name]) for name in _VOTES], None
        label, soft_label, reason = expression_of(votes, "majority")
        training_only = reason == reasons.NO_MAJORITY and self.mode == "votes" and split == "train"
        if training_only:
            label, soft_label, reason = expression_of(votes, "votes")
        if reason is None:
            image, reason = folder.locate(relative)
        if reason is not None:
            return Record(relative, split, dropped=reason)
        return Record(
            relative, split, image=image, label=label, soft_label=soft_label, training_only=training_only
        )


def expression_of(votes: Sequence[float], mode: str) -> tuple[int, tuple[float, ...] | None, str | None]:
    """Turns the votes for one image into its label, by the rule of the FER+ authors.

    Args:
        votes: votes for `EXPRESSIONS_8`, then unknown and no face; NaN where a cell was no number.
        mode: `"majority"` or `"votes"`.

    Returns:
        Label, distribution over the expressions, and None; or −1, None, and the reason to drop it.
    """
    if not all(vote >= 0 for vote in votes) or not any(votes):
        return -1, None, reasons.MALFORMED_LABEL
    kept = [vote if vote > 1 else 0.0 for vote in votes]
    most = max(kept)
    if mode == "majority" and not most > 0.5 * sum(kept):
        return -1, None, reasons.NO_MAJORITY
    if mode == "votes" and most == 0:
        kept = list(votes)  # every tagger saw something else: all votes are as good as another
        most = max(kept)
    label = kept.index(most)
    if label >= len(EXPRESSIONS_8):
        return -1, None, reasons.NO_EXPRESSION
    expressions = kept[: len(EXPRESSIONS_8)]
    return label, tuple(vote / sum(expressions) for vote in expressions), None
