from keras_fer.data.readers.listing import Listing
from keras_fer.data.records import Box, Record


def test_a_face_is_listed_once():
    listing = Listing()
    first = Record("a.png", "train", label=1, box=Box(0, 0, 1, 1))
    other_face = Record("a.png", "train", label=2, box=Box(5, 0, 6, 1))
    assert listing.add(first, "l#1") is first
    again = listing.add(first, "l#2")
    assert (again.source, again.dropped) == ("l#2", "listed twice")
    second = listing.add(other_face, "l#3")
    assert (second.source, second.dropped, second.label) == ("l#3", None, 2)


def test_a_record_that_was_dropped_does_not_hide_a_later_one():
    listing = Listing()
    listing.add(Record("a.png", "train", dropped="label outside the taxonomy"), "l#1")
    assert listing.add(Record("a.png", "train", label=1), "l#2").dropped is None


def test_a_file_that_is_called_like_a_row_keeps_its_name():
    listing = Listing()
    listing.add(Record("l#2", "train", label=1), "l#1")
    assert listing.add(Record("l#2", "train", dropped="malformed row"), "l#2").source == "l#2'"
