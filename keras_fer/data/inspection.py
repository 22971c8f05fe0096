"""What a prepared data set holds: counts, duplicates, people, factors."""

import itertools

import numpy as np

from keras_fer.data.duplicates import duplicate_groups, near_duplicate_groups
from keras_fer.data.prepared import PreparedDataset
from keras_fer.data.records import SPLITS


def statistics(dataset: PreparedDataset) -> dict:
    """Counts what a prepared data set holds.

    Args:
        dataset: the data set; its images are not read, duplicates are found by the stored hashes.

    Returns:
        A mapping of JSON types: `path`, `source`, `description`, `num_images`, `image_shape`, `crop_size`,
        `size_bytes` of the folder, `label_names`, `splits` (images, people and count per class),
        `exact_duplicates` and `near_duplicates` (see `group_statistics`), `subjects`, `num_pairs`,
        `soft_labels` (whether there are any), `num_with_valence_arousal`, `factors`, `dropped`, `config`,
        `content_hash`.
    """
    subjects = dataset.subjects
    ratings = dataset.valence_arousal
    return {
        "path": str(dataset.path),
        "source": dataset.info["source"],
        "description": dataset.info.get("description", ""),
        "num_images": len(dataset),
        "image_shape": list(dataset.image_shape),
        "crop_size": dataset.crop_size,
        "size_bytes": sum(file.stat().st_size for file in dataset.path.iterdir()),
        "label_names": list(dataset.label_names),
        "splits": {split: _split_statistics(dataset, split) for split in SPLITS},
        "exact_duplicates": group_statistics(duplicate_groups(dataset.pixel_hashes), dataset),
        "near_duplicates": group_statistics(near_duplicate_groups(dataset.perceptual_hashes), dataset),
        "subjects": {
            "num_subjects": len(np.unique(subjects[subjects >= 0])),
            "num_images_without": int(np.sum(subjects < 0)),
            "num_across_splits": _num_across_splits(subjects, dataset.splits),
        },
        "num_pairs": len(np.unique(dataset.pairs[dataset.pairs >= 0])),
        "soft_labels": dataset.soft_labels is not None,
        "num_with_valence_arousal": 0 if ratings is None else int(np.sum(~np.isnan(ratings).any(axis=1))),
        "factors": {name: _factor_statistics(values) for name, values in sorted(dataset.factors.items())},
        "dropped": dataset.info.get("dropped", {}),
        "config": dataset.info.get("config", {}),
        "content_hash": dataset.content_hash,
    }


def group_statistics(groups: np.ndarray, dataset: PreparedDataset) -> dict:
    """Counts groups of images that are alike.

    Args:
        groups: int64 `(n,)` group of each image.
        dataset: for the splits and labels.

    Returns:
        `num_groups` of at least two images, `num_images` in them, `num_across_splits`: groups with images in
        several splits, `across` the same for each two splits, such as `"train, test"`, and
        `num_with_several_labels`.
    """
    sizes = np.bincount(groups)
    present = np.zeros((len(sizes), len(SPLITS)), bool)
    present[groups, dataset.splits] = True
    labels = np.unique(np.stack([groups, dataset.labels], axis=1), axis=0)[:, 0]
    return {
        "num_groups": int(np.sum(sizes > 1)),
        "num_images": int(sizes[sizes > 1].sum()),
        "num_across_splits": int(np.sum(present.sum(axis=1) > 1)),
        "across": {
            f"{SPLITS[one]}, {SPLITS[other]}": int(np.sum(present[:, one] & present[:, other]))
            for one, other in itertools.combinations(range(len(SPLITS)), 2)
        },
        "num_with_several_labels": int(np.sum(np.bincount(labels) > 1)),
    }


def _split_statistics(dataset: PreparedDataset, split: str) -> dict:
    rows = dataset.indices(split)
    subjects = dataset.subjects[rows]
    counts = dataset.class_counts(split).tolist()
    return {
        "num_images": len(rows),
        "counts": dict(zip(dataset.label_names, counts, strict=True)),
        "num_unlabelled": int(np.sum(dataset.labels[rows] < 0)),
        "num_subjects": len(np.unique(subjects[subjects >= 0])),
    }


def _num_across_splits(subjects: np.ndarray, splits: np.ndarray) -> int:
    known = np.unique(np.stack([subjects, splits.astype(np.int64)], axis=1)[subjects >= 0], axis=0)
    return int(np.sum(np.unique(known[:, 0], return_counts=True)[1] > 1))


def _factor_statistics(values: np.ndarray) -> dict:
    """Returns smallest, mean and largest value, None where all are absent."""
    known = values[~np.isnan(values)].astype(np.float64)
    entry: dict = {
        "width": int(np.prod(values.shape[1:], dtype=int)),
        "num_absent": int(np.isnan(values).sum()),
    }
    entry |= {"min": None, "mean": None, "max": None}
    if known.size:
        entry |= {"min": float(known.min()), "mean": float(known.mean()), "max": float(known.max())}
    return entry
