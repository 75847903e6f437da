"""Public libraries on the same split. Runs in an environment of its own, which has nothing of this project.

    python peers.py FOLDER

reads FOLDER/train.npz, tunes each library's model on a tenth of it, fits it on all of it, and writes FOLDER/peers.npz
(one array of top-10 columns for each model, visitors by rank) and FOLDER/peers.json (seconds to fit, parameters).
Parameters tuned once may be given in FOLDER/parameters.json.
"""

import json
import os
import sys
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import BM25Recommender
from irspack import DenseSLIMRecommender, IALSRecommender, RP3betaRecommender, TopPopRecommender
from scipy.sparse import csr_matrix, load_npz
from sklearn.decomposition import TruncatedSVD

K = 10
THREADS = 2


def main(folder: Path) -> None:
    train = csr_matrix(load_npz(folder / "train.npz"), dtype=np.float32)
    given = folder / "parameters.json"
    parameters = json.loads(given.read_text()) if given.exists() else {}
    lists, told = {}, {}
    for name, (fit, grid) in PEERS.items():
        chosen = parameters.get(name) or tune(fit, grid, train)
        start = time.perf_counter()
        score = fit(train, **chosen)
        told[name] = {"fit_seconds": time.perf_counter() - start, "parameters": chosen}
        lists[name] = best(score(), train)
    np.savez(folder / "peers.npz", **lists)
    (folder / "peers.json").write_text(json.dumps(told))


def tune(fit, grid, train):
    """The grid's point with the best NDCG on a random tenth of the training part."""
    points = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if len(points) == 1:
        return points[0]
    held_out = np.random.default_rng(0).random(train.nnz) < 0.1
    inner, outer = train.copy(), train.copy()
    inner.data[held_out], outer.data[~held_out] = 0, 0
    inner.eliminate_zeros()
    outer.eliminate_zeros()
    return max(points, key=lambda point: ndcg(best(fit(inner, **point)(), inner), outer))


def best(scores, train):
    """The first ten of what each visitor has not seen."""
    scores = np.array(scores, dtype=np.float64)
    scores[train.nonzero()] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :K]


def ndcg(ranked, relevant):
    discounts = 1 / np.log2(np.arange(2, K + 2))
    gains = np.take_along_axis(relevant.toarray() > 0, ranked, axis=1) @ discounts
    counts = np.diff(relevant.indptr)
    ideal = np.cumsum(discounts)[np.minimum(counts, K) - 1]
    return float((gains / ideal)[counts > 0].mean())


def als(train, factors, regularization, alpha):
    model = AlternatingLeastSquares(
        factors=factors, regularization=regularization, alpha=alpha, iterations=15, random_state=0, num_threads=THREADS
    )
    model.fit(train, show_progress=False)
    return lambda: model.user_factors @ model.item_factors.T


def bpr(train, factors, learning_rate, regularization):
    model = BayesianPersonalizedRanking(
        factors=factors,
        learning_rate=learning_rate,
        regularization=regularization,
        iterations=150,
        random_state=0,
        num_threads=THREADS,
    )
    model.fit(train, show_progress=False)
    return lambda: model.user_factors @ model.item_factors.T


def bm25(train, neighbours, k1, b):
    model = BM25Recommender(K=neighbours, K1=k1, B=b, num_threads=THREADS)
    model.fit(train, show_progress=False)
    return lambda: (train @ model.similarity).toarray()


def svd(train, factors):
    model = TruncatedSVD(n_components=factors, random_state=0)
    visitors = model.fit_transform(train)
    return lambda: visitors @ model.components_


def irspack(kind):
    def fit(train, **parameters):
        model = kind(train.astype(np.float64), **parameters).learn()
        return lambda: model.get_score(np.arange(train.shape[0]))

    return fit


PEERS = {
    "popularity (irspack)": (irspack(TopPopRecommender), {}),
    "TruncatedSVD (scikit-learn)": (svd, {"factors": [10, 20, 40]}),
    "EASE (irspack)": (irspack(DenseSLIMRecommender), {"reg": [100.0, 200.0, 400.0, 800.0]}),
    "ALS (implicit)": (als, {"factors": [32, 64], "regularization": [5.0, 15.0, 30.0, 60.0], "alpha": [1.0, 5.0]}),
    "iALS (irspack)": (
        irspack(IALSRecommender),
        {"n_components": [32, 64], "alpha0": [0.1, 0.3, 1.0], "reg": [0.003, 0.01, 0.03], "n_threads": [THREADS]},
    ),
    "BM25 item-kNN (implicit)": (bm25, {"neighbours": [50, 200], "k1": [0.8, 1.5], "b": [0.3, 0.7]}),
    "RP3beta (irspack)": (
        irspack(RP3betaRecommender),
        {"alpha": [0.8, 1.0], "beta": [0.3, 0.5], "top_k": [100, 400], "n_threads": [THREADS]},
    ),
    "BPR (implicit)": (bpr, {"factors": [32, 64], "learning_rate": [0.01, 0.03], "regularization": [0.01, 0.1]}),
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
