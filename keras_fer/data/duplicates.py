"""Finds identical and nearly identical images by hash: exact pixels, and a difference hash (dHash).

Reference: N. Krawetz, "Kind of Like That", 2013 (difference hash).
"""

import hashlib
import itertools

import numpy as np

HASH_ROWS, HASH_COLUMNS = 8, 8
NEAR_DUPLICATE_DISTANCE = 2
_BYTE_BITS = np.array([number.bit_count() for number in range(256)], np.uint8)


def pixel_hashes(images: np.ndarray) -> np.ndarray:
    """Returns one uint64 per image that is equal for equal pixels.

    Args:
        images: uint8 `(n, height, width, channels)`.
    """
    digests = [hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """Returns the 64-bit difference hash of each image: small changes of light or size flip few bits.

    The gray image is averaged to 8 rows of 9 cells; a bit says whether a cell is darker than the next.

    Args:
        images: uint8 `(n, height, width, channels)`.

    Returns:
        uint64 `(n,)`.
    """
    rows = _area_weights(images.shape[1], HASH_ROWS)
    columns = _area_weights(images.shape[2], HASH_COLUMNS + 1).T
    hashes = np.empty(len(images), np.uint64)
    for row, image in enumerate(images):
        height, width, channels = image.shape
        strips = rows @ image.reshape(height, width * channels).astype(np.float32)
        cells = strips.reshape(HASH_ROWS, width, channels).mean(axis=2) @ columns
        hashes[row] = int.from_bytes(np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes(), "big")
    return hashes


def _area_weights(size: int, num_cells: int) -> np.ndarray:
    """Returns `(num_cells, size)` weights that average `size` pixels into equally wide cells."""
    edges = np.linspace(0, size, num_cells + 1)
    pixels = np.arange(size)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (np.clip(overlap, 0, None) * num_cells / size).astype(np.float32)


def duplicate_groups(hashes: np.ndarray) -> np.ndarray:
    """Groups equal hashes.

    Args:
        hashes: uint64 `(n,)`.

    Returns:
        int64 `(n,)` group ids, numbered by first appearance; an image without a duplicate is a group of one.
    """
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    return _numbered_by_first_appearance(first[inverse])


def near_duplicate_groups(hashes: np.ndarray, max_distance: int = NEAR_DUPLICATE_DISTANCE) -> np.ndarray:
    """Groups hashes that differ in at most `max_distance` bits, transitively.

    The bits are cut into `max_distance + 3` bands. Two hashes that close agree on at least three of them,
    so only hashes that agree on some three bands are compared.

    Args:
        hashes: uint64 `(n,)`.
        max_distance: number of bits, 0 to 7.

    Returns:
        int64 `(n,)` group ids, numbered by first appearance.
    """
    if not 0 <= max_distance <= 7:
        raise ValueError(f"`max_distance` must be from 0 to 7. Received: max_distance={max_distance}")
    unique, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    parents = np.arange(len(unique))
    edges = np.linspace(0, 64, max_distance + 4).astype(int).tolist()
    bands = [(1 << high) - (1 << low) for low, high in itertools.pairwise(edges)]
    for chosen in itertools.combinations(bands, 3):
        keys = unique & np.uint64(sum(chosen))
        order = np.argsort(keys, kind="stable")
        starts = np.flatnonzero(np.diff(keys[order])) + 1
        sizes = np.diff(np.concatenate([[0], starts, [len(order)]]))
        for start, size in zip(np.concatenate([[0], starts])[sizes > 1], sizes[sizes > 1], strict=True):
            _join_close(unique, order[start : start + size], parents, max_distance)
    roots = np.array([_root(parents, node) for node in range(len(unique))], dtype=np.int64)
    earliest = np.full(len(unique), len(hashes), np.int64)
    np.minimum.at(earliest, roots, first)
    return _numbered_by_first_appearance(earliest[roots][inverse])


def _join_close(unique: np.ndarray, members: np.ndarray, parents: np.ndarray, max_distance: int) -> None:
    """Joins in `parents` all pairs among `members` whose hashes are close."""
    for position, node in enumerate(members[:-1]):
        others = members[position + 1 :]
        distances = _bit_counts(unique[others] ^ unique[node])
        for other in others[distances <= max_distance]:
            low, high = sorted((_root(parents, node), _root(parents, other)))
            parents[high] = low


def _bit_counts(numbers: np.ndarray) -> np.ndarray:
    """Returns the number of set bits of each uint64."""
    return _BYTE_BITS[numbers[:, None].view(np.uint8)].sum(axis=1)


def _root(parents: np.ndarray, node: int) -> int:
    """Returns the representative of `node`, shortening the path to it."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return int(node)


def _numbered_by_first_appearance(first_rows: np.ndarray) -> np.ndarray:
    """Numbers groups 0, 1, ... given for each image the first row of its group."""
    if len(first_rows) == 0:
        return np.zeros(0, np.int64)
    return np.unique(first_rows, return_inverse=True)[1].astype(np.int64)
