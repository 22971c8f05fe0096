"""Packed records are the records, whatever they hold, in a fraction of the memory."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_fer.data.packed_records import PackedRecords
from keras_fer.data.records import SPLITS, Box, Record

NUMBERS = st.floats(width=64) | st.integers(-5, 2000)
NAMES = st.text(st.characters(), max_size=8) | st.just("\udcff.jpg")
RECORDS = st.builds(
    Record,
    source=NAMES,
    split=st.sampled_from(SPLITS),
    image=st.none()
    | st.sampled_from([Path("a/b.jpg"), Path("/root/\udcff.png"), np.arange(6, dtype=np.uint8)]),
    label=st.integers(-1, 7),
    box=st.none() | st.builds(Box, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    soft_label=st.none() | st.tuples(NUMBERS, NUMBERS),
    valence_arousal=st.none() | st.tuples(NUMBERS, NUMBERS),
    subject=st.none() | NAMES,
    factors=st.dictionaries(NAMES, NUMBERS, max_size=3),
    training_only=st.booleans(),
    dropped=st.none() | NAMES,
)


def assert_equal(found, expected):
    for field in fields(Record):
        one, other = getattr(found, field.name), getattr(expected, field.name)
        assert type(one) is type(other), field.name
        if isinstance(other, np.ndarray):
            np.testing.assert_array_equal(one, other)
        else:
            assert repr(one) == repr(other)  # NaN is NaN


@settings(deadline=None)
@given(records=st.lists(RECORDS, max_size=5), repeated=st.sampled_from([1, 40]))
def test_what_is_packed_comes_back(records, repeated):
    records = records * repeated
    packed = PackedRecords(iter(records))
    assert len(packed) == len(records)
    for found, expected in zip(packed, records, strict=True):
        assert_equal(found, expected)
    for position in {0, len(records) // 2, len(records) - 1} if records else ():
        assert_equal(packed[position], records[position])
        for found, expected in zip(packed.since(position), records[position:], strict=True):
            assert_equal(found, expected)


def test_numbers_of_numpy():
    record = Record("a.jpg", "train", valence_arousal=(np.float64(0.1), np.float64("nan")))
    (found,) = PackedRecords([record])
    assert found.valence_arousal[0] == np.float64(0.1)
    assert np.isnan(found.valence_arousal[1])


def test_positions_outside():
    packed = PackedRecords([Record("a.jpg", "train")])
    assert list(packed.since(1)) == []
    for position in (-1, 1):
        with pytest.raises(IndexError, match=f"There are 1 records. Received: {position}"):
            packed[position]


# In a process of its own: whatever else a test process holds allocates between two readings, such as the
# reports that a test runner passes on in a thread of its own.
MEASUREMENT = """
import tracemalloc
from pathlib import Path
from keras_fer.data.packed_records import PackedRecords
from keras_fer.data.records import Record

def records(number):
    for row in range(number):
        yield Record(
            f"train_set/images/{row}.jpg",
            "train",
            image=Path("/data/AffectNet/train_set/images") / f"{row}.jpg",
            label=row % 8,
            valence_arousal=(row % 997 / 997, -row % 991 / 991),
            factors={"roll": row % 89 / 7},
        )

PackedRecords(records(64))  # what is allocated once, such as encoders
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
packed = PackedRecords(records(6400))
print(*((bytes_ - before) / len(packed) for bytes_ in tracemalloc.get_traced_memory()))
"""


def test_a_record_costs_little_memory():
    measured = subprocess.run(
        [sys.executable, "-c", MEASUREMENT], capture_output=True, text=True, check=True, timeout=120
    )
    each, peak = map(float, measured.stdout.split())
    assert 10 < each < 120
    assert peak < 200
