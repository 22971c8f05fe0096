"""Pictures in TensorBoard: what the model says of a few faces, and what its decoder makes of them."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_fer.data.prepared import PreparedDataset
from keras_fer.evaluation.evaluate import view_batches
from keras_fer.evaluation.face_codec import FaceCodec, face_codec
from keras_fer.evaluation.picture_sheet import MUTED, RIGHT, SMALL, WRONG, PictureSheet
from keras_fer.evaluation.representation_names import EXPRESSION_REPRESENTATION, NON_EXPRESSION_REPRESENTATION

FOLDER = "pictures"
_SIDE, _GAP, _MARGIN, _COLUMNS = 80, 8, 12, 8
_LARGEST_SHEET = 16
_PEOPLE, _EXPRESSIONS = 4, 8


class TensorBoardPictures(keras.callbacks.Callback):
    """Writes sheets of the same faces every few epochs: `predictions`, and `swaps` where there is a decoder.

    Args:
        folder: of the TensorBoard logs; the pictures are the run `pictures` in it.
        images: uint8 `(n, size, size, channels)` as the model sees them; the first 16 are shown.
        labels: int `(n,)`, positions in `label_names`, −1 for none.
        label_names: names of the expressions.
        every: epochs from one sheet to the next; the first epoch has one.
    """

    def __init__(
        self, folder: Path, images: np.ndarray, labels: np.ndarray, label_names: Sequence[str], every: int = 1
    ):
        super().__init__()
        self.folder = Path(folder) / FOLDER
        self.images, self.labels, self.label_names, self.every = images, labels, tuple(label_names), every

    def on_train_begin(self, logs=None):
        """Builds the graphs once."""
        self._classifier = self.model.classifier
        self._codec = face_codec(self.model) if self.model.objective.has_decoder else None
        self._writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch, logs=None):
        """Draws the sheets; with averaged weights it comes after `SwapEMAWeights`, which gives it these."""
        if epoch % self.every:
            return
        with self._writer.as_default(step=epoch):
            tf.summary.image("predictions", self._predictions()[None])
            if self._codec is not None:
                tf.summary.image("swaps", self._swaps(self._codec)[None])
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Closes the file."""
        self._writer.close()

    def _predictions(self) -> np.ndarray:
        images, labels = self.images[:_LARGEST_SHEET], self.labels[:_LARGEST_SHEET]
        logits = self._classifier.predict_on_batch(images.astype(np.float32))
        probabilities = np.asarray(keras.ops.softmax(np.asarray(logits, np.float32)))
        step, row_height = _SIDE + _GAP, _SIDE + 46
        rows = -(-len(images) // _COLUMNS)
        sheet = PictureSheet(2 * _MARGIN + _COLUMNS * step, 2 * _MARGIN + rows * row_height)
        for number, (image, label, shares) in enumerate(zip(images, labels, probabilities, strict=True)):
            row, column = divmod(number, _COLUMNS)
            left, top = _MARGIN + column * step, _MARGIN + row * row_height
            said = int(shares.argmax())
            sheet.picture(left, top, image, _SIDE)
            colour = MUTED if label < 0 else RIGHT if said == label else WRONG
            truth = "no label" if label < 0 else "right" if said == label else f"is {self.label_names[label]}"
            sheet.text(
                left, top + _SIDE + 3, f"{self.label_names[said]} {shares[said]:.0%}\n{truth}", SMALL, colour
            )
        return np.asarray(sheet.image)

    def _swaps(self, codec: FaceCodec) -> np.ndarray:
        """Rows are faces; first each as it is, then its reconstruction, then with others' expressions."""
        givers = self._one_per_expression()
        shown = codec.targets(self.images)
        codes = codec.encode(self.images)
        bases = np.arange(min(_PEOPLE, len(self.images)))
        givers_of = [np.concatenate([[base], givers]) for base in bases]
        decoded = codec.decode(
            codes[EXPRESSION_REPRESENTATION][np.concatenate(givers_of)],
            np.repeat(codes[NON_EXPRESSION_REPRESENTATION][bases], len(givers) + 1, axis=0),
        )
        step, top = _SIDE + _GAP, _MARGIN + _SIDE + 24
        sheet = PictureSheet(2 * _MARGIN + (len(givers) + 2) * step, top + len(bases) * step + _MARGIN)
        sheet.text(_MARGIN, _MARGIN + 8, "rows: person\ncolumns:\nexpression of", SMALL, MUTED)
        sheet.text(_MARGIN + step, _MARGIN + 40, "its own", SMALL)
        for column, giver in enumerate(givers, start=2):
            sheet.picture(_MARGIN + column * step, _MARGIN, shown[giver], _SIDE)
            sheet.text(
                _MARGIN + column * step, _MARGIN + _SIDE + 3, self.label_names[self.labels[giver]], SMALL
            )
        for row, base in enumerate(bases):
            y = top + row * step
            sheet.picture(_MARGIN, y, shown[base], _SIDE)
            for column in range(len(givers) + 1):
                picture = decoded[row * (len(givers) + 1) + column]
                sheet.picture(_MARGIN + (column + 1) * step, y, picture, _SIDE)
        return np.asarray(sheet.image)

    def _one_per_expression(self) -> np.ndarray:
        """The last face of each expression, so that few give an expression to themselves."""
        known = [np.flatnonzero(self.labels == label) for label in range(len(self.label_names))]
        return np.array([rows[-1] for rows in known if len(rows)][:_EXPRESSIONS], int)


def picture_faces(dataset: PreparedDataset, split: str, image_size: int) -> tuple[np.ndarray, np.ndarray]:
    """Chooses two images of each expression, the same at every call, and returns them with their labels.

    Args:
        dataset: a prepared data set.
        split: to choose from.
        image_size: pixels that the model sees.

    Returns:
        uint8 `(n, size, size, channels)`, at most 16, and int `(n,)`.
    """
    rows = np.random.default_rng(0).permutation(dataset.indices(split))
    labels = dataset.labels[rows]
    of_each = [rows[labels == label][:2] for label in range(len(dataset.label_names))]
    # First one of each expression, then the second ones: the first rows show the most people.
    chosen = [found[number] for number in range(2) for found in of_each if len(found) > number]
    shown = np.array((chosen or list(rows))[:_LARGEST_SHEET])
    images = np.concatenate(list(view_batches(dataset, shown, image_size)))
    return images, dataset.labels[shown]
