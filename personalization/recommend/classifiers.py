"""Three ways to tell those who will from those who will not, each as arrays that can be saved, scored and explained.

A classifier gives every row a *margin*, on a scale of its own, and can take it apart exactly: a margin is the sum of
one amount for each column and a base.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Doubles, Indexes, Mask
from personalization.recommend.extras import optional


class Classifier(ABC):
    """Learns from columns and labels of 0 and 1."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @abstractmethod
    def fit(self, columns: Doubles, labels: Mask) -> Self:
        """Learn from columns, shape (m, p), and labels, shape (m,), both of which occur."""

    @abstractmethod
    def margins(self, columns: Doubles) -> Doubles:
        """Return how much speaks for each row, shape (m,)."""

    @abstractmethod
    def contributions(self, columns: Doubles) -> Doubles:
        """Return what the margins are made of, shape (m, p + 1): each column's amount, and last the base."""

    @abstractmethod
    def importances(self) -> Doubles:
        """Return how much each column matters, shape (p,), summing to 1 (or 0 where nothing does)."""

    @abstractmethod
    def arrays(self) -> Mapping[str, Array]:
        """Return what was learned, for an artifact."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, Any]) -> Self:
        """Take back what `arrays` gave."""


class Logistic(Classifier):
    """Logistic regression with a ridge penalty: the baseline. The margin is the log-odds.

    Examples
    --------
    >>> columns = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = Logistic().fit(columns, np.array([False, False, True, True]))
    >>> bool((np.diff(model.margins(columns)) > 0).all())
    True
    """

    def fit(self, columns: Doubles, labels: Mask) -> Self:
        """Learn the coefficients."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1.0, max_iter=500, random_state=self.seed).fit(columns, labels)
        self._coefficients, self._base = model.coef_[0].astype(np.float64), float(model.intercept_[0])
        self._spread = columns.std(axis=0)
        return self

    def margins(self, columns: Doubles) -> Doubles:
        """Return the log-odds."""
        return np.asarray(np.einsum("ij,j->i", columns, self._coefficients) + self._base, dtype=np.float64)

    def contributions(self, columns: Doubles) -> Doubles:
        """Return coefficient times value."""
        return np.column_stack([columns * self._coefficients, np.full(len(columns), self._base)])

    def importances(self) -> Doubles:
        """Return the coefficients' sizes on columns of equal spread."""
        return _shares(np.abs(self._coefficients) * self._spread)

    def arrays(self) -> Mapping[str, Array]:
        """Return coefficients, base and the columns' spread."""
        return {"coefficients": self._coefficients, "base": np.array([self._base]), "spread": self._spread}

    def restore(self, arrays: Mapping[str, Any]) -> Self:
        """Take back what `arrays` gave."""
        self._coefficients, self._spread = np.asarray(arrays["coefficients"]), np.asarray(arrays["spread"])
        self._base = float(arrays["base"][0])
        return self


