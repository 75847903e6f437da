"""What rearranging a list gives and costs: one scorer's best hundred on ml-100k, by each reranker in turn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.decomposition import TruncatedSVD

from benchmarks.claims import Claim
from benchmarks.recommend.datasets import movielens_100k
from personalization.recommend import metrics
from personalization.recommend import rerankers as r
from personalization.recommend.data import Floats, Indexes, centre
from personalization.recommend.scorers import SCORERS
from personalization.recommend.splits import Split, random_per_visitor

K = 10
COMPARED = 100
TOLERANCE = 0.2
# A genre that is due less than this part of the attention gets it in lumps.
NOTICED = 0.02
FIRST_GENRE = 5

Rearrange = Callable[[int, Indexes, Floats], Indexes]


def measure(data: Path, peers: Path | None, console: Console) -> list[Claim]:
    interactions = movielens_100k(data)
    genres = _genres(data, interactions.item_ids)
    split = random_per_visitor(interactions, fraction=0.25, seed=0)
    vectors = _vectors(split)
    table = Table("list", "NDCG@10", "unlikeness", "miscalibration", "worst served genre", title="Lists, ml-100k")
    figures = {
        name: _judge(rearrange, split, genres, vectors)
        for name, rearrange in _rearrangements(split, genres, vectors).items()
    }
    for name, values in figures.items():
        table.add_row(name, *(f"{value:.3f}" for value in values))
    console.print(table)
    plain, varied, gentle, mixed, fair = (
        figures[name] for name in ("by score", "DPP 0.3", "own mix 30 %", "own mix 50 %", "fair by genre")
    )
    return [
        Claim("DPP 0.3: unlikeness against the order by score", varied[1] / plain[1], 1.03, at_least=True),
        Claim("own mix 50 %: miscalibration against the order by score", mixed[2] / plain[2], 0.5),
        Claim("own mix 30 %: NDCG@10 against the order by score", gentle[0] / plain[0], 0.97, at_least=True),
        Claim("fair by genre: what the worst served got of its due", fair[3], 0.75, at_least=True),
    ]


def _rearrangements(split: Split, genres: list[tuple[str, ...]], vectors: Floats) -> dict[str, Rearrange]:
    """Functions of a visitor, the best rows and their scores."""
    worth = r.discounts(COMPARED)

    def varied(choose: Callable[..., Indexes], share: float) -> Rearrange:
        return lambda visitor, best, scores: choose(best, scores, vectors[best], K, trade_off=1 - share)

    def mixed(strength: float) -> Rearrange:
        def rearrange(visitor: int, best: Indexes, scores: Floats) -> Indexes:
            wanted = r.mix_of([genres[item] for item in split.train.history(visitor).items])
            return r.calibrate(best, worth, [genres[item] for item in best], wanted, K, strength)

        return rearrange

    def explored(visitor: int, best: Indexes, scores: Floats) -> Indexes:
        return r.explore_epsilon(best, K, 0.05, r.generator(str(visitor))).ranked

    return {
        "by score": lambda visitor, best, scores: best[:K],
        "MMR 0.3": varied(r.mmr, 0.3),
        "DPP 0.3": varied(r.dpp, 0.3),
        "own mix 30 %": mixed(0.3),
        "own mix 50 %": mixed(0.5),
        "fair by genre": _fairly(genres),
        "5 % tried out": explored,
    }


def _fairly(genres: list[tuple[str, ...]]) -> Rearrange:
    """One ledger for all lists; a film counts for its first genre."""
    ledger = [r.Exposure()]
    shares = _shares(genres)

    def rearrange(visitor: int, best: Indexes, scores: Floats) -> Indexes:
        groups = [genres[item][0] for item in best]
        fair = r.fair_exposure(best, groups, shares, r.discounts(K), ledger[0], TOLERANCE)
        ledger[0] = fair.exposure
        return fair.ranked

    return rearrange


def _judge(
    rearrange: Rearrange, split: Split, genres: list[tuple[str, ...]], vectors: Floats
) -> tuple[float, float, float, float]:
    """NDCG, unlikeness and miscalibration of the lists, and the least that a genre got of its due."""
    scorer = SCORERS["ease"]().fit(split.train)
    rows = split.test_rows
    ranked = np.empty((len(rows), K), dtype=np.int64)
    far, exposure = [], r.Exposure()
    for number, row in enumerate(rows.tolist()):
        history = split.train.history(row)
        scores = r.drop_seen(scorer.score([history])[0], history.items)
        best = r.top(scores, None, COMPARED)
        ranked[number] = rearrange(row, best, scores[best])
        far.append(
            r.miscalibration([genres[item] for item in ranked[number]], r.mix_of([genres[i] for i in history.items]))
        )
        exposure = _count(best, ranked[number], genres, exposure)
    ndcg = metrics.average(metrics.ndcg_at_k(ranked, split.test.matrix[rows], K))
    noticed = [genre for genre, due in exposure.due.items() if due > NOTICED * sum(exposure.due.values())]
    worst = min(exposure.ratio(genre) for genre in noticed)
    return ndcg, metrics.diversity(ranked, vectors, K), float(np.mean(far)), worst


def _count(best: Indexes, shown: Indexes, genres: list[tuple[str, ...]], exposure: r.Exposure) -> r.Exposure:
    """Add what a list gives to each genre, and what was due to those that could have had more."""
    given, due = dict(exposure.given), dict(exposure.due)
    present = {genres[item][0] for item in best}
    shares = {genre: share for genre, share in _shares(genres).items() if genre in present}
    for weight, item in zip(r.discounts(K).tolist(), shown.tolist(), strict=True):
        given[genres[item][0]] = given.get(genres[item][0], 0.0) + weight
        for genre, share in shares.items():
            due[genre] = due.get(genre, 0.0) + weight * share / sum(shares.values())
    return r.Exposure(given, due)


def _shares(genres: list[tuple[str, ...]]) -> dict[str, float]:
    names = [own[0] for own in genres]
    return {name: float(names.count(name)) for name in dict.fromkeys(names)}


def _vectors(split: Split) -> Floats:
    """Where films lie by who saw them: a stand-in for texts."""
    factors = TruncatedSVD(32, random_state=0).fit(split.train.matrix).components_.T
    return centre(factors)[0]


def _genres(data: Path, item_ids: tuple[str, ...]) -> list[tuple[str, ...]]:
    lines = (data / "movielens-100k" / "u.item").read_text(encoding="utf-8").splitlines()
    names = lines[0].split("|")[FIRST_GENRE:]
    rows = {cells[0].zfill(4): cells[FIRST_GENRE:] for cells in (line.split("|") for line in lines[1:])}
    return [tuple(name for name, flag in zip(names, rows[key], strict=True) if flag == "1") for key in item_ids]
