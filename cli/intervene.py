"""`keras-fer intervene`."""

import json
from pathlib import Path
from typing import Any

import click

from keras_fer.cli.output_folder import require_writable
from keras_fer.cli.output_format import format_option
from keras_fer.cli.progress import stage_bars
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.errors import FERError

# `keras_fer.data.synthetic.difficulty.DIFFICULTIES`, repeated because its package needs NumPy; a test
# keeps them equal.
DIFFICULTY_NAMES = ("easy", "standard", "hard")
# `keras_fer.data.synthetic.config` renders no other sizes.
_SMALLEST_RENDER, _LARGEST_RENDER = 32, 256


@click.command("intervene")
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for numbers, pictures and page.  [default: RUN]",
)
@click.option(
    "--difficulty",
    type=click.Choice(DIFFICULTY_NAMES),
    help="Of the rendered faces.  [default: that of the run's data set, if it is rendered]",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=2),
    default=1000,
    show_default=True,
    help="Pairs of the swap test, and pairs per factor.",
)
@click.option(
    "--oracle-images",
    type=click.IntRange(min=40),
    default=8000,
    show_default=True,
    help="Renders that the oracle learns from.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything.")
@format_option("What to print.")
def command(
    run: Path,
    output: Path | None,
    difficulty: str | None,
    pairs: int,
    oracle_images: int,
    seed: int,
    output_format: str,
) -> None:
    """Swap expressions and change single factors of faces rendered for RUN.

    Renders faces of people whom the encoder never saw. Swap test: the decoder gets the expression of one
    face and all else of another, and an oracle and the rendered truth judge the result. Interventions:
    how far each representation moves when one factor changes and nothing else. Neighbours: whether the
    nearest face shows the same expression, or the same person. Maps: both representations, coloured by
    expression and by person. Leaves interventions.html, the pictures in it, interventions.json, and the
    oracle for the next time; the run's report.html shows it too. RUN is a run folder, or a .keras file
    with --difficulty and --output. For a run on other data than rendered faces there are maps of its own
    images, and with --difficulty all of it on rendered ones.

    \b
        keras-fer intervene runs/pairs
        keras-fer intervene runs/ferplus --difficulty easy --pairs 300 --output faces
    """
    # What can be refused is refused before TensorFlow loads, which takes seconds.
    folder = _output_folder(run, output)
    chosen, image_size, notes = _faces(run, difficulty)

    load_tensorflow()
    from keras_fer.data.prepared import open_prepared
    from keras_fer.evaluation.intervention_files import PAGE, study_document, study_text, write_study
    from keras_fer.evaluation.intervention_study import StudyOptions, dataset_study, intervention_study
    from keras_fer.models.loading import load_model
    from keras_fer.training.finish import rewrite_report
    from keras_fer.training.run_folder import read_config

    model = load_model(run)
    folder.mkdir(parents=True, exist_ok=True)
    with stage_bars() as progress:
        if chosen is None:
            study = dataset_study(model, open_prepared(read_config(run)["dataset"]), seed, progress)
        else:
            size = image_size or min(_LARGEST_RENDER, max(_SMALLEST_RENDER, model.contract.image_size))
            options = StudyOptions(chosen, size, pairs, oracle_images, seed)
            study = intervention_study(
                model, options, cache=folder, notes=notes, num_workers=None, progress=progress
            )
    name = run.resolve().stem if run.is_file() else run.resolve().name
    title = f"Interventions on {name}"
    files = write_study(folder, study, title)
    if output_format == "json":
        click.echo(json.dumps(study_document(study, title), ensure_ascii=False, allow_nan=False))
    else:
        click.echo(study_text(study))
    click.echo(f"{len(files)} files; open {folder / PAGE} in a browser.", err=True)
    if folder.resolve() == run.resolve() and rewrite_report(run, model):
        click.echo("The run's report.html shows it too.", err=True)


def _output_folder(run: Path, output: Path | None) -> Path:
    """Returns where to write; the folder itself may be missing."""
    if output is None and run.is_file():
        raise FERError(f"{str(run)!r} is a file, not a run folder: name a folder with --output.")
    folder = run if output is None else output
    require_writable(folder)
    return folder


def _faces(run: Path, difficulty: str | None) -> tuple[str | None, int | None, list[str]]:
    """Returns the difficulty of the faces to render, their size where the run says it, and notes.

    The difficulty is None where the run learned from other data, and its own images are looked at.

    Raises:
        FERError: if neither the run nor the option says what to look at.
    """
    config = _config_of_dataset(run)
    if config and (known := config.get("difficulty")) is not None:
        notes = []
        if difficulty not in (None, known):
            notes = [f"The faces are of difficulty {difficulty}; the model learned from {known} ones."]
        return difficulty or known, config.get("image_size"), notes
    if difficulty is None:
        if config is None:
            raise FERError(
                f"{str(run)!r} does not say what it learned from, or its data set is gone. Choose rendered "
                "faces with --difficulty."
            )
        return None, None, []
    note = (
        f"All faces are rendered, of difficulty {difficulty}; the model learned from other data as far as "
        "is known, so this shows how it takes such faces, not how it takes those it was made for."
    )
    return difficulty, None, [note]


def _config_of_dataset(run: Path) -> dict[str, Any] | None:
    """Returns the configuration of the rendered faces of a run; empty for other data, None for none."""
    from keras_fer.data.prepared import open_prepared
    from keras_fer.training.run_folder import BEST_MODEL, read_config

    if run.is_file():
        return None
    if not (run / BEST_MODEL).is_file():
        raise FERError(f"{str(run)!r} holds no {BEST_MODEL}: name the folder of a run that was trained.")
    dataset = Path(read_config(run)["dataset"])
    if not dataset.is_dir():
        return None
    info = open_prepared(dataset).info
    return dict(info.get("config", {})) if info.get("source") == "synthetic" else {}
