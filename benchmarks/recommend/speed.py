"""Milliseconds to score 10,000 items and pick ten, for one visitor and for ten thousand at once."""

from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.claims import Claim, alternate, seconds
from benchmarks.recommend.datasets import magazine, magazine_vectors
from personalization.recommend.data import Interactions, Items
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers import SCORERS

ITEMS = VISITORS = 10_000
ROUNDS = 200
BLOCK = 256
DEFAULT = ("popular", "trending", "content", "similar", "item_knn", "rp3beta", "svd", "als", "ease")


def measure(data: Path, peers: Path | None, console: Console) -> list[Claim]:
    interactions = magazine(ITEMS, VISITORS)
    items = Items.from_vectors(interactions.item_ids, magazine_vectors(ITEMS))
    claims = []
    for name in DEFAULT:
        console.print(f"  fitting {name}", style="dim")
        claims += _claims(name, SCORERS[name]().fit(interactions, items), interactions)
    return claims


def _claims(name, scorer, interactions: Interactions) -> list[Claim]:
    histories = interactions.histories()

    def rank(part) -> None:
        top_rows(scorer.score(part), 10)

    def rank_all() -> None:
        for start in range(0, len(histories), BLOCK):
            rank(histories[start : start + BLOCK])

    rank(histories[:1])
    single = float(np.median(alternate(lambda number: rank([histories[number]]), rounds=ROUNDS)))
    batch = 1000 * float(np.median([seconds(rank_all) for _ in range(3)])) / len(histories)
    return [
        Claim(f"{name}: one visitor, {ITEMS:,} items", single, 2, " ms"),
        Claim(
            f"{name}: a visitor alone against one of {VISITORS:,}",
            single / batch,
            20,
            "×",
            at_least=True,
            detail=f"{1000 * batch:.0f} µs each",
        ),
    ]
