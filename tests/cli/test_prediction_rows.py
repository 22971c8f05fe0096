import json
from pathlib import Path

import numpy as np
import pytest

from keras_fer.cli.prediction_rows import head, renderer
from keras_fer.runtime.answers import Answer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box
from keras_fer.runtime.recognizer import Prediction
from keras_fer.runtime.sources import Source
from keras_fer.runtime.video_recognizer import TrackedFace

NAMES = ("fear", "happiness")
IMAGE = np.zeros((4, 4, 3), np.uint8)
PHOTO, FILM = Source("photo", "a, b.jpg", Path("a, b.jpg")), Source("video", "f.mp4", Path("f.mp4"))


def person(track, fear, uncertain=False):
    probabilities = {"fear": fear, "happiness": 1 - fear}
    best = max(probabilities, key=probabilities.get)
    prediction = Prediction("", best, probabilities[best], probabilities, uncertain)
    return TrackedFace(Face(Box(10.26, 20, 50, 61), 0.98765), prediction, track)


TWO = Answer(PHOTO, IMAGE, [person(1, 0.75), person(2, 0.5, uncertain=True)])
NOBODY = Answer(PHOTO, IMAGE, [])
FRAME = Answer(FILM, IMAGE, [person(7, 0.25)], 12, 0.4804, 25.0)
EMPTY_FRAME = Answer(FILM, IMAGE, [], 13, 0.52, 25.0)


def lines(answer, output_format, top=2, whole_images=False):
    return renderer(output_format, NAMES, top, whole_images)(answer)


def test_table():
    assert lines(TWO, "table") == [
        "fear       75.0%   happiness  25.0%   a, b.jpg  face 1, 40 × 41 pixels at 10, 20",
        "fear       50.0%   happiness  50.0%   a, b.jpg  face 2, 40 × 41 pixels at 10, 20  uncertain",
    ]
    assert lines(FRAME, "table", top=1) == [
        "happiness  75.0%   f.mp4  0.48 s  person 7, 40 × 41 pixels at 10, 20"
    ]
    assert lines(TWO, "table", top=9, whole_images=True)[0] == (
        "fear       75.0%   happiness  25.0%   a, b.jpg"
    )
    assert lines(NOBODY, "table") == lines(EMPTY_FRAME, "table") == []


def test_json():
    first, second = map(json.loads, lines(TWO, "json"))
    assert first == {
        "path": "a, b.jpg",
        "face": 1,
        "num_faces": 2,
        "box": [10.3, 20.0, 50.0, 61.0],
        "score": 0.988,
        "expression": "fear",
        "probability": 0.75,
        "probabilities": {"fear": 0.75, "happiness": 0.25},
        "uncertain": False,
    }
    assert (second["face"], second["uncertain"]) == (2, True)
    (line,) = lines(FRAME, "json")
    frame = json.loads(line)
    assert (frame["frame"], frame["time_s"], frame["track"], frame["face"]) == (12, 0.48, 7, 1)


def test_json_of_a_photo_without_a_face_has_the_same_keys():
    (line,) = lines(NOBODY, "json")
    nobody = json.loads(line)
    assert set(nobody) == set(json.loads(lines(TWO, "json")[0]))
    assert {name: value for name, value in nobody.items() if value is not None} == {
        "path": "a, b.jpg",
        "num_faces": 0,
    }
    assert lines(EMPTY_FRAME, "json") == []


def test_json_of_crops_says_nothing_of_boxes():
    assert list(json.loads(lines(TWO, "json", whole_images=True)[0])) == [
        *("path", "expression", "probability", "probabilities", "uncertain")
    ]


def test_csv():
    (columns,) = head("csv", NAMES)
    assert columns == (
        "path,frame,time_s,track,face,num_faces,left,top,right,bottom,score,"
        "expression,probability,uncertain,fear,happiness"
    )
    first, _ = lines(TWO, "csv")
    assert first == '"a, b.jpg",,,,1,2,10.3,20,50,61,0.988,fear,0.75,False,0.75,0.25'
    assert lines(FRAME, "csv") == ["f.mp4,12,0.48,7,1,1,10.3,20,50,61,0.988,happiness,0.75,False,0.25,0.75"]
    assert lines(NOBODY, "csv") == ['"a, b.jpg",,,,,0,,,,,,,,,,']
    assert lines(TWO, "csv", whole_images=True)[0] == '"a, b.jpg",,,,,,,,,,,fear,0.75,False,0.75,0.25'


def test_file_name_that_is_not_unicode():
    odd = TWO._replace(source=PHOTO._replace(name="odd\udcff.png"))
    for output_format in ("table", "json", "csv"):
        for line in lines(odd, output_format):
            line.encode("utf-8")


@pytest.mark.parametrize("output_format", ["table", "json"])
def test_only_csv_has_a_head(output_format):
    assert head(output_format, NAMES) == []
