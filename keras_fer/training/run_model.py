"""The model of a training run: built as its config says, with its weights, compiled."""

from collections.abc import Sequence
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from keras_fer.contract import ModelContract
from keras_fer.data.augmentation import AUGMENTATIONS, augment
from keras_fer.data.crop_convention import crop_convention
from keras_fer.data.device_cache import CachedImages
from keras_fer.data.prepared import PreparedDataset
from keras_fer.errors import FERError
from keras_fer.models.backbones import backbone
from keras_fer.models.building import disentangling_model
from keras_fer.models.disentangling import DisentanglingModel
from keras_fer.models.factor_model import FactorModel
from keras_fer.models.replicas import synchronize_normalization
from keras_fer.training.config import TrainingConfig
from keras_fer.training.draw_seed import draw_seed
from keras_fer.training.factor_augmentation import factor_augmentation
from keras_fer.training.factor_run import build_factor_model, factors_of_run
from keras_fer.training.known_factors import KnownFactors


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
        non_expression_hidden_size=config.non_expression_hidden_size,
        pooling=config.pooling,
        dropout=config.dropout,
    )


def _provenance(dataset: PreparedDataset) -> str:
    source = dataset.info.get("source", "an unnamed source")
    description = dataset.info.get("description") or ""
    # Readers begin their description with the name of the layout.
    return description if description.startswith(f"{source},") else f"{source}; {description}".strip("; ")


def augmentation(
    config: TrainingConfig, dataset: PreparedDataset, image_size: int, cached: CachedImages | None = None
):
    """Returns the function that `DisentanglingModel.compile` takes.

    Args:
        config: of the run.
        dataset: gives the geometry.
        image_size: that the model sees, pixels.
        cached: images that the device holds; the function then takes positions in it, int32 `(batch,)`.
    """
    level = factor_augmentation(config.factors or (), AUGMENTATIONS[config.augmentation])

    def augmented(
        images: tf.Tensor,
        seed: tf.Tensor,
        pairs: tf.Tensor | None,
        rows: tuple[int, int] | None = None,
    ) -> tf.Tensor:
        if cached is not None:
            images = cached.images(images)
        return augment(images, level, image_size, dataset.crop_size, seed, pairs, rows)

    return augmented


def compile_model(
    model: DisentanglingModel | FactorModel, config: TrainingConfig, num_steps: int, augmented
) -> None:
    """Compiles the model of a run, and builds both optimisers.

    Args:
        model: with everything frozen that is to be.
        config: of the run.
        num_steps: of the whole run.
        augmented: what `augmentation` returns.
    """
    if config.num_replicas > 1:
        synchronize_normalization(model)
    model.compile(
        optimizer=_optimizer(config, num_steps),
        critic_optimizer=keras.optimizers.Adam(config.critic_learning_rate, beta_1=0.5),
        augmentation=None if config.augments_in_pipeline else augmented,
        augmentation_seed=draw_seed(config),
        seed=config.seed,
        jit_compile=config.jit_compile,
    )
    # Else the step would be traced twice: it may not make variables. And a checkpoint sets them.
    model.optimizer.build(model.encoder_variables)
    if model.critic_optimizer is not None:
        model.critic_optimizer.build(model.critic_variables)


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
