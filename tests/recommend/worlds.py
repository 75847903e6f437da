"""Small worlds with a known right answer, shared by the recommender's tests."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.data import Interactions, Items

DAY = 86_400.0


def checkerboard(size: int = 20) -> Interactions:
    """Visitors like the items of their own parity, and have seen all of them but the one of their own number."""
    visitor, item = np.indices((size, size))
    likes = ((visitor + item) % 2 == 0) & (visitor != item)
    matrix = csr_array(likes.astype(np.float32))
    ids = tuple(f"{i:02}" for i in range(size))
    return Interactions(matrix, np.arange(matrix.nnz, dtype=np.float64), ids, ids)


def two_tastes(n_visitors: int = 30, n_items: int = 16, seed: int = 0) -> tuple[Interactions, Items]:
    """Half of the visitors read the first half of the items, half the second; one item nobody has read."""
    rng = np.random.default_rng(seed)
    visitors, items = [], []
    for visitor in range(n_visitors):
        half = (visitor % 2) * (n_items // 2)
        for item in rng.choice(n_items // 2, size=5, replace=False):
            visitors.append(f"visitor {visitor:02}")
            items.append(f"item {half + item:02}")
    ids = (*(f"item {i:02}" for i in range(n_items)), "item unread")
    interactions = Interactions.from_rows(
        visitors, items, rng.uniform(0, 60 * DAY, len(items)), rng.integers(1, 5, len(items)), item_ids=ids
    )
    vectors = rng.normal(size=(n_items + 1, 8)) * 0.3
    vectors[:, 0] += np.where(np.arange(n_items + 1) < n_items // 2, 1, -1)
    return interactions, Items.from_vectors(ids, vectors.astype(np.float32))


def random_interactions(n_visitors: int, n_items: int, seed: int = 0) -> Interactions:
    """Everybody has seen three items in ten, at random."""
    matrix = csr_array((np.random.default_rng(seed).random((n_visitors, n_items)) < 0.3).astype(np.float32))
    visitors, items = (tuple(f"{i:03}" for i in range(n)) for n in (n_visitors, n_items))
    return Interactions(matrix, np.arange(matrix.nnz, dtype=np.float64), visitors, items)
