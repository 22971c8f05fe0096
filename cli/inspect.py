"""`keras-fer inspect`."""

import json
from pathlib import Path

import click

from keras_fer.cli.output_format import format_option
from keras_fer.data.records import SPLITS


@click.command("inspect")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Read every file and compare its checksum.")
@click.option(
    "--sheet",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a contact sheet to this PNG file.",
)
@click.option(
    "--split",
    type=click.Choice(SPLITS),
    default="train",
    show_default=True,
    help="Split shown on the contact sheet.",
)
@click.option(
    "--images-per-class",
    type=click.IntRange(1, 100),
    default=12,
    show_default=True,
    help="Images in a row of the contact sheet.",
)
@format_option("Text for people, or one JSON document.")
def command(
    dataset: Path, verify: bool, sheet: Path | None, split: str, images_per_class: int, output_format: str
) -> None:
    """Show what the prepared data set DATASET holds.

    Counts per split and class, identical and nearly identical images within and across splits, people,
    dropped records by reason, factors.

    \b
        keras-fer inspect prepared/ferplus --verify
        keras-fer inspect prepared/ferplus --sheet sheet.png --format json
    """
    from keras_fer.atomic import require_parent
    from keras_fer.data.contact_sheet import write_contact_sheet
    from keras_fer.data.inspection import statistics
    from keras_fer.data.prepared import open_prepared

    prepared = open_prepared(dataset, verify="checksums" if verify else "sizes")
    if sheet is not None:
        require_parent(sheet, "the contact sheet")
        write_contact_sheet(sheet, prepared, split, images_per_class)
    result = statistics(prepared)
    if output_format == "json":
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
        return
    click.echo(statistics_text(result))
    if verify:
        click.echo("Checksums: all files are as they were written.")
    if sheet is not None:
        click.echo(f"Contact sheet: {sheet}")


def statistics_text(result: dict) -> str:
    """Formats what `keras_fer.data.inspection.statistics` returns."""
    height, width, channels = result["image_shape"]
    color = "gray" if channels == 1 else "RGB"
    whole = result["crop_size"] == min(height, width)
    seen = "" if whole else f", of which a model sees the centre {result['crop_size']}"
    lines = [
        f"{result['path']}: {result['description'] or result['source']}",
        f"{result['num_images']:,} {color} images of {height} × {width} pixels{seen}; "
        f"{result['size_bytes'] / 1e6:,.0f} MB",
        "",
        *_counts(result),
        "",
    ]
    for key, title in (("exact_duplicates", "Identical"), ("near_duplicates", "Nearly identical")):
        lines.append(f"{title} images: {_duplicates(result[key])}")
    lines += _people(result)
    if result["soft_labels"]:
        lines.append("Soft labels: yes")
    if result["num_with_valence_arousal"]:
        lines.append(f"Valence and arousal: {result['num_with_valence_arousal']:,} images")
    if result["num_pairs"]:
        lines.append(
            f"Exact pairs: {result['num_pairs']:,}, which differ in the expression alone and may count as "
            "nearly identical"
        )
    dropped = result["dropped"]
    reasons = "; ".join(f"{reason} {count:,}" for reason, count in dropped.items())
    lines.append(f"Dropped records: {sum(dropped.values()):,}" + (f" ({reasons})" if reasons else ""))
    if result["factors"]:
        lines.append(f"Factors: {', '.join(result['factors'])}")
    return "\n".join(lines)


def _counts(result: dict) -> list[str]:
    """Returns the table of images per class and split."""
    splits = result["splits"]
    rows = [[name, *(splits[split]["counts"][name] for split in SPLITS)] for name in result["label_names"]]
    if any(splits[split]["num_unlabelled"] for split in SPLITS):
        rows.append(["(no label)", *(splits[split]["num_unlabelled"] for split in SPLITS)])
    rows.append(["all", *(splits[split]["num_images"] for split in SPLITS)])
    width = max(len(row[0]) for row in rows)
    header = f"{'':{width}}" + "".join(f"{split:>12}" for split in SPLITS)
    return [header, *(f"{row[0]:{width}}" + "".join(f"{count:12,}" for count in row[1:]) for row in rows)]


def _duplicates(groups: dict) -> str:
    """Returns one line about groups of images that are alike."""
    if not groups["num_groups"]:
        return "none"
    across = "; ".join(f"{splits}: {count:,}" for splits, count in groups["across"].items() if count)
    return (
        f"{groups['num_images']:,} in {groups['num_groups']:,} groups, "
        f"{groups['num_with_several_labels']:,} of them with several labels, "
        f"{groups['num_across_splits']:,} across splits" + (f" ({across})" if across else "")
    )


def _people(result: dict) -> list[str]:
    """Returns the line about people, if any are known."""
    subjects = result["subjects"]
    if not subjects["num_subjects"]:
        return ["People: not known"]
    return [
        f"People: {subjects['num_subjects']:,}, {subjects['num_across_splits']:,} of them in several splits"
    ]
