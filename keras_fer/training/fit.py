"""One training run, from a prepared data set to a run folder."""

import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_fer.atomic import atomic_file
from keras_fer.contract import ModelContract
from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.crop_convention import crop_convention
from keras_fer.data.pipeline import evaluation_pipeline
from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.errors import FERError
from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.factor_model import FactorModel
from keras_fer.training import run_folder
from keras_fer.training.batches import training_batches
from keras_fer.training.callbacks import EpochFacts, SaveBestAndLast, WarnOnCollapse, WriteHistory
from keras_fer.training.checkpoint_folder import remove_checkpoints, require_new_run
from keras_fer.training.checkpoints import WriteCheckpoints, restore
from keras_fer.training.config import TrainingConfig
from keras_fer.training.distillation import distilled
from keras_fer.training.factor_augmentation import factor_augmentation, left_out
from keras_fer.training.factor_run import build_factor_model, factors_of_run
from keras_fer.training.folder_lock import folder_lock
from keras_fer.training.initial_weights import freeze_expression, take_weights
from keras_fer.training.known_factors import KnownFactors
from keras_fer.training.probe_callback import dataset_probe_callback
from keras_fer.training.resume import StoppedRun
from keras_fer.training.tensorboard_hparams import hparams, hparams_callback
from keras_fer.training.tensorboard_pictures import TensorBoardPictures, picture_faces

MONITOR = "val_expression_accuracy"


@dataclass(frozen=True)
class TrainingResult:
    """What a run came to.

    Args:
        folder: of the run.
        best_epoch: counted from 1.
        best_accuracy: expression accuracy on the validation split in that epoch.
        interrupted: whether Ctrl-C ended the run early.
    """

    folder: Path
    best_epoch: int
    best_accuracy: float
    interrupted: bool


def fit(
    config: TrainingConfig,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    verbose: int = 2,
    stopped: StoppedRun | None = None,
) -> TrainingResult:
    """Trains, and leaves a run folder with the best and the last model.

    Until training has ended the folder holds checkpoints too, from which `keras_fer.training.resume.resume`
    goes on.

    Args:
        config: what to do.
        callbacks: further Keras callbacks, called after those of the run.
        verbose: as in `keras.Model.fit`.
        stopped: what `resume` found in the output, which it holds the lock of; None for a new run.

    Raises:
        FERError: if a data set or the output cannot be used, or the loss stops being finite.
    """
    output = Path(config.output)
    if stopped is None:
        require_new_run(output)
    dataset = open_prepared(config.dataset, verify="checksums")
    mixed = None
    if config.mixed_dataset is not None:
        mixed = open_prepared(config.mixed_dataset, verify="checksums")
    if config.teachers:
        dataset = distilled(dataset, config.teachers, config.teacher_share, config.teacher_temperature)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    try:
        return _fit(config, dataset, mixed, output, callbacks, verbose, stopped)
    finally:
        keras.config.set_dtype_policy("float32")


