"""The options of `keras-fer train` that change a setting of the training."""

from collections.abc import Callable
from typing import Any

import click

from keras_fer.training.config import AUGMENTATION_NAMES, BACKBONE_NAMES, PRECISIONS, SAMPLING, TrainingConfig
from keras_fer.training.json_values import LARGEST_SEED


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
    "bank_size": (click.IntRange(min=0), "Stored images that critics learn from; 0 for none."),
    "bank_content": (
        click.Choice(["representations", "face_features"]),
        "What is stored of an image: face features are represented anew for each step of the critics.",
    ),
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
    "non_expression_hidden_size": (
        click.IntRange(min=2),
        "Width of the hidden layer of the branch that makes the non-expression representation.",
    ),
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
    "seed": (click.IntRange(0, LARGEST_SEED), "Seed of initialisation, order and augmentation."),
}


_OTHER_OPTIONS = (
    click.option(
        "--adversarial-clamp/--no-adversarial-clamp",
        default=None,
        help="With reversal: no push on an image whose critic is at chance.  [default: the preset's]",
    ),
    click.option(
        "--freeze-expression/--no-freeze-expression",
        default=None,
        help="Keep the classifier of --weights as it is; learn the non-expression representation alone.",
    ),
    click.option("--soft-labels/--hard-labels", default=None, help="Learn from votes.  [default: soft]"),
    click.option(
        "--teacher",
        "teachers",
        multiple=True,
        type=click.Path(exists=True),
        help="Run folder, .keras or .tflite file to learn from beside the labels; repeat it for several.",
    ),
    click.option(
        "--cache-on-device/--no-cache-on-device",
        default=None,
        help="Copy the training images to the memory of the device once, where they fit.",
    ),
    click.option("--jit-compile/--no-jit-compile", default=None, help="Compile the step with XLA."),
)
# What is no objective of its own, but belongs to the labels.
_LABELS = ("class_weights", "label_smoothing")
OPTION_GROUPS = {
    "Model": (
        *("factors", "backbone", "image_size"),
        *("representation_size", "non_expression_size", "non_expression_hidden_size"),
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
    "Machine": (
        *("precision", "devices", "addresses", "worker", "jit_compile", "cache_on_device", "block_rows"),
    ),
}


def training_options(function: Callable) -> Callable:
    """Adds one option per setting; an option that is not given changes nothing."""
    for name, (kind, text) in reversed({**CONFIG_OPTIONS, **OBJECTIVE_OPTIONS}.items()):
        if name in CONFIG_OPTIONS and getattr(_DEFAULTS, name) is not None:
            text = f"{text}  [default: {getattr(_DEFAULTS, name)}]"
        elif name in OBJECTIVE_OPTIONS:
            text = f"{text}  [default: the preset's]"
        flag = f"--{name.replace('_', '-')}"
        function = click.option(flag, name, type=kind, default=None, help=text)(function)
    for option in reversed(_OTHER_OPTIONS):
        function = option(function)
    return function
