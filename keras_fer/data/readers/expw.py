"""ExpW, Expression in the Wild (Zhang, Luo, Loy and Tang, IJCV 2018): 91,793 faces in web photos.

`label.lst`, one face per line: image name, number of the face, box as **top left right bottom**,
confidence of the box, expression id; photos in `image/` or `image/origin/`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from keras_fer.data.readers import reasons
from keras_fer.data.readers.boxes import box_from_edges
from keras_fer.data.readers.folders import RootFolder, candidates, layout_error
from keras_fer.data.readers.listing import Listing
from keras_fer.data.readers.splits import TEST_SHARE, hashed_split, require_share
from keras_fer.data.readers.tables import number, text_lines
from keras_fer.data.records import Record
from keras_fer.errors import FERError
from keras_fer.labels import EXPRESSIONS_7

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
LIST_NAMES = ("label.lst", "label/label.lst")
IMAGE_FOLDERS = ("image/origin", "data/image/origin", "origin", "image", "data/image")
_NUM_CELLS = 8


@dataclass(frozen=True)
class ExpwReader:
    """Reads ExpW.

    It has no official splits: a share of the photos, chosen by a hash of their names, is the test
    split, and faces in the same photo stay together.

    Args:
        root: folder with `label.lst` and the photos.
        test_share: share of the photos that become the test split, in [0, 1).
        min_confidence: faces whose box has a lower confidence are dropped.

    Raises:
        FERError: if the list or the folder of photos is missing.
    """

    root: Path
    test_share: float = TEST_SHARE
    min_confidence: float = 0.0
    name: str = field(default="expw", init=False)
    label_names: tuple[str, ...] = field(default=EXPRESSIONS_7, init=False)
    release: str = field(default="label.lst with photos", init=False)
    _list: Path = field(init=False, repr=False)
    _images: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        require_share(self.test_share)
        RootFolder(self.root)
        bases = candidates(self.root)
        path = next((base / name for base in bases for name in LIST_NAMES if (base / name).is_file()), None)
        if path is None:
            raise layout_error("expw", self.root, "label.lst with photos in image/ or image/origin/")
        images = next(
            (base / name for name in IMAGE_FOLDERS for base in bases if (base / name).is_dir()), None
        )
        if images is None:
            raise FERError(f"{str(path)!r} is there but none of the folders {', '.join(IMAGE_FOLDERS)}.")
        object.__setattr__(self, "_list", path)
        object.__setattr__(self, "_images", images.relative_to(self.root).as_posix())

    def __iter__(self) -> Iterator[Record]:
        folder, listing = RootFolder(self.root), Listing()
        list_source = folder.source(self._list)
        for row_number, line in text_lines(self._list):
            row_source, parts = f"{list_source}#{row_number}", line.split()
            if len(parts) != _NUM_CELLS:
                record = Record(row_source, "train", dropped=reasons.MALFORMED_ROW)
            else:
                record = self._record(folder, parts)
            yield listing.add(record, row_source)

    def _record(self, folder: RootFolder, parts: Sequence[str]) -> Record:
        image_name, face, top, left, right, bottom, confidence, expression = parts
        relative = PurePosixPath(self._images, image_name).as_posix()
        source, split = f"{relative}#{face}", hashed_split(image_name, self.test_share)
        label = number(expression)
        image, box = None, None
        reason = None if label in range(len(CLASSES)) else reasons.MALFORMED_LABEL
        if reason is None and not number(confidence) >= self.min_confidence:
            reason = reasons.LOW_CONFIDENCE
        if reason is None:
            image, reason = folder.locate(relative)
        if reason is None:
            box, reason = box_from_edges(left, top, right, bottom)
        if reason is not None:
            return Record(source, split, dropped=reason)
        return Record(
            source,
            split,
            image=image,
            label=EXPRESSIONS_7.index(CLASSES[int(label)]),
            box=box,
            factors={"box_confidence": number(confidence)},
        )
