"""From a reader's records to a prepared data set: decode, crop, drop with a reason, carve, write."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import islice

import numpy as np

from keras_fer.atomic import require_new_folder
from keras_fer.data.cropping import COLORS, CropPlan, decoded, plan_crop
from keras_fer.data.duplicates import near_duplicate_groups, pixel_hashes
from keras_fer.data.packed_records import PackedRecords
from keras_fer.data.prepared import PreparedDataset, PreparedWriter
from keras_fer.data.readers import Reader
from keras_fer.data.readers.reasons import BY_PROTOCOL
from keras_fer.data.records import SPLITS, Record
from keras_fer.data.splitting import carve
from keras_fer.errors import FERError

TEST_DUPLICATE = "same pixels as a test image"
_DELIBERATE = BY_PROTOCOL | {TEST_DUPLICATE}


@dataclass(frozen=True)
class PrepareOptions:
    """How `prepare` crops, divides and checks.

    Args:
        image_size: side of the stored images, pixels. None: the size of the source where it has small
            square crops of one size; 112 where it has other crops; 128 where it has face boxes.
        crop_size: side of the centre square that a model sees, in stored pixels; the rest is for moving
            the image in training. None: 7/8 of `image_size` where there are face boxes, else all of it, so
            that a model sees the crops of a data set as it will see those of its users.
        crop_margin: what a model sees is the face box, made square, with this share of its side added on
            each side. Only for data with face boxes.
        color: `"rgb"`, `"gray"`, or `"auto"`: gray if 64 images spread over the data set are.
        validation_share: part of the training images that becomes the development split; not used where
            the data set has one.
        seed: seed of the development split.
        max_drop: largest share of records that may be dropped for defects; what the protocol of a data set
            leaves out does not count.
        drop_duplicates: drops training and validation images whose pixels equal those of a test image.
        num_workers: threads that decode; None for one per core.
    """

    image_size: int | None = None
    crop_size: int | None = None
    crop_margin: float = 0.0
    color: str = "auto"
    validation_share: float = 0.1
    seed: int = 0
    max_drop: float = 0.01
    drop_duplicates: bool = False
    num_workers: int | None = None

    def __post_init__(self) -> None:
        problems = [
            (
                self.image_size is not None and not 16 <= self.image_size <= 1024,
                "image_size",
                "from 16 to 1024",
            ),
            (self.crop_size is not None and not 16 <= self.crop_size <= 1024, "crop_size", "from 16 to 1024"),
            (not 0 <= self.crop_margin <= 2, "crop_margin", "from 0 to 2"),
            (self.color not in COLORS, "color", f"one of {', '.join(COLORS)}"),
            (not 0 <= self.validation_share < 1, "validation_share", "at least 0 and below 1"),
            (self.seed < 0, "seed", "at least 0"),
            (not 0 <= self.max_drop <= 1, "max_drop", "from 0 to 1"),
            (self.num_workers is not None and self.num_workers < 1, "num_workers", "at least 1"),
        ]
        for wrong, name, expected in problems:
            if wrong:
                raise FERError(f"`{name}` must be {expected}. Received: {name}={getattr(self, name)!r}")


def prepare(
    reader: Reader,
    output: str | os.PathLike,
    options: PrepareOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PreparedDataset:
    """Prepares a data set for training.

    Args:
        reader: yields the records, in the same order each time.
        output: the folder to make. What an interrupted run left beside it is continued.
        options: how to crop, divide and check.
        progress: called with the number of records that are done, and of all.

    Raises:
        FERError: if the reader finds another layout, the output is in use, or more than `options.max_drop`
            of the records are dropped; then nothing is left behind.
    """
    options = options or PrepareOptions()
    require_new_folder(output)
    records = PackedRecords(reader)
    plan = plan_crop(records, options.image_size, options.crop_size, options.crop_margin, options.color)
    num_workers = options.num_workers or os.cpu_count() or 1
    with PreparedWriter(
        output,
        source=reader.name,
        label_names=reader.label_names,
        image_shape=plan.image_shape,
        crop_size=plan.crop_size,
        config=_config(reader, options, plan),
        description=f"{reader.name}, {reader.release}",
    ) as writer:
        _require_same_records(writer, records)
        excluded = _test_hashes(records, plan, num_workers) if options.drop_duplicates else frozenset()
        subjects = _subject_numbers(records)
        done = writer.records_done
        for chunk in decoded(records.since(done), plan, num_workers):
            _write(writer, chunk, subjects, excluded)
            done += len(chunk)
            if progress is not None:
                progress(done, len(records))
        _check_drops(writer, options.max_drop)
        training_only = {record.source for record in records if record.training_only}
        return writer.finish(splits=_carved_splits(writer, reader.label_names, training_only, options))


def _config(reader: Reader, options: PrepareOptions, plan: CropPlan) -> dict:
    """Returns all that decides the result; a later run resumes only with the same."""
    own: tuple[dataclasses.Field, ...] = (
        dataclasses.fields(reader) if dataclasses.is_dataclass(reader) else ()
    )
    return {
        "release": reader.release,
        "reader": {
            field.name: getattr(reader, field.name) for field in own if field.init and field.name != "root"
        },
        "crop_margin": options.crop_margin,
        "color": plan.color,
        "validation_share": options.validation_share,
        "seed": options.seed,
        "drop_duplicates": options.drop_duplicates,
    }


def _require_same_records(writer: PreparedWriter, records: PackedRecords) -> None:
    """Refuses to resume if the records that an interrupted run wrote are not the first of the data set."""
    if not writer.records_done:
        return
    labels = {record.source: record.label for record in islice(records, writer.records_done)}
    columns = writer.columns()
    if writer.sources() != list(labels) or columns["labels"].tolist() != [
        labels[source] for source in columns["sources"].tolist()
    ]:
        raise FERError(
            f"The data set has changed since {str(writer.output)!r} was begun: "
            "repeat the command to begin anew."
        )


def _test_hashes(records: PackedRecords, plan: CropPlan, num_workers: int) -> frozenset[int]:
    """Returns the pixel hashes of the test images."""
    tests = (record for record in records if record.split == "test" and record.dropped is None)
    hashes: set[int] = set()
    for chunk in decoded(tests, plan, num_workers):
        images = [image for _, image in chunk if not isinstance(image, str)]
        hashes.update(pixel_hashes(np.array(images)).tolist())
    return frozenset(hashes)


def _subject_numbers(records: PackedRecords) -> dict[str, int]:
    """Numbers the subjects in order of first appearance."""
    names = dict.fromkeys(record.subject for record in records if record.subject is not None)
    return {name: number for number, name in enumerate(names)}


def _write(
    writer: PreparedWriter,
    chunk: Sequence[tuple[Record, np.ndarray | str]],
    subjects: dict[str, int],
    excluded: frozenset[int],
) -> None:
    """Appends the images of a chunk and drops the rest, in their order."""
    used: list[tuple[Record, np.ndarray]] = []
    for record, image in chunk:
        if not isinstance(image, str) and excluded and record.split != "test":
            image = TEST_DUPLICATE if int(pixel_hashes(image[None])[0]) in excluded else image
        if not isinstance(image, str):
            used.append((record, image))
            continue
        if used:
            _append(writer, used, subjects)
            used = []
        writer.drop(image, record.source)
    if used:
        _append(writer, used, subjects)


def _append(
    writer: PreparedWriter, used: Sequence[tuple[Record, np.ndarray]], subjects: dict[str, int]
) -> None:
    """Appends rows."""
    records = [record for record, _ in used]
    num_classes = len(writer.label_names)
    columns: dict[str, np.ndarray] = {}
    if any(record.soft_label is not None for record in records):
        hard = np.vstack([np.eye(num_classes), np.full((1, num_classes), 1 / num_classes)])
        columns["soft_labels"] = np.array([_probabilities(record, hard) for record in records])
    if any(record.valence_arousal is not None for record in records):
        columns["valence_arousal"] = np.array(
            [record.valence_arousal or (np.nan, np.nan) for record in records]
        )
    if any(record.box is not None for record in records):
        columns["boxes"] = np.array([record.box or (np.nan,) * 4 for record in records])
    names = sorted({name for record in records for name in record.factors})
    writer.append(
        np.array([image for _, image in used]),
        labels=[record.label for record in records],
        splits=[SPLITS.index(record.split) for record in records],
        sources=[record.source for record in records],
        subjects=[-1 if record.subject is None else subjects[record.subject] for record in records],
        factors={name: np.array([record.factors.get(name, np.nan) for record in records]) for name in names},
        **columns,
    )


def _probabilities(record: Record, hard: np.ndarray) -> np.ndarray:
    """Returns the soft label of a record, or its label as probabilities."""
    if record.soft_label is None:
        return hard[record.label]
    votes = np.array(record.soft_label, np.float64)
    return votes / votes.sum()


def _check_drops(writer: PreparedWriter, max_drop: float) -> None:
    """Raises FERError if too large a share of the records has defects."""
    drops = writer.drops()
    reasons = Counter(reason for reason in drops["drop_reasons"].tolist() if reason not in _DELIBERATE)
    num_defects = sum(reasons.values())
    total = writer.num_rows + num_defects
    if num_defects > max_drop * total:
        counts = ", ".join(f"{reason} {count}" for reason, count in reasons.most_common())
        first = next(
            source
            for source, reason in zip(drops["drop_sources"], drops["drop_reasons"], strict=True)
            if reason in reasons
        )
        raise FERError(
            f"{num_defects} of {total} records ({100 * num_defects / total:.1f} %) cannot be used, more than "
            f"the limit of {100 * max_drop:g} %: {counts} (first: {str(first)!r}). "
            "Repair the data set or raise the limit with --max-drop."
        )


def _carved_splits(
    writer: PreparedWriter, label_names: Sequence[str], training_only: Set[str], options: PrepareOptions
) -> np.ndarray:
    """Returns the splits with the development split carved from train, unless the data set has one.

    Images that may only teach have no part in the draw, so that it is the same with and without them; those
    that belong to a group that was drawn go with it.
    """
    columns = writer.columns()
    splits = columns["splits"].copy()
    if not np.any(splits == SPLITS.index("validation")):
        subjects, hashes = columns["subjects"], columns["perceptual_hashes"]
        only_teach = np.isin(columns["sources"], list(training_only))
        judges = np.flatnonzero(~only_teach)
        drawn_from = splits[judges] == SPLITS.index("train")
        train = judges[drawn_from]
        groups = _groups(subjects[judges], hashes[judges])[drawn_from]
        chosen = carve(columns["labels"][train], groups, options.validation_share, options.seed)
        splits[train[chosen]] = SPLITS.index("validation")
        if len(judges) < len(splits):
            groups = _groups(subjects, hashes)
            drawn = np.isin(groups, groups[train[chosen]])
            splits[drawn & only_teach] = SPLITS.index("validation")
    in_train = np.unique(columns["labels"][splits == SPLITS.index("train")])
    missing = [name for label, name in enumerate(label_names) if label not in in_train]
    if missing and len(in_train[in_train >= 0]):
        raise FERError(f"There are no usable training images of {', '.join(missing)}. Add some.")
    return splits


def _groups(subjects: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Returns what must stay together: the images of a person, else images that are nearly the same."""
    similar = near_duplicate_groups(hashes)
    return np.where(subjects >= 0, subjects, subjects.max(initial=-1) + 1 + similar)
