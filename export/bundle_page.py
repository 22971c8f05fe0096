"""The page of a bundle: accuracy × size × latency of all files, as a table and as a plot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_fer.evaluation.figures import grid_line, number, tick_labels, ticks
from keras_fer.evaluation.html_table import html_table
from keras_fer.evaluation.markup import Html, element, joined, unbroken
from keras_fer.evaluation.page import html_page
from keras_fer.evaluation.report_sections import notes, percent
from keras_fer.evaluation.summary_list import summary_list
from keras_fer.export.file_report import FileReport
from keras_fer.export.recipes import RECIPES

if TYPE_CHECKING:
    from keras_fer.export.export import ExportReport

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 130, 20, 44
_LARGEST_RADIUS = 20
_SMALLEST_RADIUS = 5


def bundle_page(report: "ExportReport") -> Html:
    """Returns the page; it loads nothing from elsewhere."""
    files = report.files
    failed = [f"{file.file}: {check}." for file in files for check in file.checks if not check.passed]
    facts = [
        ("Parameters", f"{report.num_parameters:,}"),
        ("Input", f"{report.contract.image_size} × {report.contract.image_size} × 3"),
        ("Trained on", report.contract.training_data or "not stated"),
        ("Verified on", f"{report.verification.get('num_images', 0):,} images"),
        *((name, value) for name, value in report.versions.items()),
    ]
    return html_page(
        report.contract.name,
        "keras-fer bundle",
        {
            "Files": joined(
                _rows([_row(file) for file in files], "files"), element("p", _TABLE_CAPTION, class_="caption")
            ),
            "Accuracy, size, latency": _plot_section(files),
            "Notes": notes([*failed, *report.warnings]),
            "Classes": _classes(files),
            "Latency": _latencies(files),
            "Operators": _operators(files),
            "Recipes": _rows(
                [
                    {"recipe": file.recipe, "file": file.file, "what it is": RECIPES[file.recipe].description}
                    for file in files
                ],
                "recipes",
            ),
            "Facts": summary_list(facts),
        },
    )


_TABLE_CAPTION = (
    "Accuracy with its 95 % interval and the points lost against the Keras model. Agreement: images with the "
    "same answer as the Keras model. Gzip: what a download costs. Latency: one image, one thread, on the "
    "machine that exported. Peak memory: of a process that does nothing else."
)


def _rows(rows: Sequence[dict[str, str]], name: str) -> Html:
    """A table of texts; the columns are those of the first row, and the first column names its row."""
    columns = list(rows[0])
    first, *others = columns
    cells = [
        [element("th", row[first], scope="row"), *(element("td", row[column]) for column in others)]
        for row in rows
    ]
    headings = [column if column in RECIPES else column[:1].upper() + column[1:] for column in columns]
    return html_table(headings, cells, name, "exports")


def _row(file: FileReport) -> dict[str, str]:
    interval = ""
    if file.accuracy_interval is not None:
        interval = f" ({100 * file.accuracy_interval[0]:.1f} – {100 * file.accuracy_interval[1]:.1f})"
    loss = file.accuracy_loss
    memory = file.peak_memory_bytes
    return {
        "recipe": file.recipe,
        "accuracy": "–" if file.accuracy is None else unbroken(percent(file.accuracy) + interval),
        # Adding 0 turns a lost "-0.00" into "0.00".
        "points lost": "–" if loss is None else f"{round(100 * loss, 2) + 0:.2f}",
        "agreement": unbroken(percent(file.agreement)),
        "largest difference": f"{file.max_difference:.1e}",
        "size kB": f"{file.size_bytes / 1000:,.0f}",
        "gzip kB": f"{file.compressed_bytes / 1000:,.0f}",
        "median ms": "–" if file.median_ms is None else number(file.median_ms),
        "peak memory MB": "–" if memory is None else f"{memory / 1e6:.0f}",
        "checks": "passed" if file.passed else "FAILED",
    }


def _plot_section(files: Sequence[FileReport]) -> Html | None:
    measured = [file for file in files if file.median_ms is not None]
    if not measured:
        return None
    caption = (
        "Each circle is a file; its area is the size of the file. Upwards is better, to the left is faster."
    )
    return joined(plot(measured), element("p", caption, class_="caption"))


def plot(files: Sequence[FileReport]) -> Html:
    """Draws latency to the right, accuracy (agreement where no label is known) upwards, size as area.

    Args:
        files: with latencies, at least one.
    """
    labelled = all(file.accuracy is not None for file in files)
    heights = [100 * (file.accuracy if labelled else file.agreement) for file in files]  # type: ignore[operator]
    times = [float(file.median_ms or 0) for file in files]
    low, high = min(heights), max(heights)
    padding = max(0.3, 0.25 * (high - low))
    low, high = low - padding, high + padding
    latest = max(times) * 1.15

    def x(time: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * time / latest

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    largest = max(file.size_bytes for file in files)
    levels, moments = ticks(low, high), ticks(0, latest)
    grid = [
        grid_line(y(value), label, _LEFT, _WIDTH - _RIGHT)
        for value, label in zip(levels, tick_labels(levels), strict=True)
    ]
    below = [
        element("text", label, x=f"{x(value):.1f}", y=_HEIGHT - _BOTTOM + 16, text_anchor="middle")
        for value, label in zip(moments, tick_labels(moments), strict=True)
    ]
    circles, names = [], []
    places = sorted(zip(files, times, heights, strict=True), key=lambda place: y(place[2]))
    last = -100.0
    for file, time, height in places:
        radius = max(_SMALLEST_RADIUS, _LARGEST_RADIUS * (file.size_bytes / largest) ** 0.5)
        told = f"{file.recipe}: {height:.2f} %, {number(time)} ms, {file.size_bytes / 1000:,.0f} kB"
        circles.append(
            element(
                "circle",
                element("title", told),
                class_="dot line-1",
                cx=f"{x(time):.1f}",
                cy=f"{y(height):.1f}",
                r=f"{radius:.1f}",
                fill_opacity=0.35,
            )
        )
        # Names stand in a column at the right, in order of height, so that they never cover each other.
        last = max(last + 15, y(height))
        names.append(_name(file.recipe, last, x(time) + radius, y(height)))
    vertical = "accuracy, %" if labelled else "agreement, %"
    axes = [
        element("text", vertical, x=4, y=12),
        element("text", "median latency, ms", x=_WIDTH - _RIGHT, y=_HEIGHT - 6, text_anchor="end"),
    ]
    return element(
        "svg", *grid, *below, *axes, *names, *circles, class_="chart",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label="Accuracy over latency, area is size",
    )  # fmt: skip


def _name(text: str, height: float, right: float, centre: float) -> Html:
    """A name at the right edge with a line to its circle."""
    column = _WIDTH - _RIGHT + 10
    return element(
        "g",
        element(
            "line", class_="grid", x1=f"{right:.1f}", y1=f"{centre:.1f}", x2=column - 3, y2=f"{height:.1f}"
        ),
        element("text", text, x=column, y=f"{height:.1f}", dy="0.32em"),
    )


def _classes(files: Sequence[FileReport]) -> Html | None:
    """Recall per class, of the Keras model and by how many points each file differs."""
    names = list(files[0].class_recalls)
    rows = []
    for name in names:
        images, keras_recall, _ = files[0].class_recalls[name]
        row = {"class": name, "images": f"{images:,}", "Keras": unbroken(percent(keras_recall))}
        row |= {file.recipe: f"{100 * (file.class_recalls[name][2] - keras_recall):+.1f}" for file in files}
        rows.append(row)
    if not rows:
        return None
    caption = "Recall of the Keras model, and by how many points each file differs from it."
    return joined(_rows(rows, "classes"), element("p", caption, class_="caption"))


def _latencies(files: Sequence[FileReport]) -> Html | None:
    rows = [
        {
            "recipe": file.recipe,
            "threads": str(entry["num_threads"]),
            **{f"{name} ms": number(entry[f"{name}_ms"]) for name in ("median", "min", "cpu")},
        }
        for file in files
        for entry in file.latencies
    ]
    caption = "The files were run in turns. CPU time is what all threads together spend on an image."
    return joined(_rows(rows, "latency"), element("p", caption, class_="caption")) if rows else None


def _operators(files: Sequence[FileReport]) -> Html | None:
    rows = [
        {
            "recipe": file.recipe,
            "pieces": "–" if file.num_partitions is None else str(file.num_partitions),
            "operators": ", ".join(f"{count} {kind}" for kind, count in file.operators.items()),
        }
        for file in files
    ]
    caption = "Pieces: into how many parts the accelerated part of the graph falls; one is best."
    return joined(_rows(rows, "operators"), element("p", caption, class_="caption"))
