"""Films that nobody has rated yet: how well do their plots alone rank them for a visitor with a history?"""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.claims import Claim
from benchmarks.recommend.datasets import films_with_plots
from personalization.catalog.embedders.sentence import SentenceEmbedder
from personalization.recommend import metrics
from personalization.recommend.data import Items
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers import SCORERS
from personalization.recommend.splits import cold_items

SEEDS = range(3)
CHANCES = 20  # draws of pure chance: one alone is off by several per cent
SCORED = ("content", "interests", "cold", "hybrid")
# Chance .050, a centred profile .230, a ridge from text to factors .256: the ratios to reach.
RATIOS = {"content": 0.230 / 0.050, "cold": 0.256 / 0.050}


def measure(data: Path, peers: Path | None, console: Console) -> list[Claim]:
    films = films_with_plots(data)
    console.print(f"Embedding {len(films.texts):,} plots", style="dim")
    items = Items.from_vectors(films.interactions.item_ids, SentenceEmbedder().embed(films.texts))
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in ("chance", *SCORED)}
    for seed in SEEDS:
        split = cold_items(films.interactions, fraction=0.2, seed=seed)
        columns = np.flatnonzero(split.cold)
        rows = np.flatnonzero((np.diff(split.train.matrix.indptr) > 0) & (np.diff(split.test.matrix.indptr) > 0))
        relevant = split.test.matrix[rows][:, columns]
        generator = np.random.default_rng(seed)
        draws = [_judge(generator.random(relevant.shape, np.float32), relevant) for _ in range(CHANCES)]
        figures["chance"].append(tuple(np.mean(draws, axis=0)))
        for name in SCORED:
            scorer = SCORERS[name]().fit(split.train, items)
            scores = np.concatenate([scorer.score([split.train.history(row)])[:, columns] for row in rows])
            figures[name].append(_judge(scores, relevant))
    means = {name: np.mean(values, axis=0) for name, values in figures.items()}
    table = Table("model", "NDCG@10", "× chance", "AUC", title="Cold films among themselves, ml-latest-small")
    for name, (ndcg, auc) in means.items():
        table.add_row(name, f"{ndcg:.4f}", f"{ndcg / means['chance'][0]:.2f}", f"{auc:.3f}")
    console.print(table)
    return [
        Claim(f"cold films: {name} against chance", means[name][0] / means["chance"][0], ratio, at_least=True)
        for name, ratio in RATIOS.items()
    ]


def _judge(scores, relevant) -> tuple[float, float]:
    ndcg = metrics.average(metrics.ndcg_at_k(top_rows(scores, 10), relevant, 10))
    return ndcg, _auc(scores, relevant.toarray() > 0)


def _auc(scores, chosen) -> float:
    """The mean over visitors of the chance that a chosen film stands above one that was not chosen."""
    areas = []
    for row, mine in zip(scores, chosen, strict=True):
        ranks = np.empty(len(row))
        ranks[np.argsort(row, kind="stable")] = np.arange(1, len(row) + 1)
        n = int(mine.sum())
        areas.append((ranks[mine].sum() - n * (n + 1) / 2) / (n * (len(row) - n)))
    return float(np.mean(areas))
