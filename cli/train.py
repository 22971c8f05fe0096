"""`keras-fer train`."""

import json
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from keras_fer.cli.option_groups import GroupedCommand
from keras_fer.cli.tensorflow_start import load_tensorflow
from keras_fer.errors import FERError
from keras_fer.models.objective import PRESETS, Objective
from keras_fer.training.config import AUGMENTATION_NAMES, BACKBONE_NAMES, PRECISIONS, SAMPLING, TrainingConfig


class _Names(click.ParamType):
    """Names with commas between them."""

    name = "names"

    def convert(self, value, param, ctx):
        return tuple(name.strip() for name in value.split(",")) if isinstance(value, str) else value


class _ClassWeights(click.ParamType):
    """`balanced`, or a number per class with commas between them."""

    name = "balanced|numbers"

    def convert(self, value, param, ctx):
        if value == BALANCED or not isinstance(value, str):
            return value
        try:
            return tuple(float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is neither {BALANCED!r} nor numbers with commas between them.", param, ctx)


BALANCED = "balanced"
_TEACHERS = "First the teachers answer for every training image, as it is and mirrored."
_WEIGHT = click.FloatRange(min=0)
_SHARE = click.FloatRange(0, 1, max_open=True)
_DEFAULTS = TrainingConfig(dataset="", output="")

# name: (type, help). The options of the same name change a field of the objective or of the config.
OBJECTIVE_OPTIONS: dict[str, tuple[Any, str]] = {
    "reconstruction_weight": (_WEIGHT, "Weight of the reconstruction (beta 1)."),
    "expression_weight": (_WEIGHT, "Weight of the expression classification (beta 2)."),
    "adversarial_weight": (_WEIGHT, "Weight of the adversarial loss (beta 3)."),
    "adversarial_mode": (click.Choice(["uniform", "reversal", "entropy"]), "What the critics are driven to."),
    "adversarial_scope": (click.Choice(["trunk", "branch"]), "How far the adversarial gradient reaches."),
    "adversarial_ramp_steps": (
        click.IntRange(min=0),
        "Steps over which the adversarial weight grows; 0 for a tenth of all.",
    ),
    "reconstruction_route": (click.Choice(["all", "branch"]), "How far the reconstruction gradient reaches."),
    "reconstruction_noise": (_WEIGHT, "Noise of the second reconstruction, as D2AE has it."),
    "num_critics": (click.IntRange(min=1), "Number of critics."),
    "critic_steps": (click.IntRange(min=1), "Steps of the critics per step of the encoder."),
    "bank_size": (click.IntRange(min=0), "Stored representations that critics learn from; 0 for none."),
    "decorrelation_weight": (_WEIGHT, "Weight of the off-diagonal covariance."),
    "cross_covariance_weight": (_WEIGHT, "Weight of the correlation with the labels."),
    "invariance_weight": (_WEIGHT, "Weight of the difference within exact pairs."),
    "swap_reconstruction_weight": (_WEIGHT, "Weight of the swap reconstruction on exact pairs."),
    "view_invariance_weight": (_WEIGHT, "Weight of the difference between two views of each image."),
    "valence_arousal_weight": (_WEIGHT, "Weight of valence and arousal."),
    "class_weights": (
        _ClassWeights(),
        "Factors of the expression term, in the order of the labels; balanced: every class weighs the same.",
    ),
    "label_smoothing": (_SHARE, "Share of each label that is spread evenly."),
}
CONFIG_OPTIONS: dict[str, tuple[Any, str]] = {
    "factors": (
        _Names(),
        "What gets a representation of its own, such as expression,identity,pose; default: the expression "
        "and all else together.",
    ),
    "backbone": (click.Choice(BACKBONE_NAMES), "Trunk."),
    "image_size": (click.IntRange(16, 512), "Pixels that the model sees; default: the data set's."),
    "representation_size": (click.IntRange(min=2), "Width of the expression representation."),
    "non_expression_size": (click.IntRange(min=2), "Width of the non-expression representation."),
    "weights": (
        click.Path(exists=True),
        "Run folder or .keras file to take trunk and expression branch from, of the same sizes.",
    ),
    "pooling": (click.Choice(["average", "flatten"]), "Pooling of the expression branch."),
    "dropout": (_SHARE, "Dropout in the expression branch."),
    "epochs": (click.IntRange(min=1), "Passes over the training split, at most."),
    "steps_per_epoch": (click.IntRange(min=1), "Steps per epoch; default: one pass."),
    "batch_size": (click.IntRange(min=2), "Images per step, even."),
    "learning_rate": (click.FloatRange(min=0, min_open=True), "Largest learning rate."),
    "warmup_share": (_SHARE, "Share of the steps in which the rate grows."),
    "weight_decay": (_WEIGHT, "Decoupled weight decay of the kernels."),
    "critic_learning_rate": (click.FloatRange(min=0, min_open=True), "Learning rate of the critics."),
    "ema_momentum": (_SHARE, "Moving average of the weights; 0 for none."),
    "gradient_clip": (_WEIGHT, "Largest norm of the gradient; 0 for none."),
    "sampling": (click.Choice(SAMPLING), "How classes are drawn."),
    "temperature": (click.FloatRange(0, 1), "Exponent of the class counts for tempered sampling."),
    "block_rows": (
        click.IntRange(min=0),
        "For slow disks: shuffle blocks of so many rows, and rows within 32 blocks; 0 shuffles all rows.",
    ),
    "mixed_dataset": (click.Path(), "Second prepared data set that gives part of each batch."),
    "mixed_share": (click.FloatRange(0, 1, min_open=True, max_open=True), "Its share of each batch."),
    "mixed_expression_weight": (_WEIGHT, "Weight of its rows in the expression term."),
    "teacher_share": (
        click.FloatRange(0, 1, min_open=True),
        "Share of the teachers' answers in each label, with --teacher.",
    ),
    "teacher_temperature": (
        click.FloatRange(min=0, min_open=True),
        "Temperature of the teachers' answers; above 1 evens them out.",
    ),
    "augmentation": (click.Choice(AUGMENTATION_NAMES), "Level of augmentation."),
    "mixup_alpha": (_WEIGHT, "Blend images and labels in shares from Beta(alpha, alpha); 0 for never."),
    "validation_split": (click.Choice(["validation", "test"]), "Split that chooses the best epoch."),
    "patience": (click.IntRange(min=1), "Epochs without progress before training stops."),
    "probe_every": (
        click.IntRange(min=1),
        "Epochs between fresh probes of the validation split; default: none.",
    ),
    "precision": (click.Choice(PRECISIONS), "Keras dtype policy."),
    "devices": (
        str,
        "GPUs that share each batch, such as 2; or parts of the processor, such as cpu:2.",
    ),
    "seed": (click.IntRange(min=0), "Seed of initialisation, order and augmentation."),
}


# What is no objective of its own, but belongs to the labels.
_LABELS = ("class_weights", "label_smoothing")
OPTION_GROUPS = {
    "Model": (
        *("factors", "backbone", "image_size", "representation_size", "non_expression_size"),
        *("pooling", "dropout", "weights", "freeze_expression"),
    ),
    "Objective (by default the preset's)": (
        *(name for name in OBJECTIVE_OPTIONS if name not in _LABELS),
        "adversarial_clamp",
    ),
    "Labels": ("soft_labels", *_LABELS, "teachers", "teacher_share", "teacher_temperature"),
    "Data": (
        *("augmentation", "mixup_alpha", "sampling", "temperature"),
        *("mixed_dataset", "mixed_share", "mixed_expression_weight"),
    ),
    "Optimisation": (
        *("epochs", "steps_per_epoch", "batch_size", "learning_rate", "warmup_share", "weight_decay"),
        *("critic_learning_rate", "ema_momentum", "gradient_clip", "validation_split", "patience", "seed"),
    ),
    "Machine": ("precision", "devices", "jit_compile", "cache_on_device", "block_rows"),
}


def _options(function):
    """Adds one option per entry of the tables; an option that is not given changes nothing."""
    for name, (kind, text) in reversed({**CONFIG_OPTIONS, **OBJECTIVE_OPTIONS}.items()):
        if name in CONFIG_OPTIONS and getattr(_DEFAULTS, name) is not None:
            text = f"{text}  [default: {getattr(_DEFAULTS, name)}]"
        elif name in OBJECTIVE_OPTIONS:
            text = f"{text}  [default: the preset's]"
        function = click.option(f"--{name.replace('_', '-')}", name, type=kind, default=None, help=text)(
            function
        )
    return function


def _unless_resumed(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is None and context.params.get("stopped") is None and not context.resilient_parsing:
        raise click.UsageError(f"Missing argument '{str(parameter.name).upper()}'.", context)
    return value


@click.command("train", cls=GroupedCommand, option_groups=OPTION_GROUPS)
@click.argument("dataset", type=click.Path(path_type=Path), required=False, callback=_unless_resumed)
@click.argument("run", type=click.Path(path_type=Path), required=False, callback=_unless_resumed)
@click.option(
    "--resume",
    "stopped",
    is_eager=True,  # Whether the arguments may be missing depends on it.
    type=click.Path(path_type=Path),
    help="Go on with this run, which was killed or interrupted, as it began; DATASET and RUN are left out.",
)
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Objective.  [default: paper]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start from the config.json of another run; other options change it.",
)
@click.option(
    "--adversarial-clamp/--no-adversarial-clamp",
    default=None,
    help="With reversal: no push on an image whose critic is at chance.  [default: the preset's]",
)
@click.option(
    "--freeze-expression/--no-freeze-expression",
    default=None,
    help="Keep the classifier of --weights as it is; learn the non-expression representation alone.",
)
@click.option("--soft-labels/--hard-labels", default=None, help="Learn from votes.  [default: soft]")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Path(exists=True),
    help="Run folder, .keras or .tflite file to learn from beside the labels; may be given several times.",
)
@click.option(
    "--cache-on-device/--no-cache-on-device",
    default=None,
    help="Copy the training images to the memory of the device once, where they fit.",
)
@click.option("--jit-compile/--no-jit-compile", default=None, help="Compile the step with XLA.")
@click.option("--progress/--no-progress", default=None, help="Show each step.  [default: on a terminal]")
@_options
@click.pass_context
def command(
    context: click.Context,
    dataset: Path,
    run: Path,
    stopped: Path | None,
    config_file: Path | None,
    progress: bool | None,
    **options: Any,
) -> None:
    """Train on the prepared data set DATASET.

    Leaves the folder RUN: the best and the last model, config, history, TensorBoard logs, contract,
    evaluation on the test split and report.html. Ctrl-C after the first epoch ends training early and
    keeps all that; --resume goes on with a run that was stopped in any way, and ends where it would have
    ended. With --mixed-dataset, such as pairs of synthetic faces, each batch holds rows of two
    data sets; labels are mapped by name, and DATASET alone is validated and tested on. With --factors each
    known factor gets a representation of its own, and critics chase it out of all others.

    \b
        keras-fer train prepared/ferplus runs/paper --preset paper --epochs 14
        keras-fer train prepared/ferplus runs/mixed --preset disentangle_pairs --mixed-dataset prepared/pairs
        keras-fer train prepared/faces runs/factors --preset disentangle --factors expression,identity,pose
        keras-fer train prepared/ferplus runs/again --config runs/paper/config.json --seed 1
        keras-fer train --resume runs/paper
    """
    if stopped is not None:
        _require_alone(context)
        _resume(stopped, progress)
        return
    # Refused before TensorFlow loads, which takes seconds.
    from keras_fer.data.prepared import open_prepared
    from keras_fer.data.sampling import balancing_weights
    from keras_fer.training.checkpoint_folder import require_new_run

    if options["class_weights"] == BALANCED:
        options["class_weights"] = balancing_weights(open_prepared(dataset).class_counts("train"))
    config = _config(dataset, run, config_file, options)
    require_new_run(run)
    sources = [open_prepared(folder) for folder in (dataset, config.mixed_dataset) if folder is not None]
    config.objective().require_classes(len(sources[0].label_names))
    if config.factors is not None:
        from keras_fer.training.known_factors import require_known

        require_known(config.factors, sources)
    load_tensorflow()
    from keras_fer.training.epoch_lines import EpochLines
    from keras_fer.training.fit import fit

    if config.teachers:
        click.echo(_TEACHERS)
    _conclude(fit(config, callbacks=[EpochLines(live=progress)], verbose=0), config.validation_split)