def _fit(config, dataset, mixed, output, callbacks, verbose, stopped) -> TrainingResult:
    known = factors_of_run(config, dataset, mixed)
    batches = training_batches(config, dataset, mixed, known.targets)
    steps_per_epoch = config.steps_per_epoch or batches.steps_per_epoch
    num_steps = steps_per_epoch * config.epochs
    validation = dataset.indices(config.validation_split)
    if not len(validation):
        raise FERError(
            f"The data set {config.dataset!r} has no {config.validation_split} split to choose the best "
            "epoch by. Prepare it again with a larger validation share, or choose another split."
        )
    model = build_model(config, dataset, batches.prior, num_steps, mixed, known)
    if config.freeze_expression:
        freeze_expression(model, config.weights)
    elif config.weights is not None:
        take_weights(model, config.weights)
    augmented = augmentation(config, dataset, model.contract.image_size)
    _compile(model, config, num_steps, augmented)
    checkpoint = None if stopped is None else stopped.checkpoint
    if checkpoint is not None:
        restore(output, model, checkpoint)
    first_epoch = 0 if checkpoint is None else checkpoint.epoch + 1
    pipeline = batches.pipeline(
        start_step=first_epoch * steps_per_epoch,
        num_steps=(config.epochs - first_epoch) * steps_per_epoch,
        augmentation=augmented if config.jit_compile else None,
        augmentation_seed=config.seed,
    )
    probes = []
    if config.probe_every is not None:
        size, split = model.contract.image_size, config.validation_split
        probes = [dataset_probe_callback(dataset, size, split, config.probe_every, seed=config.seed)]
    _make_folder(output)
    # A frozen classifier is equally good after each epoch; what else is learned is best in the last.
    saver = SaveBestAndLast(output, MONITOR, later_wins=config.freeze_expression)
    tensorboard = keras.callbacks.TensorBoard(str(output / run_folder.TENSORBOARD), write_graph=False)
    boards = _tensorboard(config, dataset, model, output) if isinstance(model, DisentanglingModel) else []
    callbacks = [*_callbacks(config, output, saver, probes), tensorboard, *boards, *callbacks]
    callbacks.append(WriteCheckpoints(output, callbacks, checkpoint))
    interrupted = False
    with folder_lock(output / run_folder.CHECKPOINTS) if stopped is None else nullcontext():
        try:
            if checkpoint is None:
                _write_start(config, dataset, mixed, batches.num_withheld, model, output)
            model.fit(
                pipeline,
                shuffle=False,  # The sampler has shuffled.
                initial_epoch=first_epoch,
                epochs=config.epochs,
                steps_per_epoch=steps_per_epoch,
                validation_data=evaluation_pipeline(
                    dataset, validation, 256, model.contract.image_size, known.validation_targets()
                ),
                callbacks=callbacks,
                verbose=verbose,
            )
        except KeyboardInterrupt:
            interrupted = True
        finally:
            # Keras calls this at a regular end only; it closes the files.
            tensorboard.on_train_end()
            if saver.best_epoch is None:
                shutil.rmtree(output, ignore_errors=True)
        if not interrupted:
            remove_checkpoints(output)
    if saver.best_epoch is None:
        raise FERError(
            "Training was stopped before the first epoch ended; nothing was kept."
            if interrupted
            else "The loss is not finite in the first epoch. Lower `learning_rate`, or set `gradient_clip`."
        )
    return TrainingResult(output, saver.best_epoch + 1, float(saver.best), interrupted)


def _compile(model: DisentanglingModel | FactorModel, config: TrainingConfig, num_steps: int, augmented):
    model.compile(
        optimizer=_optimizer(config, num_steps),
        critic_optimizer=keras.optimizers.Adam(config.critic_learning_rate, beta_1=0.5),
        # XLA has no kernel for the warp: a compiled step gets its images augmented.
        augmentation=None if config.jit_compile else augmented,
        augmentation_seed=config.seed,
        seed=config.seed,
        jit_compile=config.jit_compile,
    )
    # Else the step would be traced twice: it may not make variables. And a checkpoint sets them.
    model.optimizer.build(model.encoder_variables)
    if model.critic_optimizer is not None:
        model.critic_optimizer.build(model.critic_variables)


