"""What a run trains on: the batches of one data set, or of two mixed."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from keras_fer.data.device_cache import CachedImages
from keras_fer.data.mixture import Mixture, MixturePart
from keras_fer.data.pipeline import mixture_pipeline, train_pipeline
from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.sampling import IndexSampler
from keras_fer.data.two_views import TwoViews
from keras_fer.errors import FERError
from keras_fer.training.config import TrainingConfig
from keras_fer.training.draw_seed import draw_seed


class SharedPeopleWarning(UserWarning):
    """The mixed data set shows people that the data set is judged on."""


@dataclass(frozen=True, eq=False)
class TrainingBatches:
    """The batches of a run, before a pipeline is made of them.

    Args:
        steps_per_epoch: one pass over the training split of the data set.
        prior: float64 `(num_classes,)`, class shares of the rows with a label.
        pipeline: takes `num_steps`, `augmentation` and `augmentation_seed` as `train_pipeline` does.
        num_withheld: training images of the mixed data set that are left out, since they are
            validation or test images of the data set.
        cached: what the device holds, where the config asks for that; the pipeline then delivers positions
            in it.
    """

    steps_per_epoch: int
    prior: np.ndarray
    pipeline: Callable[..., tf.data.Dataset]
    num_withheld: int = 0
    cached: CachedImages | None = None


def training_batches(
    config: TrainingConfig,
    dataset: PreparedDataset,
    mixed: PreparedDataset | None = None,
    targets: Sequence[Mapping[str, np.ndarray]] = ({}, {}),
) -> TrainingBatches:
    """Returns the batches that a config asks for.

    Args:
        config: of the run.
        dataset: whose training split is an epoch.
        mixed: the data set that gives the other rows of each batch, from its training split.
        targets: further columns of each data set by name, see `train_pipeline`.

    Raises:
        FERError: if there is nothing to learn from, or no exact pairs for an objective that needs them.
    """
    objective = config.objective()
    rows, *others = training_rows(dataset, mixed)
    size = config.batch_size - config.mixed_rows
    seed = draw_seed(config)
    sampler = _sampler(config, dataset, rows, size, seed, views=objective.needs_views)
    if mixed is None:
        _require_pairs(config, dataset, rows, [sampler])
        cached = CachedImages(dataset, rows) if config.cache_on_device else None
        pipeline = partial(
            train_pipeline,
            dataset,
            sampler,
            config.soft_labels,
            targets=targets[0],
            mixup_alpha=config.mixup_alpha,
            positions=None if cached is None else cached.positions,
        )
        return TrainingBatches(sampler.steps_per_epoch, sampler.prior, pipeline, cached=cached)
    _warn_of_shared_people(dataset, mixed, others[0])
    other = _sampler(config, mixed, others[0], config.mixed_rows, _other_seed(seed))
    _require_pairs(config, dataset, rows, [sampler, other])
    parts = [
        MixturePart(dataset, sampler, targets=targets[0]),
        MixturePart(mixed, other, config.mixed_expression_weight, targets[1]),
    ]
    mixture = Mixture(parts, config.soft_labels)
    return TrainingBatches(
        mixture.steps_per_epoch,
        mixture.prior,
        partial(mixture_pipeline, mixture),
        num_withheld=len(mixed.indices("train")) - len(others[0]),
    )


def training_rows(dataset: PreparedDataset, mixed: PreparedDataset | None = None) -> list[np.ndarray]:
    """Returns the rows of each data set that training may draw, int64.

    Raises:
        FERError: if a data set has none.
    """
    sources = [dataset] if mixed is None else [dataset, mixed]
    for source in sources:
        if not len(source.indices("train")):
            raise FERError(
                f"The data set {str(source.path)!r} has no training images; train on one that has some."
            )
    if mixed is None:
        return [dataset.indices("train")]
    others = _not_judged_on(mixed, dataset)
    if not len(others):
        raise FERError(
            f"Each training image of {str(mixed.path)!r} is a validation or test image of "
            f"{str(dataset.path)!r}; name another data set as `mixed_dataset`."
        )
    return [dataset.indices("train"), others]


def _sampler(
    config: TrainingConfig,
    dataset: PreparedDataset,
    rows: np.ndarray,
    batch_size: int,
    seed: int,
    views: bool = False,
) -> IndexSampler | TwoViews:
    """Draws views if asked to, else pairs where the objective needs them and there are any."""
    paired = config.objective().needs_pairs and not views and _has_pairs(dataset, rows)
    sampler = IndexSampler(
        dataset.labels[rows],
        rows,
        batch_size // 2 if views else batch_size,
        mode="pairs" if paired else config.sampling,
        temperature=config.temperature,
        seed=seed,
        pairs=dataset.pairs[rows] if paired else None,
        num_classes=len(dataset.label_names),
        block_rows=config.block_rows,
    )
    return TwoViews(sampler) if views else sampler


def _has_pairs(dataset: PreparedDataset, rows: np.ndarray) -> bool:
    return bool((dataset.pairs[rows] >= 0).any())


def _require_pairs(
    config: TrainingConfig,
    dataset: PreparedDataset,
    rows: np.ndarray,
    samplers: Sequence[IndexSampler | TwoViews],
) -> None:
    if not config.objective().needs_pairs or any(sampler.mode == "pairs" for sampler in samplers):
        return
    if _has_pairs(dataset, rows):
        raise FERError(
            "With `view_invariance_weight` each image of a data set lies beside its other view, so the exact "
            f"pairs that {config.preset!r} learns from must come from another data set. Name one that has "
            "pairs as `mixed_dataset`, or set the weight to 0."
        )
    where = f"{config.dataset!r} has none"
    if config.mixed_dataset is not None:
        where = f"neither {config.dataset!r} nor {config.mixed_dataset!r} has any"
    raise FERError(
        f"The preset {config.preset!r} learns from exact pairs, and {where}. Prepare synthetic faces with "
        "--pairs, to train on or as `mixed_dataset`, or choose another preset."
    )


def _not_judged_on(mixed: PreparedDataset, dataset: PreparedDataset) -> np.ndarray:
    """Returns the training rows of a data set that are no validation or test images of another.

    Two data sets may label the same pictures (FER2013 and FER+ do), and divide them otherwise.
    """
    indices = mixed.indices("train")
    return indices[~np.isin(mixed.pixel_hashes[indices], dataset.pixel_hashes[_judged(dataset)])]


def _judged(dataset: PreparedDataset) -> np.ndarray:
    return np.concatenate([dataset.indices("validation"), dataset.indices("test")])


def _warn_of_shared_people(dataset: PreparedDataset, mixed: PreparedDataset, rows: np.ndarray) -> None:
    """Rendered people are functions of seed and number; of other data sets no two are known to share any."""
    seeds = [source.info.get("config", {}).get("seed") for source in (dataset, mixed)]
    if seeds[0] != seeds[1] or {dataset.info.get("source"), mixed.info.get("source")} != {"synthetic"}:
        return
    shared = np.intersect1d(dataset.subjects[_judged(dataset)], mixed.subjects[rows])
    if len(shared):
        warnings.warn(
            f"{str(mixed.path)!r} teaches {len(shared)} of the people that {str(dataset.path)!r} is judged "
            "on, since both are rendered from the same seed; prepare it with another --seed.",
            SharedPeopleWarning,
            stacklevel=2,
        )


def _other_seed(seed: int) -> int:
    """A seed whose order has nothing to do with that of `seed`, also where both data sets are one."""
    return int(np.random.SeedSequence((seed, 1)).generate_state(1)[0])
