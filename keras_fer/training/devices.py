"""The devices that share each batch of a training."""

import re
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from keras_fer.errors import FERError


@dataclass(frozen=True)
class Devices:
    """Devices of one machine, each with a replica of the model and an equal share of the rows of a batch.

    Args:
        kind: `"GPU"`, or `"CPU"` for parts of the processor.
        count: at least 1; with 1 TensorFlow places the training by itself.
    """

    kind: str
    count: int

    @classmethod
    def parse(cls, text: str) -> "Devices":
        """Reads `2`, so many GPUs, or `cpu:2`, so many parts of the processor.

        Raises:
            FERError: if it says something else.
        """
        found = re.fullmatch(r"(cpu:)?([1-9][0-9]{0,2})", text)
        if found is None:
            raise FERError(
                "`devices` is a number of GPUs, such as 2, or of parts of the processor, such as cpu:2. "
                f"Received: devices={text!r}"
            )
        return cls("CPU" if found[1] else "GPU", int(found[2]))

    def scope(self) -> AbstractContextManager:
        """Returns the scope that a model for these devices is built, compiled and restored in.

        Parts of the processor exist only if TensorFlow has computed nothing before.

        Raises:
            FERError: if the machine has fewer devices.
        """
        if self.count == 1:
            return nullcontext()
        present = _parts_of_the_processor(self.count) if self.kind == "CPU" else _gpus()
        if present < self.count:
            raise FERError(
                f"`devices` asks for {self.count} {self.kind}s, and TensorFlow has {present} here. "
                + (
                    "It has been at work already: train in a process of its own."
                    if self.kind == "CPU"
                    else f"Ask for fewer, or split the processor with cpu:{self.count}."
                )
            )
        return _strategy(self.kind, self.count).scope()


@cache
def _strategy(kind: str, count: int) -> Any:
    """One for the whole process: TensorFlow takes the messages of a second one for those of the first."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy([f"{kind}:{index}" for index in range(count)])


def _gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def _parts_of_the_processor(count: int) -> int:
    """Splits the processor, if it is not too late; returns how many parts there are."""
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    # Once TensorFlow is at work it refuses; the processor may have been split before.
    with suppress(RuntimeError):
        tf.config.set_logical_device_configuration(processor, parts)
    return len(tf.config.list_logical_devices("CPU"))
