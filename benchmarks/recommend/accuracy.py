"""Accuracy on ml-100k: a random quarter of each visitor (five seeds) and each visitor's last five."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.claims import Claim
from benchmarks.recommend import beside
from benchmarks.recommend.datasets import movielens_100k
from personalization.recommend import metrics
from personalization.recommend.evaluation import bootstrap_interval, evaluate
from personalization.recommend.scorers import SCORERS
from personalization.recommend.splits import Split, last_k, random_per_visitor

SEEDS = range(5)
SINGLE = ("popular", "svd", "ease", "als", "item_knn", "user_knn", "rp3beta", "bpr", "markov")
BLENDS = ("hybrid", "stacked", "lambdamart")
# A blend learns its weights from a split of the training part, made in the manner of the use.
MANNERS = {"random": "random", "last five": "last-k"}
# Popularity that forgets is a feature on a magazine and a handicap under a protocol without time.
PARAMETERS: dict[str, dict[str, Any]] = {"popular": {"half_life_days": None}}
# Seen with public libraries under the same protocol: ours should be no more than 1 % below.
ELSEWHERE = {
    "random": {
        "popular": 0.2563,
        "svd": 0.4525,
        "ease": 0.4851,
        "als": 0.4833,
        "item_knn": 0.4228,
        "rp3beta": 0.4433,
        "bpr": 0.2978,
    },
    "last five": {
        "popular": 0.0548,
        "svd": 0.1009,
        "ease": 0.0999,
        "als": 0.1026,
        "item_knn": 0.0866,
        "rp3beta": 0.0838,
        "bpr": 0.0803,
    },
}
LIFT = 1.02
ALS_PEERS = ("ALS (implicit)", "iALS (irspack)")


@dataclass
class Figures:
    """One model's figures over several splits."""

    ndcg: list[np.ndarray] = field(default_factory=list)
    recall: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def mean(self) -> float:
        return float(np.mean([values.mean() for values in self.ndcg]))

    @property
    def deviation(self) -> float:
        return float(np.std([values.mean() for values in self.ndcg]))


def measure(data: Path, peers: Path | None, console: Console) -> list[Claim]:
    ratings = movielens_100k(data)
    claims = []
    for name, splits in (
        ("random", [random_per_visitor(ratings, fraction=0.25, seed=seed) for seed in SEEDS]),
        ("last five", [last_k(_with_more_than_six(ratings), k=5)]),
    ):
        ours, theirs = _ours(splits, MANNERS[name], console), _theirs(splits, peers)
        console.print(_table(name, ours | theirs))
        claims += _claims(name, ours, theirs)
    return claims


def _with_more_than_six(ratings):
    return ratings.keep((np.diff(ratings.matrix.indptr) > 6)[ratings.rows])


def _ours(splits: Iterable[Split], manner: str, console: Console) -> dict[str, Figures]:
    figures: dict[str, Figures] = defaultdict(Figures)
    for number, split in enumerate(splits):
        scorers = {name: SCORERS[name](**PARAMETERS.get(name, {})) for name in SINGLE}
        scorers |= {name: SCORERS[name](validation=manner) for name in BLENDS}
        report = evaluate(
            scorers, split.train, split, progress=lambda name, n=number: console.print(f"  {n}: {name}", style="dim")
        )
        for row in report.rows:
            figures[row.scorer].ndcg.append(row.per_visitor["ndcg@10"])
            figures[row.scorer].recall.append(row.metrics["recall@10"])
            figures[row.scorer].seconds.append(row.fit_seconds)
    return dict(figures)


def _theirs(splits: Iterable[Split], python: Path | None) -> dict[str, Figures]:
    """What libraries reach, tuned on the first split's training part."""
    figures: dict[str, Figures] = defaultdict(Figures)
    parameters: dict[str, dict[str, Any]] | None = None
    for split in splits if python else ():
        ranked = beside.rank(split, python, parameters)
        parameters = {name: peer.parameters for name, peer in ranked.items()}
        relevant = split.test.matrix[split.test_rows]
        for name, peer in ranked.items():
            figures[name].ndcg.append(metrics.ndcg_at_k(peer.ranked, relevant, 10))
            figures[name].recall.append(metrics.average(metrics.recall_at_k(peer.ranked, relevant, 10)))
            figures[name].seconds.append(peer.fit_seconds)
    return dict(figures)


def _table(split: str, figures: dict[str, Figures]) -> Table:
    table = Table("model", "NDCG@10", "sd over seeds", "Recall@10", "fit s (median)", title=f"ml-100k, {split}")
    for name, row in sorted(figures.items(), key=lambda pair: -pair[1].mean):
        deviation = f"{row.deviation:.4f}" if len(row.ndcg) > 1 else ""
        table.add_row(name, f"{row.mean:.4f}", deviation, f"{np.mean(row.recall):.4f}", f"{np.median(row.seconds):.2f}")
    return table


def _claims(split: str, ours: dict[str, Figures], theirs: dict[str, Figures]) -> list[Claim]:
    claims = [
        Claim(
            f"{split}: {name} against the figure seen elsewhere",
            ours[name].mean / figure,
            0.99,
            at_least=True,
            detail=f"{ours[name].mean:.4f} against {figure}",
        )
        for name, figure in ELSEWHERE[split].items()
    ]
    best = max(SINGLE, key=lambda name: ours[name].mean)
    blend = max(BLENDS, key=lambda name: ours[name].mean)
    low, high = _paired(ours[blend], ours[best])
    claims.append(
        Claim(
            f"{split}: {blend} against the best single scorer, {best}",
            ours[blend].mean / ours[best].mean,
            LIFT,
            at_least=True,
            detail=f"{ours[blend].mean:.4f} against {ours[best].mean:.4f}; difference {low:+.4f} to {high:+.4f}",
        )
    )
    beaten = [name for name in ALS_PEERS if name in theirs]
    if beaten:
        slowest = max(float(np.median(theirs[name].seconds)) for name in beaten)
        claims.append(
            Claim(
                f"{split}: als, seconds to fit against the peers'",
                float(np.median(ours["als"].seconds)) / slowest,
                1.2,
                detail=", ".join(f"{name} {np.median(theirs[name].seconds):.2f} s" for name in beaten),
            )
        )
    return claims


def _paired(first: Figures, second: Figures) -> tuple[float, float]:
    """The interval of the mean difference; the unit is the visitor, averaged over the seeds."""
    differences = np.mean([a - b for a, b in zip(first.ndcg, second.ndcg, strict=True)], axis=0)
    return bootstrap_interval(differences, seed=0)
