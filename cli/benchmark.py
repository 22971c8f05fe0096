"""`keras-fer benchmark`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from keras_fer.runtime.latency import Latency


@click.command("benchmark")
@click.argument(
    "files",
    metavar="FILE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
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
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="A table, or one JSON object per file, threads and line.",
)
def command(files: tuple[Path, ...], threads: tuple[int, ...], runs: int, output_format: str) -> None:
    """Compare size and latency of exported files.

    FILE is a .tflite file. The files are run in turns on one image, so that a busy machine is busy for
    all of them. CPU-ms is what all threads together spend on an image.

    \b
        keras-fer benchmark exported/*.tflite
        keras-fer benchmark exported/*.tflite --threads 1 --threads 2 --runs 300
    """
    from keras_fer.runtime.latency import measure_latency, slower_than_float32

    latencies = [latency for count in threads for latency in measure_latency(files, count, runs)]
    for line in _json_lines(latencies) if output_format == "json" else _table(latencies):
        click.echo(line)
    for sentence in slower_than_float32(latencies):
        click.echo(f"Warning: {sentence}", err=True)


def _table(latencies: "list[Latency]") -> list[str]:
    """Returns the lines of a table, one row per file and number of threads."""
    names = [str(latency.path) for latency in latencies]
    width = max(map(len, [*names, "file"]))
    lines = [f"{'file':<{width}}  threads  size kB  median ms   min ms   CPU-ms"]
    for name, latency in zip(names, latencies, strict=True):
        lines.append(
            f"{name:<{width}}  {latency.num_threads:7d}  {latency.size_bytes / 1000:7.0f}  "
            f"{latency.median_ms:9.3f}  {latency.min_ms:7.3f}  {latency.cpu_ms:7.3f}"
        )
    return lines


def _json_lines(latencies: "list[Latency]") -> list[str]:
    """Returns one JSON object per measurement."""
    import json
    from dataclasses import asdict

    return [json.dumps({**asdict(latency), "path": str(latency.path)}) for latency in latencies]
