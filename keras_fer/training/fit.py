"""One training run, from a prepared data set to a run folder."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_fer.atomic import atomic_file
from keras_fer.data.augmentation import AUGMENTATIONS
from keras_fer.data.pipeline import evaluation_pipeline
from keras_fer.data.prepared import PreparedDataset, open_prepared
from keras_fer.errors import FERError
from keras_fer.folder_lock import folder_lock
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.factor_model import FactorModel
from keras_fer.training import run_folder
from keras_fer.training.agreement import agreement_numbers, require_agreement, shared_facts
from keras_fer.training.batches import TrainingBatches, training_batches
from keras_fer.training.callbacks import (
    EpochFacts,
    LossWarning,
    SaveBestAndLast,
    StopAtNonFiniteLoss,
    WarnOnCollapse,
    WriteHistory,
)
from keras_fer.training.checkpoint_folder import (
    Checkpoint,
    remove_checkpoints,
    require_new_run,
)
from keras_fer.training.checkpoints import WriteCheckpoints, restore
from keras_fer.training.cluster import Cluster, require_cluster
from keras_fer.training.config import INPUT_PATHS, TrainingConfig
from keras_fer.training.content_hash import model_hash
from keras_fer.training.devices import Devices
from keras_fer.training.distillation import distilled
from keras_fer.training.draw_seed import draw_seed
from keras_fer.training.factor_augmentation import left_out
from keras_fer.training.factor_run import factors_of_run
from keras_fer.training.full_disk import full_disk_told
from keras_fer.training.initial_weights import freeze_classifier, take_classifier, take_weights
from keras_fer.training.known_factors import KnownFactors
from keras_fer.training.own_batches import own_evaluation_batches, own_training_batches
from keras_fer.training.probe_callback import dataset_probe_callback
from keras_fer.training.resume import StoppedRun
from keras_fer.training.run_model import augmentation, build_model, compile_model
from keras_fer.training.tensorboard_hparams import hparams, hparams_callback
from keras_fer.training.tensorboard_pictures import TensorBoardPictures, picture_faces

MONITOR = "val_expression_accuracy"

_EVALUATION_BATCH = 256
_LESS = "Lower `learning_rate`, or set `gradient_clip`."


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
    cluster: Cluster | None = None,
) -> TrainingResult:
    """Trains, and leaves a run folder with the best and the last model.

    Until training has ended the folder holds checkpoints too, from which `keras_fer.training.resume.resume`
    goes on.

    Args:
        config: what to do.
        callbacks: further Keras callbacks, called after those of the run.
        verbose: as in `keras.Model.fit`.
        stopped: what `resume` found in the output, which it holds the lock of; None for a new run.
        cluster: the processes that share each batch, all of which call this alike; None for this one alone.
            Only the chief writes into the output; the others write theirs into a temporary folder that goes
            with them.

    Returns:
        What the run came to, alike in all processes; the folder is that of the chief.

    Raises:
        FERError: if a data set or the output cannot be used, the loss stops being finite, or
            the processes of the cluster do not train the same.
        ProcessEndedError: if another process of the cluster ends before its time.
    """
    require_cluster(config, cluster)
    if cluster is None:
        return _fit(config, callbacks, verbose, stopped, None)
    with cluster.watched(config):
        return _fit(config, callbacks, verbose, stopped, cluster)


def _fit(
    config: TrainingConfig,
    callbacks: Sequence[keras.callbacks.Callback],
    verbose: int,
    stopped: StoppedRun | None,
    cluster: Cluster | None,
) -> TrainingResult:
    in_output = cluster is None or cluster.is_chief
    if stopped is None and in_output:
        require_new_run(Path(config.output))
    checkpoint = None if stopped is None else stopped.checkpoint
    # First: TensorFlow cannot split the processor once it has computed anything.
    devices = Devices.parse(config.devices)
    scope = devices.scope() if cluster is None else cluster.scope(devices)
    try:
        with full_disk_told(Path(config.output), not in_output), _output(config, in_output) as output:
            run = _opened(config, checkpoint, output)
            keras.utils.set_random_seed(config.seed)
            keras.config.set_dtype_policy(config.precision)
            validation = _validation_rows(run)
            if cluster is not None:
                _require_same_everywhere(run, cluster)
            with scope:
                model = _model(run)
            _make_folder(output)
            is_locked = stopped is not None and in_output
            with nullcontext() if is_locked else folder_lock(output / run_folder.CHECKPOINTS):
                return _train(run, model, validation, callbacks, verbose)
    finally:
        keras.config.set_dtype_policy("float32")


@contextmanager
def _output(config: TrainingConfig, in_output: bool) -> Iterator[Path]:
    """The run folder, or one that is removed, of a process that does in step what the chief does."""
    if in_output:
        yield Path(config.output)
        return
    with tempfile.TemporaryDirectory(prefix="keras-fer-worker-") as folder:
        yield Path(folder)


@dataclass(frozen=True, eq=False)
class _Run:
    """A config and what it names, opened; and the folder that this process writes."""

    config: TrainingConfig
    dataset: PreparedDataset
    mixed: PreparedDataset | None
    known: KnownFactors
    batches: TrainingBatches
    checkpoint: Checkpoint | None
    output: Path

    @property
    def steps_per_epoch(self) -> int:
        return self.config.steps_per_epoch or self.batches.steps_per_epoch

    @property
    def num_steps(self) -> int:
        return self.steps_per_epoch * self.config.epochs

    @property
    def first_epoch(self) -> int:
        return 0 if self.checkpoint is None else self.checkpoint.epoch + 1


def _opened(config: TrainingConfig, checkpoint: Checkpoint | None, output: Path) -> _Run:
    dataset = open_prepared(config.dataset, verify="checksums")
    mixed = None
    if config.mixed_dataset is not None:
        mixed = open_prepared(config.mixed_dataset, verify="checksums")
    if config.teachers:
        dataset = distilled(dataset, config.teachers, config.teacher_share, config.teacher_temperature)
    known = factors_of_run(config, dataset, mixed)
    batches = training_batches(config, dataset, mixed, known.targets)
    return _Run(config, dataset, mixed, known, batches, checkpoint, output)


def _require_same_everywhere(run: _Run, cluster: Cluster) -> None:
    # Before the model is built, which processes with another one could not do together.
    facts = shared_facts(run.config, run.dataset, run.mixed, run.checkpoint)
    everywhere = cluster.gathered(run.config, agreement_numbers(facts))
    require_agreement(facts, everywhere, run.config.num_replicas)


def _validation_rows(run: _Run) -> np.ndarray:
    split = run.config.validation_split
    rows = run.dataset.indices(split)
    if not len(rows):
        raise FERError(
            f"The data set {run.config.dataset!r} has no {split} split to choose the best epoch by. Prepare "
            f"it again with a larger {split} share, or choose another split."
        )
    return rows


def _model(run: _Run) -> DisentanglingModel | FactorModel:
    """Returns the model as training starts, or goes on, from it."""
    config = run.config
    model = build_model(config, run.dataset, run.batches.prior, run.num_steps, run.mixed, run.known)
    # A checkpoint holds them all.
    if config.weights is not None and run.checkpoint is None:
        take = take_classifier if config.freeze_expression else take_weights
        take(model, config.weights)
    if config.freeze_expression:
        freeze_classifier(model)
    compile_model(model, config, run.num_steps, _augmentation(run, model))
    if run.checkpoint is not None:
        restore(run.output, model, run.checkpoint)
    return model


def _augmentation(run: _Run, model: DisentanglingModel | FactorModel):
    return augmentation(run.config, run.dataset, model.contract.image_size, run.batches.cached)


def _train(
    run: _Run,
    model: DisentanglingModel | FactorModel,
    validation: np.ndarray,
    further: Sequence[keras.callbacks.Callback],
    verbose: int,
) -> TrainingResult:
    config, output = run.config, run.output
    # A frozen classifier is equally good after each epoch; what else is learned is best in the last.
    saver = SaveBestAndLast(output, MONITOR, later_wins=config.freeze_expression)
    guard = StopAtNonFiniteLoss()
    tensorboard = keras.callbacks.TensorBoard(str(output / run_folder.TENSORBOARD), write_graph=False)
    interrupted = False
    try:
        callbacks = [*_callbacks(run, model, saver, guard), tensorboard, *_boards(run, model), *further]
        callbacks.append(WriteCheckpoints(output, callbacks, run.checkpoint))
        if run.checkpoint is None or not (output / run_folder.CONFIG).is_file():
            _write_start(run, model)
        validation_data, validation_steps = _validation_batches(run, model, validation)
        model.fit(
            _pipeline(run, model),
            shuffle=False,  # The sampler has shuffled.
            initial_epoch=run.first_epoch,
            epochs=config.epochs,
            steps_per_epoch=run.steps_per_epoch,
            validation_data=validation_data,
            validation_steps=validation_steps,
            callbacks=callbacks,
            verbose=verbose,
        )
    except KeyboardInterrupt:
        interrupted = True
    finally:
        try:
            # Keras calls this at a regular end only; it closes the files.
            tensorboard.on_train_end()
        finally:
            if saver.best_epoch is None and run.checkpoint is None:
                shutil.rmtree(output, ignore_errors=True)
    if not interrupted:
        remove_checkpoints(output)
    if saver.best_epoch is None:
        raise FERError(
            "Training was stopped before the first epoch ended; nothing was kept."
            if interrupted
            else f"{guard.sentence or 'The loss is not finite in the first epoch.'} {_LESS}"
        )
    if guard.sentence is not None:
        warnings.warn(
            f"{guard.sentence} Training stopped, and the best model so far is kept. {_LESS}",
            LossWarning,
            stacklevel=2,
        )
    return TrainingResult(Path(config.output), saver.best_epoch + 1, float(saver.best), interrupted)


def _pipeline(run: _Run, model: DisentanglingModel | FactorModel) -> Any:
    """Returns the batches of the epochs that are left."""
    options: dict[str, Any] = {
        "start_step": run.first_epoch * run.steps_per_epoch,
        "augmentation": _augmentation(run, model) if run.config.augments_in_pipeline else None,
        "augmentation_seed": draw_seed(run.config),
    }
    if run.config.workers > 1:
        strategy = model.distribute_strategy
        return own_training_batches(strategy, run.batches, run.config.batch_size, **options)
    num_steps = (run.config.epochs - run.first_epoch) * run.steps_per_epoch
    return run.batches.pipeline(num_steps=num_steps, **options)


def _validation_batches(
    run: _Run, model: DisentanglingModel | FactorModel, indices: np.ndarray
) -> tuple[Any, int | None]:
    """Returns the batches, and how many they are where they do not end by themselves."""
    options: dict[str, Any] = {
        "indices": indices,
        "batch_size": _EVALUATION_BATCH,
        "image_size": model.contract.image_size,
        "targets": run.known.validation_targets(),
    }
    if run.config.workers > 1:
        return own_evaluation_batches(model.distribute_strategy, run.dataset, **options)
    return evaluation_pipeline(run.dataset, **options), None


def _make_folder(output: Path) -> None:
    try:
        # First: it tells a run that was stopped, as soon as its config is there.
        (output / run_folder.CHECKPOINTS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FERError(f"The run folder {str(output)!r} cannot be made: {error.strerror}.") from error


def _callbacks(
    run: _Run, model: DisentanglingModel | FactorModel, saver: SaveBestAndLast, guard: StopAtNonFiniteLoss
) -> list:
    config = run.config
    averaging = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)] if config.ema_momentum else []
    probes = []
    if config.probe_every is not None:
        size, split = model.contract.image_size, config.validation_split
        probes = [dataset_probe_callback(run.dataset, size, split, config.probe_every, seed=config.seed)]
    # A frozen classifier cannot show when to stop.
    stopping = [keras.callbacks.EarlyStopping(MONITOR, mode="max", patience=config.patience)]
    if config.freeze_expression:
        stopping = []
    return [
        *averaging,
        EpochFacts(),
        *probes,
        saver,
        WriteHistory(run.output / run_folder.HISTORY),
        WarnOnCollapse(),
        guard,
        *stopping,
    ]


def _boards(run: _Run, model: DisentanglingModel | FactorModel) -> list:
    """Pictures and settings beside the curves in TensorBoard; about ten sheets over the run."""
    if not isinstance(model, DisentanglingModel):
        return []
    config, folder = run.config, run.output / run_folder.TENSORBOARD
    images, labels = picture_faces(run.dataset, config.validation_split, model.contract.image_size)
    every = max(1, config.epochs // 10)
    return [
        TensorBoardPictures(folder, images, labels, run.dataset.label_names, every),
        hparams_callback(folder, hparams(config, model.objective), run.output.resolve().name),
    ]


def _write_start(run: _Run, model: DisentanglingModel | FactorModel) -> None:
    """Writes what is known before the first step."""
    config, mixed = run.config, run.mixed
    with atomic_file(run.output / run_folder.CONTRACT) as temporary:
        temporary.write_text(model.contract.to_json(), encoding="utf-8")
    run_folder.write_json(
        run.output / run_folder.CONFIG,
        {
            **config.to_dict(),
            **{name: _absolute(getattr(config, name)) for name in INPUT_PATHS},
            "objective": model.objective.to_dict(),
            "dataset_hash": run.dataset.content_hash,
            "mixed_dataset_hash": None if mixed is None else mixed.content_hash,
            "weights_hash": config.weights and model_hash(config.weights),
            "teacher_hashes": [model_hash(teacher) for teacher in config.teachers],
            "mixed_images_withheld": run.batches.num_withheld,
            "num_parameters": model.count_params(),
            "augmentation_left_out": left_out(config.factors or (), AUGMENTATIONS[config.augmentation]),
            "environment": run_folder.environment(),
        },
    )


def _absolute(paths: str | tuple[str, ...] | None) -> str | list[str] | None:
    """Returns one path or several from the root on; nothing for nothing."""
    if isinstance(paths, tuple):
        return [str(Path(path).resolve()) for path in paths]
    return paths and str(Path(paths).resolve())