def _make_folder(output: Path) -> None:
    try:
        # First: it tells a run that was stopped, as soon as its config is there.
        (output / run_folder.CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FERError(f"The run folder {str(output)!r} cannot be made: {error.strerror}.") from error


def build_model(
    config: TrainingConfig,
    dataset: PreparedDataset,
    prior: Sequence[float] | np.ndarray,
    num_steps: int,
    mixed: PreparedDataset | None = None,
    known: KnownFactors | None = None,
) -> DisentanglingModel | FactorModel:
    """Builds the model of a run; critics that know the class prior, ramped over a tenth of the steps.

    Args:
        config: of the run.
        dataset: gives label names and geometry.
        prior: class shares that the sampler delivers.
        num_steps: of the whole run.
        mixed: the other data set of a batch.
        known: the factors of a config that names them, see `factors_of_run`.
    """
    objective = config.objective()
    if objective.has_critics:
        ramp = objective.adversarial_ramp_steps or max(1, num_steps // 10)
        objective = replace(
            objective,
            class_prior=objective.class_prior or tuple(float(share) for share in prior),
            adversarial_ramp_steps=ramp,
        )
    sources = [dataset] if mixed is None else [dataset, mixed]
    if objective.valence_arousal_weight and all(source.valence_arousal is None for source in sources):
        raise FERError(f"`valence_arousal_weight` is set, but {config.dataset!r} has no valence and arousal.")
    image_size = config.image_size or dataset.crop_size
    convention = crop_convention(dataset.info)
    contract = ModelContract(
        label_names=dataset.label_names,
        image_size=image_size,
        crop_margin=convention.crop_margin,
        crop_shift=convention.crop_shift,
        name=f"{config.preset}-{config.backbone}",
        description=f"Expression recognition, {len(dataset.label_names)} classes, preset {config.preset}.",
        training_data="; mixed with ".join(_provenance(source) for source in sources),
    )
    if config.factors is not None:
        return build_factor_model(
            config, objective, contract, prior, known or factors_of_run(config, dataset, mixed)
        )
    return disentangling_model(
        backbone(config.backbone, image_size),
        objective=objective,
        contract=contract,
        representation_size=config.representation_size,
        non_expression_size=config.non_expression_size,
        pooling=config.pooling,
        dropout=config.dropout,
    )


def _provenance(dataset: PreparedDataset) -> str:
    source = dataset.info.get("source", "an unnamed source")
    return f"{source}; {dataset.info.get('description', '')}".strip("; ")


def augmentation(config: TrainingConfig, dataset: PreparedDataset, image_size: int):
    """Returns the function that `DisentanglingModel.compile` takes."""
    level = factor_augmentation(config.factors or (), AUGMENTATIONS[config.augmentation])

    def augmented(images: tf.Tensor, seed: tf.Tensor, pairs: tf.Tensor | None) -> tf.Tensor:
        return augment(images, level, image_size, dataset.crop_size, seed, pairs)

    return augmented


def _optimizer(config: TrainingConfig, num_steps: int) -> keras.optimizers.Optimizer:
    warmup_steps = round(num_steps * config.warmup_share)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup_steps else config.learning_rate,
        decay_steps=max(1, num_steps - warmup_steps),
        warmup_target=config.learning_rate if warmup_steps else None,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=config.gradient_clip or None,
        use_ema=config.ema_momentum > 0,
        ema_momentum=_ema_momentum(config.ema_momentum, num_steps),
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _ema_momentum(wanted: float, num_steps: int) -> float:
    """An average over more than about a tenth of a run would still hold the initial weights."""
    return min(wanted, max(0.0, 1 - 10 / num_steps))


def _callbacks(config: TrainingConfig, output: Path, saver: SaveBestAndLast, probes: list) -> list:
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if config.ema_momentum else []
    # Nor can it show when to stop.
    stopping = [keras.callbacks.EarlyStopping(MONITOR, mode="max", patience=config.patience)]
    if config.freeze_expression:
        stopping = []
    return [
        *averaging,
        EpochFacts(),
        *probes,
        saver,
        WriteHistory(output / run_folder.HISTORY),
        WarnOnCollapse(),
        keras.callbacks.TerminateOnNaN(),
        *stopping,
    ]


def _tensorboard(
    config: TrainingConfig, dataset: PreparedDataset, model: DisentanglingModel, output: Path
) -> list:
    """Pictures and settings beside the curves; about ten sheets over the run."""
    folder = output / run_folder.TENSORBOARD
    images, labels = picture_faces(dataset, config.validation_split, model.contract.image_size)
    every = max(1, config.epochs // 10)
    return [
        TensorBoardPictures(folder, images, labels, dataset.label_names, every),
        hparams_callback(folder, hparams(config, model.objective), output.resolve().name),
    ]


def _write_start(config, dataset, mixed, num_withheld, model, output) -> None:
    """Writes what is known before the first step."""
    with atomic_file(output / run_folder.CONTRACT) as temporary:
        temporary.write_text(model.contract.to_json(), encoding="utf-8")
    run_folder.write_json(
        output / run_folder.CONFIG,
        {
            **config.to_dict(),
            "dataset": str(Path(config.dataset).resolve()),
            "weights": None if config.weights is None else str(Path(config.weights).resolve()),
            "teachers": [str(Path(teacher).resolve()) for teacher in config.teachers],
            "mixed_dataset": None if mixed is None else str(Path(config.mixed_dataset).resolve()),
            "objective": model.objective.to_dict(),
            "dataset_hash": dataset.content_hash,
            "mixed_dataset_hash": None if mixed is None else mixed.content_hash,
            "mixed_images_withheld": num_withheld,
            "num_parameters": model.count_params(),
            "augmentation_left_out": left_out(config.factors or (), AUGMENTATIONS[config.augmentation]),
            "environment": run_folder.environment(),
        },
    )
