import numpy as np
import pytest
from PIL import Image

from keras_fer.data.contact_sheet import contact_sheet, write_contact_sheet
from keras_fer.data.prepared import PreparedWriter


def write(output, shape, label_names=("calm", "joy", "gêne 困")):
    """Writes four images of two classes and two without a label; the pixels of row 3 are 30."""
    labels = [0, 1] * 4 + [-1, -1]
    images = np.array([np.full(shape, 10 * row) for row in range(10)], np.uint8)
    with PreparedWriter(output, source="made", label_names=label_names, image_shape=shape) as writer:
        writer.append(images, labels=labels, splits=[0] * 8 + [0, 2], sources=[str(row) for row in range(10)])
        return writer.finish()


@pytest.mark.parametrize("shape", [(32, 32, 1), (64, 64, 3), (40, 48, 3)])
def test_a_row_for_each_class(tmp_path, shape):
    sheet = contact_sheet(write(tmp_path / "out", shape), images_per_class=5)
    scale = 2 if shape[0] < 64 else 1
    cell_height, cell_width = shape[0] * scale + 2, shape[1] * scale + 2
    assert sheet.shape == (4 * cell_height, 150 + 5 * cell_width, 3)
    white = 255
    shown = sheet[5::cell_height, 155::cell_width, 0].tolist()
    assert shown == [[0, 20, 40, 60, white], [10, 30, 50, 70, white], [white] * 5, [80, *[white] * 4]]
    assert (sheet[:cell_height, :150] < 100).any(), "no caption"


def test_draw_is_a_function_of_the_seed(tmp_path):
    dataset = write(tmp_path / "out", (32, 32, 1))
    first = contact_sheet(dataset, images_per_class=2, seed=1)
    np.testing.assert_array_equal(first, contact_sheet(dataset, images_per_class=2, seed=1))
    assert any(
        not np.array_equal(first, contact_sheet(dataset, images_per_class=2, seed=s)) for s in range(2, 9)
    )


def test_png_file(tmp_path):
    dataset = write(tmp_path / "out", (32, 32, 3))
    write_contact_sheet(tmp_path / "sheet.png", dataset, split="test")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), contact_sheet(dataset, split="test"))
