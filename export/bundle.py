"""What makes an export a bundle: model card, checksums, and a page with all numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_fer.checksum import checksum_lines
from keras_fer.evaluation.figures import number
from keras_fer.evaluation.metrics import wilson_interval
from keras_fer.export.bundle_page import bundle_page
from keras_fer.export.file_report import FileReport
from keras_fer.export.recipes import RECIPES

if TYPE_CHECKING:
    from keras_fer.export.export import ExportReport

CARD_FILE = "README.md"
PAGE_FILE = "index.html"
CHECKSUMS_FILE = "SHA256SUMS"


def write_bundle_files(folder: Path, report: "ExportReport") -> None:
    """Writes `README.md`, `index.html` and `SHA256SUMS` beside the exported files.

    Args:
        folder: with the files, `labels.txt`, `contract.json` and `report.json`.
        report: of the export.
    """
    (folder / CARD_FILE).write_text(model_card(report), encoding="utf-8")
    (folder / PAGE_FILE).write_text(bundle_page(report), encoding="utf-8")
    (folder / CHECKSUMS_FILE).write_text(checksum_lines(sorted(folder.iterdir())), encoding="utf-8")


def model_card(report: "ExportReport") -> str:
    """Returns the model card, Markdown: what the model is, how good, how to use it, and what not to."""
    contract, files = report.contract, report.files
    rows = [
        "| file | accuracy | agreement | size kB | gzip kB | median ms | what it is |",
        "|---|---|---|---|---|---|---|",
        *(_card_row(file) for file in files),
    ]
    best = files[0].file
    return f"""# {_line(contract.name)}

{_line(contract.description) or "Recognises the expression of one cropped face."}

- **Expressions**: {", ".join(map(_line, contract.label_names))}
- **Input**: one face, cropped square, {contract.image_size} × {contract.image_size} pixels, RGB, 0 to 255; \
`contract.json` says how the crop lies around a face box
- **Output**: probability of each expression
- **Parameters**: {report.num_parameters:,}
- **Trained on**: {_line(contract.training_data) or "not stated"}
- **Verified on**: {_verified_on(report.verification)}

## Files

{chr(10).join(rows)}

Accuracy with its 95 % interval. Agreement: share of images with the same answer as the Keras model\
{_keras(files)}. Latency of one image on one thread of the machine that exported \
({report.versions.get("machine", "unknown")}): measure on yours with `keras-fer benchmark *.tflite`. \
[index.html](index.html) has all numbers, `report.json` has them for programs.

## Use

```bash
sha256sum -c {CHECKSUMS_FILE}
pip install keras-fer
keras-fer predict {best} photo.jpg
```

## Limits

An expression is what a face shows, not what a person feels. Accuracy differs between people, cameras and
light, and was measured on the images named above only. Not for decisions about people: in the European Union
emotion recognition at work and in education is prohibited (Regulation 2024/1689, article 5). The terms of the
training data apply to the model.
"""


def _card_row(file: FileReport) -> str:
    accuracy = "–"
    if file.accuracy is not None and file.accuracy_interval is not None:
        low, high = file.accuracy_interval
        accuracy = f"{file.accuracy:.1%} ({low:.1%}–{high:.1%})"
    latency = "–" if file.median_ms is None else number(file.median_ms)
    return (
        f"| `{file.file}` | {accuracy} | {file.agreement:.1%} | {file.size_bytes / 1000:.0f} | "
        f"{file.compressed_bytes / 1000:.0f} | {latency} | {RECIPES[file.recipe].description} |"
    )


def _keras(files: tuple[FileReport, ...]) -> str:
    """Returns what the Keras model itself reaches, in words."""
    accuracy = files[0].keras_accuracy
    if accuracy is None:
        return ""
    count = sum(images for images, _, _ in files[0].class_recalls.values())
    low, high = wilson_interval(round(accuracy * count), count)
    return f", which reaches {accuracy:.1%} ({low:.1%}–{high:.1%})"


def _verified_on(verification: Any) -> str:
    count, split = verification.get("num_images"), verification.get("split")
    dataset = verification.get("dataset") or {}
    source = _line(str(dataset.get("source", "")))
    return (
        f"{count:,} images"
        + (f" of the {split} split" if split else "")
        + (f" of {source}" if source else "")
    )


def _line(text: str) -> str:
    """Returns a text on one line."""
    return " ".join(text.split())
