"""What a person who waits for a training wants to see: one short line per epoch."""

import math
import sys
import time
from typing import TextIO

import keras

_REDRAW_SECONDS = 0.5


class EpochLines(keras.callbacks.Callback):
    """Prints a line per epoch; on a terminal the line of the running epoch moves.

    Pass it to `fit` with `verbose=0`. Everything else that is logged goes to `history.csv` and TensorBoard.

    Args:
        stream: where to write; None for the standard output at the time of writing.
        live: whether the line of the running epoch moves; None for "on a terminal".
        prefix: what every line begins with.
    """

    def __init__(self, stream: TextIO | None = None, live: bool | None = None, prefix: str = ""):
        super().__init__()
        self._prefix = prefix
        self._given_stream = stream
        self._wants_live = live
        self._epoch = 0
        self.best = -math.inf
        self._epoch_start = self._last_drawn = 0.0
        self._first_step: tuple[int, float] | None = None

    @property
    def _stream(self) -> TextIO:
        return self._given_stream or sys.stdout

    @property
    def _live(self) -> bool:
        return self._stream.isatty() if self._wants_live is None else self._wants_live

    def on_epoch_begin(self, epoch, logs=None):
        """Starts the clock."""
        self._epoch = epoch
        self._epoch_start = self._last_drawn = time.monotonic()
        self._first_step = None

    def on_train_batch_end(self, batch, logs=None):
        """Redraws the line of the running epoch."""
        now = time.monotonic()
        # The first step of all compiles, which says nothing about the others; not every step may be told.
        if self._first_step is None:
            self._first_step = batch, now
        if not self._live or now - self._last_drawn < _REDRAW_SECONDS:
            return
        self._last_drawn = now
        steps = self.params.get("steps")
        place = f"step {batch + 1}"
        if steps:
            place += f" of {steps}"
        first, first_end = self._first_step
        if steps and batch > first:
            left = (now - first_end) / (batch - first) * (steps - batch - 1)
            place += f", {_duration(left)} left"
        self._write(f"\r\x1b[K{self._start()}{place}, {self._learned(logs)}")

    def on_epoch_end(self, epoch, logs=None):
        """Prints the line of an epoch."""
        logs = logs or {}
        seconds = time.monotonic() - self._epoch_start
        parts = [_duration(seconds), self._learned(logs)]
        accuracy = logs.get("val_expression_accuracy")
        if accuracy is not None:
            best = ", the best so far" if accuracy > self.best else ""
            self.best = max(self.best, accuracy)
            parts.append(f"validation {accuracy:.1%}{best}")
        if "val_effective_rank" in logs and self.model.objective.moves_non_expression_branch:
            width = self.model.non_expression_branch.output_shape[-1]
            parts.append(f"effective rank {logs['val_effective_rank']:.0f} of {width}")
        if epochs_left := self.params.get("epochs", 0) - epoch - 1:
            # A training may end early.
            parts.append(f"at most {_duration(seconds * epochs_left)} left")
        beginning = "\r\x1b[K" if self._live else ""
        self._write(f"{beginning}{self._start()}{'; '.join(parts)}\n")

    def _start(self) -> str:
        epochs = self.params.get("epochs", 0)
        return f"{self._prefix}epoch {self._epoch + 1:{len(str(epochs))}} of {epochs}: "

    def _learned(self, logs) -> str:
        logs = logs or {}
        parts = [f"loss {logs['loss']:.3f}"] if "loss" in logs else []
        if "expression_accuracy" in logs:
            parts.append(f"accuracy {logs['expression_accuracy']:.1%}")
        return ", ".join(parts)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _duration(seconds: float) -> str:
    """Writes a time as people say it, such as `42 s` or `3 min 05 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