def _require_alone(context: click.Context) -> None:
    """A run goes on as it began: `--resume` takes nothing but how much is shown."""
    given = [
        parameter.human_readable_name if parameter.param_type_name == "argument" else parameter.opts[0]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        and parameter.name not in ("stopped", "progress")
    ]
    if given:
        raise FERError(
            f"A run goes on with the config that it began with: leave out {', '.join(given)} beside --resume."
        )


def _resume(run: Path, progress: bool | None) -> None:
    # Refused before TensorFlow loads.
    from keras_fer.training.resume import stopped_run

    found = stopped_run(run)
    load_tensorflow()
    from keras_fer.training.epoch_lines import EpochLines
    from keras_fer.training.resume import resume

    if found.trained:
        click.echo("Training had ended; the evaluation follows.")
    elif found.epochs_done:
        click.echo(f"Training goes on after epoch {found.epochs_done} of {found.config.epochs}.")
    else:
        click.echo("Training was stopped before the first epoch ended, and starts anew.")
    if found.config.teachers and not found.trained:
        click.echo(_TEACHERS)
    _conclude(resume(run, [EpochLines(live=progress)], verbose=0), found.config.validation_split)


def _conclude(result: Any, validation_split: str) -> None:
    """Evaluates what training left, and says what came of it."""
    from keras_fer.training.finish import finish

    ended = "Interrupted; the" if result.interrupted else "The"
    click.echo(
        f"{ended} best epoch was {result.best_epoch}, with {result.best_accuracy:.2%} on the "
        f"{validation_split} split."
    )
    evaluation = finish(result.folder)
    low, high = evaluation.accuracy_interval
    click.echo(
        f"Accuracy on {evaluation.num_images} images of the {evaluation.split} split: "
        f"{evaluation.accuracy:.2%} (95 % interval {low:.2%} to {high:.2%})."
    )
    click.echo(f"Report: {result.folder / 'report.html'}")
    if result.interrupted:
        click.echo(f"To go on with it: keras-fer train --resume {result.folder}")


def _config(dataset: Path, run: Path, config_file: Path | None, options: dict[str, Any]) -> TrainingConfig:
    values: dict[str, Any] = {}
    if config_file is not None:
        try:
            stored = json.loads(config_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise FERError(f"{str(config_file)!r} is not the config.json of a run: {error}") from error
        is_config = isinstance(stored, dict) and "preset" in stored
        if not is_config or not isinstance(stored.get("objective_changes", {}), dict):
            raise FERError(
                f"{str(config_file)!r} is not the config.json of a run: it is another kind of JSON."
            )
        known = TrainingConfig.__dataclass_fields__
        values = {name: value for name, value in stored.items() if name in known}
    # An option that may be given several times is empty, not None, where it is not given.
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    changes = {name: given.pop(name) for name in list(given) if name in Objective.__dataclass_fields__}
    values["objective_changes"] = {**values.get("objective_changes", {}), **changes}
    return TrainingConfig.from_dict({**values, **given, "dataset": str(dataset), "output": str(run)})
