import numpy as np
import pytest
from PIL import Image

from keras_fer.contract import ModelContract
from keras_fer.labels import EXPRESSIONS_8
from keras_fer.runtime.face_recognizer import FaceExpressionRecognizer
from keras_fer.runtime.faces import Face
from keras_fer.runtime.preprocessing import Box, face_crop
from keras_fer.runtime.recognizer import ExpressionRecognizer


def photo():
    """A dark photo with two white faces, the right one larger and listed first by the detector."""
    image = np.random.default_rng(0).integers(0, 200, (90, 160, 3), dtype=np.uint8)
    image[10:60, 90:140] = 255
    image[20:50, 20:50] = 255
    return image


class Fixed:
    """A detector with fixed answers."""

    def __init__(self, *faces):
        self.faces = list(faces)

    def detect(self, image):
        return self.faces


@pytest.fixture
def recognizer(model_file):
    return ExpressionRecognizer(model_file())


def test_two_faces_from_left_to_right(recognizer, white_patches):
    image = photo()
    (left, first), (right, second) = FaceExpressionRecognizer(recognizer, white_patches).recognize(image)
    assert left.box == (20, 20, 50, 50)
    assert right.box == (90, 10, 140, 60)
    rows = recognizer.recognize([face_crop(image, face.box, 16) for face in (left, right)])
    for prediction, row in zip((first, second), rows, strict=True):
        assert prediction == recognizer.prediction(row)
        assert prediction.path == ""


@pytest.mark.parametrize(
    ("options", "roll"),
    [({}, 0), ({"crop_margin": 0.3}, 0), ({"crop_shift": -0.2}, 0), ({"align_roll": True}, 30)],
)
def test_crop_is_that_of_the_contract(model_file, options, roll):
    contract = ModelContract(EXPRESSIONS_8, 16, **options)
    recognizer = ExpressionRecognizer(model_file(contract=contract))
    angle = np.radians(30)
    eyes = {"right_eye": (50, 30), "left_eye": (50 + 10 * np.cos(angle), 30 + 10 * np.sin(angle))}
    face = Face(Box(40, 20, 80, 60), keypoints=eyes)
    ((_, prediction),) = FaceExpressionRecognizer(recognizer, Fixed(face)).recognize(photo())
    crop = face_crop(photo(), face.box, 16, contract.crop_margin, contract.crop_shift, roll)
    assert prediction == recognizer.prediction(recognizer.recognize([crop])[0])
    plain = recognizer.recognize([face_crop(photo(), face.box, 16)])[0]
    assert (prediction == recognizer.prediction(plain)) is (not options)


def test_nobody(recognizer):
    assert FaceExpressionRecognizer(recognizer, Fixed()).recognize(photo()) == []


def test_boxes_outside_the_picture_are_nobody(recognizer):
    outside = [Face(Box(*box)) for box in ((160, 0, 170, 10), (0, -20, 10, 0), (-9, 0, 0, 9), (0, 90, 9, 99))]
    inside = Face(Box(-5, -5, 5, 5))
    answers = FaceExpressionRecognizer(recognizer, Fixed(*outside, inside)).recognize(photo())
    assert [face for face, _ in answers] == [inside]


def test_without_a_detector_the_picture_is_the_crop(recognizer):
    ((face, prediction),) = FaceExpressionRecognizer(recognizer, None).recognize(photo())
    assert face == Face(Box(0, 0, 160, 90))
    assert prediction == recognizer.prediction(recognizer.recognize([photo()])[0])


def test_files(recognizer, white_patches, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    Image.fromarray(photo()).save(paths[0])
    Image.new("RGB", (20, 20)).save(paths[1])
    both = FaceExpressionRecognizer(recognizer, white_patches)
    two, none = both.recognize_files(paths)
    assert none == []
    assert [prediction.path for _, prediction in two] == [str(paths[0])] * 2
    assert [face for face, _ in two] == [face for face, _ in both.recognize(photo())]


def test_photo_of_a_phone_is_seen_upright(recognizer, white_patches, tmp_path):
    tags = Image.Exif()
    tags[0x0112] = 6
    path = tmp_path / "phone.png"
    Image.fromarray(np.rot90(photo())).save(path, exif=tags)
    (left, _), (right, _) = FaceExpressionRecognizer(recognizer, white_patches).recognize_file(path)
    assert (left.box, right.box) == ((20, 20, 50, 50), (90, 10, 140, 60))
