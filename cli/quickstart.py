"""`keras-fer quickstart`: the whole way once, on rendered faces."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from keras_fer.cli.progress import progress_bar
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.errors import FERError

PRESETS = ("baseline", "disentangle_pairs")
_NUM_SAMPLES = 8
# Small crops that are well aligned: positions matter, and a short schedule is enough.
_RECIPE: dict[str, Any] = {
    "backbone": "plain_small",
    "pooling": "flatten",
    "dropout": 0.3,
    "augmentation": "light",
    "learning_rate": 2e-3,
    "ema_momentum": 0.98,
}


@click.command("quickstart")
@click.argument("output", type=click.Path(path_type=Path), default=Path("quickstart"))
@click.option("--num-images", type=click.IntRange(min=400), default=12_000, show_default=True, help="Faces.")
@click.option("--epochs", type=click.IntRange(min=1), default=5, show_default=True, help="Per model.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything.")
def command(output: Path, num_images: int, epochs: int, seed: int) -> None:
    """Render faces, train, probe, export, verify and predict in minutes.

    Renders pairs of synthetic faces, trains a baseline and the model that learns from pairs, asks
    fresh probes what each non-expression representation still knows of the expression, exports three
    verified TFLite files, predicts with the int8 file, and writes OUTPUT/report.html. Nothing is
    downloaded.

    \b
        keras-fer quickstart
        keras-fer quickstart try --num-images 4000 --epochs 2
    """
    from keras_fer.atomic import require_new_folder

    require_new_folder(output)
    load_tensorflow()
    start = time.monotonic()
    with _step("Rendering faces"):
        dataset = _render(output / "faces", num_images + num_images % 2, seed)
    models = {}
    for preset in PRESETS:
        with _step(f"Training {preset}"):
            models[preset] = _train(output / preset, output / "faces", preset, epochs, seed)
    with _step("Asking fresh probes what the non-expression representations know"):
        probes = _probe(models, dataset)
        _print_probes(probes)
    with _step("Exporting and verifying"):
        exports = _export(models["disentangle_pairs"], dataset, output / "export")
    with _step("Predicting with the int8 file"):
        _predict(output / "samples", output / "export")
    with _step("Writing the report"):
        chosen = "disentangle_pairs"
        report = _report(output, output / chosen, dataset, models[chosen], probes, exports)
    click.echo(f"\nDone in {(time.monotonic() - start) / 60:.1f} minutes. Open {report} in a browser.")


@contextmanager
def _step(title: str) -> Iterator[None]:
    click.secho(f"\n{title}", bold=True)
    start = time.monotonic()
    yield
    click.echo(f"({time.monotonic() - start:.0f} s)")


def _render(folder: Path, num_images: int, seed: int) -> Any:
    """Renders the faces, and beside them a sheet of each expression on several people."""
    import numpy as np
    from PIL import Image

    from keras_fer.data.synthetic.config import SyntheticConfig
    from keras_fer.data.synthetic.prepare import prepare_synthetic
    from keras_fer.data.synthetic.sheets import expression_sheet

    config = SyntheticConfig(num_images=num_images, difficulty="easy", pairs=True, seed=seed)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with progress_bar("Faces") as progress:
        dataset = prepare_synthetic(config, folder, progress=progress)
    sheet = folder.parent / "expressions.png"
    Image.fromarray(expression_sheet(replace(config, image_size=128))).save(sheet)
    samples = folder.parent / "samples"
    samples.mkdir()
    rows = np.random.default_rng(seed).choice(dataset.indices("test"), _NUM_SAMPLES, replace=False)
    for image, row in zip(dataset.images(rows), rows, strict=True):
        Image.fromarray(image).save(samples / f"{dataset.label_names[dataset.labels[row]]}_{row}.png")
    click.echo(f"{len(dataset):,} faces of {dataset.subjects.max() + 1} people; {sheet} shows some.")
    return dataset


def _train(run: Path, faces: Path, preset: str, epochs: int, seed: int) -> Any:
    from keras_fer.models.loading import load_model
    from keras_fer.training.config import TrainingConfig
    from keras_fer.training.epoch_lines import EpochLines
    from keras_fer.training.finish import finish
    from keras_fer.training.fit import fit

    config = TrainingConfig(
        dataset=str(faces), output=str(run), preset=preset, epochs=epochs, seed=seed, **_RECIPE
    )
    if fit(config, callbacks=[EpochLines()], verbose=0).interrupted:
        raise FERError(f"Interrupted. Remove {str(run.parent)!r} to start again.")
    evaluation = finish(run)
    low, high = evaluation.accuracy_interval
    click.echo(
        f"{preset}: {evaluation.accuracy:.1%} of {evaluation.num_images} faces of unseen people are right "
        f"(95 % interval {low:.1%} to {high:.1%}; chance {1 / len(evaluation.label_names):.1%})."
    )
    return load_model(run)


def _probe(models: dict[str, Any], dataset: Any) -> list:
    """Probes each model, and an untrained one as the floor."""
    from keras_fer.evaluation.leakage import keras_representation_function, measure_leakage
    from keras_fer.evaluation.representation_names import NON_EXPRESSION_REPRESENTATION
    from keras_fer.training.config import TrainingConfig
    from keras_fer.training.run_model import build_model

    untrained = build_model(
        TrainingConfig(dataset="", output="", preset="baseline", **_RECIPE), dataset, (), 1
    )
    rows = []
    for name, model in {"untrained": untrained, **models}.items():
        rows += measure_leakage(
            keras_representation_function(model),
            dataset,
            dataset.crop_size,
            model=name,
            names=(NON_EXPRESSION_REPRESENTATION,),
            seeds=(0,),
            floor=name == "untrained",
        )
    return rows


def _print_probes(probes: list) -> None:
    click.echo(
        f"{'non-expression representation of':34} {'linear':>7} {'MLP':>7} {'chance':>7} {'leakage':>8} rank"
    )
    for row in probes:
        result = row.result
        click.echo(
            f"{row.model:34} {result.linear_mean:7.1%} {result.mlp_mean:7.1%} {result.chance:7.1%} "
            f"{result.leakage:8.2f} {row.effective_rank:4.0f} of {row.width}"
        )


def _export(model: Any, dataset: Any, output: Path) -> list[dict[str, Any]]:
    """Exports the expression branch and prints the table; returns a row per file for the report."""
    from keras_fer.export.dataset_images import image_sample
    from keras_fer.export.export import ExportFailedError, export

    calibration = image_sample(dataset, model.contract, ("train",), 200)
    verification = image_sample(dataset, model.contract, ("test",), 1000)
    try:
        report = export(
            model.classifier,
            model.contract,
            output,
            images=verification.images,
            labels=verification.labels,
            calibration_images=calibration.images,
            calibration=calibration.facts,
            verification=verification.facts,
        )
    except ExportFailedError as error:
        click.echo(error.report.table())
        raise
    click.echo(report.table())
    columns = ("file", "size_bytes", "max_difference", "agreement", "accuracy", "median_ms")
    return [{name: getattr(file, name) for name in columns} for file in report.files]


def _predict(samples: Path, exported: Path) -> None:
    from keras_fer.runtime.recognizer import ExpressionRecognizer

    (file,) = exported.glob("*_static_wi8_ai8.tflite")
    for prediction in ExpressionRecognizer(file).recognize_files(sorted(samples.iterdir())):
        shown = Path(prediction.path).stem.split("_")[0]
        click.echo(f"  {shown:10} recognised as {prediction.expression:10} {prediction.probability:6.1%}")


def _report(output: Path, run: Path, dataset: Any, model: Any, probes: list, exports: list) -> Path:
    from keras_fer.evaluation.evaluate import evaluate
    from keras_fer.evaluation.recognizers import KerasRecognizer
    from keras_fer.training.finish import write_run_report

    predictions = evaluate(KerasRecognizer(model), dataset, "test")
    write_run_report(run, predictions, dataset, probes=probes, exports=exports)
    report = output / "report.html"
    shutil.copyfile(run / "report.html", report)
    return report
