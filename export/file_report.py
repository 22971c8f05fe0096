"""What is known of one exported file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from keras_fer.evaluation.plain_json import plain
from keras_fer.export.checks import Check
from keras_fer.runtime.latency import Latency


@dataclass(frozen=True)
class FileReport:
    """What is known of one exported file. Intervals are 95 % Wilson intervals.

    Args:
        file: its name.
        recipe: how it was converted.
        size_bytes: of the file.
        compressed_bytes: of the file after gzip, which is what a download costs.
        sha256: of the file.
        num_constants: numbers that are stored in it.
        operators: how often each kind of operator occurs.
        num_partitions: into how many pieces the accelerated part of the graph falls, 1 being best (XNNPACK in
            LiteRT); None where that is not known.
        num_images: on how many images it was compared.
        max_difference: largest difference of any probability from the Keras model's.
        mean_difference: mean of these differences.
        agreement: share of images with the same answer as the Keras model, 0 to 1.
        accuracy: on the labelled images, 0 to 1; None if there are none.
        accuracy_interval: of it.
        keras_accuracy: of the Keras model on the same images.
        class_recalls: by label name: number of images, recall of the Keras model and of the file; only
            classes with images.
        representation_similarity: mean cosine to the Keras model's expression representation; None where that
            is not exported.
        checks: every comparison with its limit.
        median_ms: wall time per image, one thread; see `keras_fer.runtime.latency`.
        min_ms: the shortest.
        cpu_ms: mean CPU time per image.
        latencies: these three for each number of threads.
        peak_memory_bytes: of a process that does nothing but run the file; None if it was not measured.
    """

    file: str
    recipe: str
    size_bytes: int
    compressed_bytes: int
    sha256: str
    num_constants: int
    operators: dict[str, int]
    num_partitions: int | None
    num_images: int
    max_difference: float
    mean_difference: float
    agreement: float
    accuracy: float | None
    accuracy_interval: tuple[float, float] | None
    keras_accuracy: float | None
    class_recalls: dict[str, tuple[int, float, float]]
    representation_similarity: float | None
    checks: tuple[Check, ...]
    median_ms: float | None = None
    min_ms: float | None = None
    cpu_ms: float | None = None
    latencies: tuple[dict[str, Any], ...] = ()
    peak_memory_bytes: int | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def accuracy_loss(self) -> float | None:
        """By how much the Keras model is better, as a share; None without labels."""
        if self.accuracy is None or self.keras_accuracy is None:
            return None
        # Rounded, since 0.64 − 0.63 is a little more than 0.01.
        return round(self.keras_accuracy - self.accuracy, 9)

    def with_latencies(self, latencies: Sequence[Latency]) -> "FileReport":
        """Returns the report with measured times, one `Latency` per number of threads, fewest first."""
        rows = tuple(
            {
                "num_threads": latency.num_threads,
                "median_ms": latency.median_ms,
                "min_ms": latency.min_ms,
                "cpu_ms": latency.cpu_ms,
            }
            for latency in latencies
        )
        first = latencies[0]
        return replace(
            self, median_ms=first.median_ms, min_ms=first.min_ms, cpu_ms=first.cpu_ms, latencies=rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the report as plain JSON types; a number that is not finite becomes None."""
        return plain({**asdict(self), "passed": self.passed})
