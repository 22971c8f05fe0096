"""A white sheet with pictures and words, drawn with Pillow, for people who never read the code."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_fer.runtime.preprocessing import resize

PAPER, INK, MUTED = (255, 255, 255), (22, 32, 44), (90, 102, 117)
RIGHT, WRONG = (26, 116, 67), (190, 60, 24)
TITLE, TEXT, SMALL = 20, 14, 13
_FRAME = 3


class PictureSheet:
    """A sheet of a fixed size; positions are pixels from the left and from the top.

    Args:
        width: pixels.
        height: pixels.
    """

    def __init__(self, width: int, height: int):
        self.image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self.image)

    def text(
        self,
        left: float,
        top: float,
        text: str,
        size: int = TEXT,
        colour: tuple[int, int, int] = INK,
        centred: bool = False,
    ) -> None:
        """Writes text; `left` is its middle where it is `centred`."""
        # The font that comes with Pillow draws boxes for what it does not know.
        text = text.encode("ascii", "replace").decode("ascii")
        font = ImageFont.load_default(size)
        self._draw.multiline_text(
            (left, top), text, fill=colour, font=font, anchor="ma" if centred else "la", spacing=3
        )

    def picture(
        self,
        left: int,
        top: int,
        picture: np.ndarray,
        side: int,
        frame: tuple[int, int, int] | None = None,
    ) -> None:
        """Shows a picture.

        Args:
            left, top: of the picture; a frame is drawn around it.
            picture: uint8, or float in [−1, 1], `(height, width, channels)` with 1 or 3 channels.
            side: pixels that it takes, both ways.
            frame: its colour.
        """
        if frame is not None:
            edges = (left - _FRAME, top - _FRAME, left + side + _FRAME - 1, top + side + _FRAME - 1)
            self._draw.rectangle(edges, fill=frame)
        pixels = resize(levels(picture), side, side)
        self.image.paste(Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels), (left, top))

    def line(self, left: float, top: float, right: float, bottom: float) -> None:
        """Draws a thin line."""
        self._draw.line((left, top, right, bottom), fill=(200, 206, 214), width=1)

    def png(self) -> bytes:
        """Returns the sheet as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue()


def levels(picture: np.ndarray) -> np.ndarray:
    """Returns a picture in levels of 0 to 255, uint8, from uint8 or from float in [−1, 1]."""
    if picture.dtype == np.uint8:
        return picture
    return np.clip(np.floor((np.asarray(picture, np.float64) + 1) * 127.5 + 0.5), 0, 255).astype(np.uint8)
