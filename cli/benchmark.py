"""`keras-fer benchmark`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from keras_fer.cli.model_path import ModelPath
from keras_fer.cli.output_format import format_option

if TYPE_CHECKING:
    from keras_fer.export.onnx_file import OnnxRunner
    from keras_fer.runtime.latency import Latency


@click.command("benchmark")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=ModelPath(dir_okay=False),
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    multiple=True,
    default=(1,),
    show_default=True,
    help="CPU threads; repeat it to compare.",
)
@click.option(
    "--runs", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Measurements per file."
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Prepared data set; adds accuracy and agreement with the first file on its test split.",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Of the data set, at most.",
)
@click.option("--memory", is_flag=True, help="Add the peak memory of a process that runs the file.")
@format_option("A table, or one JSON object per file, threads and line.")
def command(
    files: tuple[Path, ...],
    threads: tuple[int, ...],
    runs: int,
    dataset: Path | None,
    images: int,
    memory: bool,
    output_format: str,
) -> None:
    """Compare size, latency and accuracy of exported files.

    FILE is a .tflite or .onnx file, or a name that `keras-fer models` lists. The files are run in turns on
    one image, so that a busy machine is busy for all of them. CPU-ms is what all threads together spend on an
    image. TensorFlow is not needed; ONNX files need onnxruntime.

    \b
        keras-fer benchmark exported/*.tflite
        keras-fer benchmark exported/* --threads 1 --threads 2 --runs 300 --dataset prepared/ferplus --memory
    """
    from keras_fer.runtime.latency import measure_latency, slower_than_float32

    more = _measured(files, dataset, images, memory)
    latencies = [
        latency
        for count in threads
        for latency in measure_latency(files, count, runs, {".onnx": _onnx_runner})
    ]
    for line in _json_lines(latencies, more) if output_format == "json" else _table(latencies, more):
        click.echo(line)
    for sentence in slower_than_float32(latencies):
        click.echo(f"Warning: {sentence}", err=True)


def _onnx_runner(path: Path, num_threads: int) -> "OnnxRunner":
    from keras_fer.export.onnx_file import OnnxRunner

    return OnnxRunner(path, num_threads)


def _measured(
    files: tuple[Path, ...], dataset: Path | None, num_images: int, memory: bool
) -> dict[Path, dict[str, float | None]]:
    """Returns accuracy, its interval, agreement with the first file, and memory, where they are asked for."""
    more: dict[Path, dict[str, float | None]] = {path: {} for path in files}
    if dataset is not None:
        from keras_fer.data.prepared import open_prepared
        from keras_fer.export.file_accuracy import file_accuracy

        prepared = open_prepared(dataset)
        found = {path: file_accuracy(path, prepared, num_images) for path in files}
        first = found[files[0]].answers
        for path, result in found.items():
            more[path] |= {
                "accuracy": result.accuracy,
                "accuracy_low": result.interval.low,
                "accuracy_high": result.interval.high,
                "agreement": float((result.answers == first).mean()),
            }
    if memory:
        from keras_fer.runtime.memory import peak_memory

        for path in files:
            more[path]["peak_memory_bytes"] = peak_memory(path)
    return more


def _table(latencies: "list[Latency]", more: dict[Path, dict[str, float | None]]) -> list[str]:
    """Returns the lines of a table, one row per file and number of threads."""
    names = [str(latency.path) for latency in latencies]
    width = max(map(len, [*names, "file"]))
    measured = more[latencies[0].path]
    heading = f"{'file':<{width}}  threads  size kB  median ms   min ms   CPU-ms"
    heading += "  accuracy (95 %)         agreement" if "accuracy" in measured else ""
    heading += "  memory MB" if "peak_memory_bytes" in measured else ""
    lines = [heading]
    for name, latency in zip(names, latencies, strict=True):
        lines.append(
            f"{name:<{width}}  {latency.num_threads:7d}  {latency.size_bytes / 1000:7.0f}  "
            f"{latency.median_ms:9.3f}  {latency.min_ms:7.3f}  {latency.cpu_ms:7.3f}"
            + _more_cells(more[latency.path])
        )
    return lines


def _more_cells(values: dict[str, Any]) -> str:
    cells = ""
    if "accuracy" in values:
        cells += "  {accuracy:6.2%} ({accuracy_low:6.2%}–{accuracy_high:6.2%})  {agreement:9.2%}".format(
            **values
        )
    if "peak_memory_bytes" in values:
        memory = values["peak_memory_bytes"]
        cells += f"  {'-':>9}" if memory is None else f"  {memory / 1e6:9.0f}"
    return cells


def _json_lines(latencies: "list[Latency]", more: dict[Path, dict[str, float | None]]) -> list[str]:
    """Returns one JSON object per measurement."""
    import json
    from dataclasses import asdict

    return [
        json.dumps({**asdict(latency), "path": str(latency.path), **more[latency.path]})
        for latency in latencies
    ]
