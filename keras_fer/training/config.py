"""Everything that is needed to repeat a training run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from keras_fer.errors import FERError
from keras_fer.field_types import is_whole, require_field_types
from keras_fer.models.objective import Objective, preset
from keras_fer.training.devices import Devices
from keras_fer.training.json_values import LARGEST_SEED

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
SAMPLING = ("natural", "balanced", "tempered")
# The names that the modules below know, kept here so that the command line can refuse a wrong one
# without loading TensorFlow; a test keeps them equal.
BACKBONE_NAMES = (
    "residual_small",
    "residual_edge",
    "plain_small",
    "mobile_convolutional",
    "mobilenet_v2",
    "mobilenet_v2_half",
    "mobilenet_v3_small",
    "mobilenet_v3_small_hard_swish",
    "efficientnet_v2_b0",
)
AUGMENTATION_NAMES = ("none", "light", "standard", "strong")
_CHOICES = {
    "backbone": BACKBONE_NAMES,
    "pooling": ("average", "flatten"),
    "sampling": SAMPLING,
    "augmentation": AUGMENTATION_NAMES,
    "validation_split": ("validation", "test"),
    "precision": PRECISIONS,
}
# Fields that name what training starts from; beside them `output` is the only path.
INPUT_PATHS = ("dataset", "mixed_dataset", "weights", "teachers")
_SIZES = ("representation_size", "non_expression_size", "non_expression_hidden_size")
_COUNTS = (*_SIZES, "epochs", "patience", "workers")
_RATES = ("learning_rate", "critic_learning_rate")
_NOT_NEGATIVE = ("weight_decay", "gradient_clip", "block_rows")
_BELOW_ONE = ("warmup_share", "ema_momentum", "dropout")


@dataclass(frozen=True)
class TrainingConfig:
    """One run; saved with it as `config.json`.

    Args:
        dataset: folder of a prepared data set: of its training split, one pass of which is an epoch, of
            the labels, and of all that is judged on.
        output: folder of the run, new.
        preset: name of the objective, see `keras_fer.models.objective.PRESETS`.
        objective_changes: fields of the objective that differ from the preset.
        factors: names of what is known of the images that get a representation each, `expression` among
            them, see `keras_fer.training.known_factors.factor_names`; None for the expression alone.
        backbone: name of the trunk.
        image_size: height and width that the model sees, pixels; None takes the data set's crop.
        representation_size: width of the expression representation.
        non_expression_size: width of the non-expression representation; with `factors` of each but that of
            the expression.
        non_expression_hidden_size: width of the hidden layer of the branch that makes it, or, with `factors`,
            of that of the residual representation.
        weights: run folder or `.keras` file whose trunk and expression branch training starts from, of the
            same backbone, size, pooling and representation size; None starts anew.
        freeze_expression: whether the classifier of `weights`, head and all, stays as it is, so that only the
            non-expression representation is learned.
        pooling: of the expression branch, `"average"` or `"flatten"`.
        dropout: in the expression branch, share from 0 to below 1.
        epochs: at most so many passes.
        steps_per_epoch: None for one pass over the training split.
        batch_size: images per step, even.
        learning_rate: the largest, reached after the warm-up; then a cosine to 0.
        warmup_share: share of all steps in which the rate grows from 0.
        weight_decay: decoupled (AdamW), on kernels only.
        critic_learning_rate: of the critics' Adam (β1 = 0.5).
        ema_momentum: of the moving average of the weights that is evaluated and saved; 0 for none. Short
            runs take a smaller one.
        gradient_clip: largest norm of the encoder's whole gradient; 0 for none.
        sampling: `"natural"`, `"balanced"` or `"tempered"`; pairs are sampled as pairs.
        temperature: of `"tempered"`: class shares go with count ** temperature.
        block_rows: with `"natural"` sampling, for slow disks: blocks of so many neighbouring rows are
            shuffled, and rows within a window of 32 blocks; 0 shuffles over the whole data set.
        cache_on_device: whether the training images are copied to the memory of the device once, which then
            gathers each batch itself.
        mixed_dataset: folder of a second prepared data set, whose training split gives part of each
            batch; None for none. Labels are mapped by name; images that the first data set is judged
            on are left out.
        mixed_share: share of its rows in a batch, rounded to an even number of rows.
        mixed_expression_weight: factor of its rows in the expression term; 0 leaves them to the other
            terms.
        soft_labels: whether to learn from label distributions where the data set has them.
        teachers: run folders, `.keras` or exported files whose answers are learned beside the labels, see
            `keras_fer.training.distillation.distilled`; none by default.
        teacher_share: of their answers in each label, above 0 and at most 1.
        teacher_temperature: at which they answer; above 1 their answers are more even.
        augmentation: level, see `keras_fer.data.augmentation.AUGMENTATIONS`.
        mixup_alpha: above 0 images and labels of a batch are blended in shares from Beta(α, α), see
            `keras_fer.data.mixup.mixup`.
        validation_split: split that early stopping and the choice of the best epoch look at;
            `"validation"` is carved from train, `"test"` gives what much of the literature does.
        patience: epochs without a better `val_expression_accuracy` before training stops.
        probe_every: epochs from one set of fresh probes on the validation split to the next, see
            `keras_fer.training.probe_callback.ProbeCallback`; None for none.
        precision: Keras dtype policy.
        jit_compile: whether to compile the step with XLA.
        devices: GPUs that share each batch, such as `"2"`, or parts of the processor, such as `"cpu:2"`; an
            int is taken for the former.
        workers: processes that share each batch, each with so many `devices`; `fit` is given the cluster.
        seed: of initialisation, data order, augmentation, the critics' draws and the reconstruction noise.
    """

    dataset: str
    output: str
    preset: str = "paper"
    objective_changes: Mapping[str, Any] = field(default_factory=dict)
    factors: tuple[str, ...] | None = None
    backbone: str = "residual_small"
    image_size: int | None = None
    representation_size: int = 128
    non_expression_size: int = 64
    non_expression_hidden_size: int = 512
    weights: str | None = None
    freeze_expression: bool = False
    pooling: str = "average"
    dropout: float = 0.2
    epochs: int = 24
    steps_per_epoch: int | None = None
    batch_size: int = 32
    learning_rate: float = 1.5e-3
    warmup_share: float = 0.05
    weight_decay: float = 5e-2
    critic_learning_rate: float = 2e-3
    ema_momentum: float = 0.998
    gradient_clip: float = 0.0
    sampling: str = "natural"
    temperature: float = 0.5
    block_rows: int = 0
    cache_on_device: bool = False
    mixed_dataset: str | None = None
    mixed_share: float = 0.5
    mixed_expression_weight: float = 1.0
    soft_labels: bool = True
    teachers: tuple[str, ...] = ()
    teacher_share: float = 0.5
    teacher_temperature: float = 1.0
    augmentation: str = "standard"
    mixup_alpha: float = 0.0
    validation_split: str = "validation"
    patience: int = 10
    probe_every: int | None = None
    precision: str = "float32"
    jit_compile: bool = False
    devices: str = "1"
    workers: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        self._require_single_values()
        object.__setattr__(self, "objective_changes", dict(self.objective_changes))
        object.__setattr__(self, "teachers", tuple(self.teachers))
        object.__setattr__(self, "devices", str(self.devices))
        self._require_combinations(self.objective())

    def _require_single_values(self) -> None:
        finite = "finite and at least 0"
        checks = {
            **{name: (getattr(self, name) >= 1, "at least 1") for name in _COUNTS},
            "steps_per_epoch": (self.steps_per_epoch is None or self.steps_per_epoch >= 1, "at least 1"),
            "probe_every": (self.probe_every is None or self.probe_every >= 1, "at least 1"),
            **{name: (0 < getattr(self, name) < float("inf"), "finite and above 0") for name in _RATES},
            "image_size": (self.image_size is None or 16 <= self.image_size <= 512, "from 16 to 512"),
            "seed": (0 <= self.seed <= LARGEST_SEED, f"from 0 to {LARGEST_SEED}"),
            "temperature": (0 <= self.temperature <= 1, "from 0 to 1"),
            **{name: (0 <= getattr(self, name) < float("inf"), finite) for name in _NOT_NEGATIVE},
            **{name: (0 <= getattr(self, name) < 1, "from 0 to below 1") for name in _BELOW_ONE},
            "mixed_dataset": (self.mixed_dataset is None or isinstance(self.mixed_dataset, str), "a folder"),
            "mixed_share": (0 < self.mixed_share < 1, "above 0 and below 1"),
            "mixed_expression_weight": (0 <= self.mixed_expression_weight < float("inf"), finite),
            "teachers": (
                not isinstance(self.teachers, str) and all(isinstance(t, str) for t in self.teachers),
                "a list of runs and files",
            ),
            "teacher_share": (0 < self.teacher_share <= 1, "above 0 and at most 1"),
            "teacher_temperature": (0 < self.teacher_temperature < float("inf"), "finite and above 0"),
            "mixup_alpha": (0 <= self.mixup_alpha < float("inf"), finite),
            **{name: (getattr(self, name) in of, f"one of {', '.join(of)}") for name, of in _CHOICES.items()},
        }
        if self.batch_size < 2 or self.batch_size % 2:
            raise FERError(
                "`batch_size` must be even, 2 or more: pairs and views fill two rows. "
                f"Received: batch_size={self.batch_size}"
            )
        for name, (valid, wanted) in checks.items():
            if not valid:
                raise FERError(
                    f"The training option `{name}` must be {wanted}. Received: {name}={getattr(self, name)!r}"
                )

    def _require_combinations(self, objective: Objective) -> None:
        if self.teachers and not self.soft_labels:
            raise FERError("Teachers give soft labels; leave `soft_labels` on.")
        if self.factors is not None:
            self._require_factors(objective)
        if objective.has_critics and 0 < objective.bank_size < self.batch_size:
            raise FERError(
                "`bank_size` must be 0 or at least `batch_size`. "
                f"Received: bank_size={objective.bank_size}, batch_size={self.batch_size}"
            )
        if self.mixed_dataset is not None and not 0 < self.mixed_rows < self.batch_size:
            raise FERError(
                f"A `mixed_share` of {self.mixed_share} is {self.mixed_rows} of the {self.batch_size} rows "
                "of a batch, and each data set gives two or more. Choose another share or a larger "
                "`batch_size`."
            )
        if self.block_rows:
            self._require_rows_as_they_lie(objective)
        if self.cache_on_device:
            self._require_cacheable()
        if self.num_replicas > 1:
            self._require_shareable(objective)
        if self.freeze_expression:
            self._require_freezable(objective)
        if self.mixup_alpha:
            self._require_single_images(objective)
        if objective.needs_views and self.augmentation == "none":
            raise FERError(
                "`view_invariance_weight` compares two augmented views of each image, which are equal "
                "without augmentation. Choose another `augmentation` than 'none', or set the weight to 0."
            )

    def _require_rows_as_they_lie(self, objective: Objective) -> None:
        drawn = f"{self.sampling!r} sampling"
        if objective.needs_pairs:
            drawn = f"the exact pairs of the preset {self.preset!r}"
        elif self.sampling == "natural":
            return
        raise FERError(
            f"`block_rows` takes rows as they lie on the disk; it cannot go with {drawn}. Set it to 0."
        )

    def _require_cacheable(self) -> None:
        more = {
            "a `mixed_dataset`": self.mixed_dataset is not None,
            "`mixup_alpha`": self.mixup_alpha > 0,
            "`jit_compile`": self.jit_compile,
            "several devices": self.num_replicas > 1,
            "`block_rows`": self.block_rows > 0,
        }
        if found := [name for name, present in more.items() if present]:
            raise FERError(
                "With `cache_on_device` the step itself takes its images from the memory of one device; that "
                f"cannot go with {' and '.join(found)}. Leave it out."
            )

    def _require_shareable(self, objective: Objective) -> None:
        """Refuses what would not give the result of one device."""
        count = self.num_replicas
        one_device = f"or set `devices` to 1. Received: devices={self.devices!r}"
        if self.workers > 1:
            one_device = f"or train in one process on one device. Received: {self.workers} processes"
            one_device += f", devices={self.devices!r}"
            if Devices.parse(self.devices).kind == "CPU" and self.num_devices > 1:
                raise FERError(
                    "A process of a cluster is not divided further: start more processes in place of "
                    f"`devices` {self.devices}."
                )
        if self.jit_compile:
            raise FERError(f"`jit_compile` goes with one device: leave it out, {one_device}")
        if self.precision == "mixed_float16":
            raise FERError(
                "With 'mixed_float16' Keras looks for overflows on the first device alone: choose "
                f"'mixed_bfloat16', {one_device}, precision={self.precision!r}"
            )
        if self.gradient_clip:
            raise FERError(
                "`gradient_clip` bounds the whole gradient, of which each device has a share: set it to 0, "
                f"{one_device}, gradient_clip={self.gradient_clip}"
            )
        if self.batch_size % (2 * count):
            raise FERError(
                "Each device takes an equal and even share of a batch: set `batch_size` to a multiple of "
                f"{2 * count}, {one_device}, batch_size={self.batch_size}"
            )
        if objective.has_critics and objective.bank_size and objective.bank_draws % count:
            raise FERError(
                "Each device takes an equal share of the draws from the bank: set `bank_draws` to a multiple "
                f"of {count}, {one_device}, bank_draws={objective.bank_draws}"
            )

    def _require_freezable(self, objective: Objective) -> None:
        if self.weights is None:
            raise FERError("`freeze_expression` needs a trained classifier to keep; name it as `weights`.")
        if self.factors is not None:
            raise FERError("`freeze_expression` is for runs without `factors`.")
        if not objective.moves_non_expression_branch:
            raise FERError(
                f"With `freeze_expression` the preset {self.preset!r} has nothing to learn: none of its "
                "terms moves the non-expression branch. Choose another preset, such as 'disentangle'."
            )

    def _require_single_images(self, objective: Objective) -> None:
        more = {
            "exact pairs": objective.needs_pairs,
            "two views of each image": objective.needs_views,
            "`factors`": self.factors is not None,
            "a `mixed_dataset`": self.mixed_dataset is not None,
        }
        if found := [name for name, present in more.items() if present]:
            raise FERError(
                "`mixup_alpha` blends single images of one data set; it cannot go with "
                f"{' and '.join(found)}. Set it to 0."
            )

    def _require_factors(self, objective: Objective) -> None:
        # Imported here: it needs NumPy, which `--help` can do without.
        from keras_fer.models.factors import EXPRESSION, require_objective, without_expression

        names = () if isinstance(self.factors, str) else tuple(self.factors or ())
        if EXPRESSION not in names or len(set(names)) < len(names):
            raise FERError(
                f"`factors` are names, each once, and {EXPRESSION!r} is one of them. "
                f"Received: factors={self.factors!r}"
            )
        if self.probe_every is not None:
            raise FERError("Probes on the way need a run without `factors`; leave out `probe_every`.")
        object.__setattr__(self, "factors", names)
        require_objective(without_expression(objective))

    @property
    def mixed_rows(self) -> int:
        """Rows of a batch that the mixed data set gives, an even number."""
        return 0 if self.mixed_dataset is None else 2 * round(self.mixed_share * self.batch_size / 2)

    @property
    def num_devices(self) -> int:
        """Devices of each process."""
        return Devices.parse(self.devices).count

    @property
    def num_replicas(self) -> int:
        """Devices of all processes, which share each batch."""
        return self.num_devices * self.workers

    @property
    def augments_in_pipeline(self) -> bool:
        """Whether images are augmented beside the step, not inside it.

        XLA has no kernel for the warp; and each of several devices would draw for its own rows.
        """
        return self.jit_compile or self.num_replicas > 1

    def objective(self) -> Objective:
        """Returns the preset with its changes.

        Raises:
            FERError: if there is no such preset or field.
        """
        if unknown := set(self.objective_changes) - {item.name for item in fields(Objective)}:
            raise FERError(f"An objective has no fields {sorted(unknown)}.")
        return preset(self.preset, **self.objective_changes)

    def to_dict(self) -> dict[str, Any]:
        """Returns the config as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TrainingConfig":
        """Builds a config from what `to_dict` returned; raises `FERError` for what no config holds."""
        if isinstance(values, Mapping) and is_whole(values.get("devices")):
            values = {**values, "devices": str(values["devices"])}
        require_field_types(cls, values, "A training config")
        if unknown := set(values) - {item.name for item in fields(cls)}:
            raise FERError(f"A training config has no fields {sorted(unknown)}.")
        try:
            return cls(**values)
        except TypeError as error:
            raise FERError(f"A training config lacks a field: {error}") from error