class Forest(Classifier):
    """A random forest, whose trees are kept as arrays and walked by NumPy. The margin is the mean probability.

    Parameters
    ----------
    seed : int
    trees : int
    depth : int
        Most questions a tree asks.

    Notes
    -----
    What a row's margin is made of: on its way down a tree each question moves the probability from the node's to the
    child's, and that step is credited to the column asked (A. Saabas, "Interpreting random forests", 2014). Importances
    are the mean decrease of impurity (L. Breiman, "Random forests", Machine Learning 45, 2001).

    Examples
    --------
    >>> columns = np.arange(200.0)[:, None]
    >>> model = Forest(trees=5).fit(columns, np.arange(200) >= 100)
    >>> parts = model.contributions(columns[[0, 199]])
    >>> bool(np.allclose(parts.sum(axis=1), model.margins(columns[[0, 199]])))
    True
    """

    def __init__(self, seed: int = 0, *, trees: int = 60, depth: int = 8) -> None:
        super().__init__(seed)
        self.trees, self.depth = trees, depth

    def fit(self, columns: Doubles, labels: Mask) -> Self:
        """Grow the trees."""
        from sklearn.ensemble import RandomForestClassifier

        leaf = max(2, min(20, len(columns) // 50))
        forest = RandomForestClassifier(
            self.trees,
            max_depth=self.depth,
            min_samples_leaf=leaf,
            max_features="sqrt",
            random_state=self.seed,
            n_jobs=1,
        ).fit(columns, labels)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        self._roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1].astype(np.int64)
        self._column = np.concatenate([tree.feature for tree in trees]).astype(np.int64)
        self._threshold = np.concatenate([tree.threshold for tree in trees])
        self._left = _joined([tree.children_left for tree in trees], self._roots)
        self._right = _joined([tree.children_right for tree in trees], self._roots)
        counts = np.concatenate([tree.value[:, 0, :] for tree in trees])
        self._chance = counts[:, 1] / counts.sum(axis=1)
        self._importances = np.asarray(forest.feature_importances_, dtype=np.float64)
        return self

    def margins(self, columns: Doubles) -> Doubles:
        """Return the mean probability of the leaves."""
        leaves = self._roots[None, :].repeat(len(columns), axis=0)
        for _ in range(self.depth):
            leaves = self._next(columns, leaves)
        return np.asarray(self._chance[leaves].mean(axis=1), dtype=np.float64)

    def contributions(self, columns: Doubles) -> Doubles:
        """Return the steps of the probability, by the column asked."""
        size = columns.shape[1] + 1
        amounts = np.zeros((len(columns), size))
        nodes = self._roots[None, :].repeat(len(columns), axis=0)
        amounts[:, -1] = self._chance[self._roots].mean()
        rows = np.arange(len(columns))[:, None].repeat(len(self._roots), axis=1)
        for _ in range(self.depth):
            below = self._next(columns, nodes)
            steps = (self._chance[below] - self._chance[nodes]) / len(self._roots)
            # A leaf asks no column (-2), and makes no step.
            np.add.at(amounts, (rows, np.maximum(self._column[nodes], 0)), steps)
            nodes = below
        return amounts

    def _next(self, columns: Doubles, nodes: Indexes) -> Indexes:
        asked = self._column[nodes]
        # The trees were grown on floats of 32 bits, and ask about these.
        values = np.take_along_axis(columns.astype(np.float32), np.maximum(asked, 0), axis=1)
        below = np.where(values <= self._threshold[nodes], self._left[nodes], self._right[nodes])
        return np.asarray(np.where(asked < 0, nodes, below), dtype=np.int64)

    def importances(self) -> Doubles:
        """Return the mean decrease of impurity."""
        return _shares(self._importances)

    def arrays(self) -> Mapping[str, Array]:
        """Return the trees, one node an entry."""
        return {
            "roots": self._roots,
            "column": self._column,
            "threshold": self._threshold,
            "left": self._left,
            "right": self._right,
            "chance": self._chance,
            "importances": self._importances,
            "depth": np.array([self.depth]),
        }

    def restore(self, arrays: Mapping[str, Any]) -> Self:
        """Take back what `arrays` gave."""
        names = ("roots", "column", "threshold", "left", "right", "chance", "importances")
        self.__dict__.update({f"_{name}": np.asarray(arrays[name]) for name in names})
        self.depth = int(arrays["depth"][0])
        if max(self._left.max(), self._right.max(), self._roots.max()) >= len(self._column):
            raise ValueError("a tree points to a node that does not exist")
        return self


class Boosting(Classifier):
    """Gradient boosted trees by lightgbm, kept in its text format. The margin is the log-odds.

    Notes
    -----
    What a margin is made of is told by TreeSHAP (S. Lundberg et al., "From local explanations to global understanding
    with explainable AI for trees", Nature Machine Intelligence 2, 2020).

    Raises
    ------
    ImportError
        If lightgbm is not installed.
    """

    def fit(self, columns: Doubles, labels: Mask) -> Self:
        """Grow the trees."""
        lightgbm = optional("lightgbm", "models")
        leaf = max(2, min(20, len(columns) // 50))
        params = {
            "objective": "binary",
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": leaf,
            "lambda_l2": 5.0,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        self._booster = lightgbm.train(params, lightgbm.Dataset(columns, labels.astype(np.int64)), 100)
        return self

    def margins(self, columns: Doubles) -> Doubles:
        """Return the log-odds."""
        return np.asarray(self._booster.predict(columns, raw_score=True, num_threads=1), dtype=np.float64)

    def contributions(self, columns: Doubles) -> Doubles:
        """Return the Shapley values."""
        return np.asarray(self._booster.predict(columns, pred_contrib=True, num_threads=1), dtype=np.float64)

    def importances(self) -> Doubles:
        """Return the gain of all splits on each column."""
        return _shares(np.asarray(self._booster.feature_importance("gain"), dtype=np.float64))

    def arrays(self) -> Mapping[str, Array]:
        """Return lightgbm's text."""
        return {"text": np.frombuffer(self._booster.model_to_string().encode(), dtype=np.uint8)}

    def restore(self, arrays: Mapping[str, Any]) -> Self:
        """Take back what `arrays` gave."""
        lightgbm = optional("lightgbm", "models")
        text = np.asarray(arrays["text"], dtype=np.uint8).tobytes().decode()
        try:
            self._booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"lightgbm cannot read its trees: {error}") from error
        return self


CLASSIFIERS: dict[str, type[Classifier]] = {"logistic": Logistic, "forest": Forest, "boosting": Boosting}


def _shares(amounts: Doubles) -> Doubles:
    total = float(amounts.sum())
    return amounts / total if total > 0 else np.zeros_like(amounts)


def _joined(children: Sequence[Indexes], roots: Indexes) -> Indexes:
    """Return the children of all trees' nodes, numbered through; a leaf's are never asked for."""
    numbered = [np.maximum(own, 0) + root for own, root in zip(children, roots, strict=True)]
    return np.concatenate(numbered).astype(np.int64)
