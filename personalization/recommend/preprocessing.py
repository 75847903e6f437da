"""From features as they are to columns a model can learn from; everything it needs to know is learned in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from personalization.recommend import artifacts
from personalization.recommend.artifacts import Array
from personalization.recommend.data import Doubles, Indexes, Mask
from personalization.recommend.features import NUMBERS, WORDS, Table

FOLDS = 5
PRIOR = 20.0


class Preprocessor:
    """Fill gaps, scale numbers and encode words.

    Parameters
    ----------
    most_columns : int
        A feature with more different words than this gets one column with its *target encoding*, others get one
        column for each word.
    seed : int
        Seed of the folds of the target encoding.

    Notes
    -----
    *Numbers*: a gap is filled with the median and flagged in a column of its own; then mean 0 and deviation 1.
    *Words*: a gap is filled with the most frequent word and flagged. A word not seen in training has 0 in all columns.
    *Target encoding*: the mean label of a word, drawn to the overall mean by as much as 20 rows weigh. For the rows it
    is fitted on, each fold gets means of the other folds, so that no row sees its own label.

    References
    ----------
    D. Micci-Barreca, "A preprocessing scheme for high-cardinality categorical attributes", SIGKDD Explorations 3(1),
    2001.

    Examples
    --------
    >>> numbers = np.full((4, len(NUMBERS)), np.nan)
    >>> numbers[:, 0] = [1.0, 2.0, 3.0, np.nan]
    >>> words = np.full((4, len(WORDS)), "x")
    >>> encoder = Preprocessor()
    >>> columns = encoder.fit_transform(Table(numbers, words), np.array([0, 1, 0, 1]))
    >>> columns[:, encoder.names.index("recency missing")].tolist()
    [0.0, 0.0, 0.0, 1.0]
    """

    def __init__(self, *, most_columns: int = 12, seed: int = 0) -> None:
        self.most_columns, self.seed = most_columns, seed
        self.names: tuple[str, ...] = ()

    def fit_transform(self, table: Table, labels: Sequence[float] | Doubles | Indexes) -> Doubles:
        """Learn medians, scales, modes and encodings, and return the columns of the rows they were learned from.

        Parameters
        ----------
        table : Table
            The training part.
        labels : array, shape (m,)
            0 and 1.

        Returns
        -------
        array of float64, shape (m, len(names))

        Raises
        ------
        ValueError
            If there are no rows, or not one label for each.
        """
        targets = np.asarray(labels, dtype=np.float64)
        if not len(table) or len(targets) != len(table):
            raise ValueError("There must be rows to learn from, with one label each.")
        known: Mask = np.asarray(~np.isnan(table.numbers))
        self._medians = np.array(
            [
                np.median(column[there]) if there.any() else 0.0
                for column, there in zip(table.numbers.T, known.T, strict=True)
            ]
        )
        self._flagged: Any = ~known.all(axis=0)
        filled = np.where(known, table.numbers, self._medians)
        self._means, deviations = filled.mean(axis=0), filled.std(axis=0)
        self._scales = np.where(deviations > 1e-12, 1 / np.maximum(deviations, 1e-12), 0.0)
        self._words, self._modes, self._gaps = zip(*map(_vocabulary, table.words.T), strict=True)
        self._rates = [_rates(table.words[:, n], words, targets) for n, words in enumerate(self._words)]
        self._overall = float(targets.mean())
        self.names = self._names()
        return self._columns(table, self._out_of_fold(table, targets))

    def transform(self, table: Table) -> Doubles:
        """Return the columns of any rows: a function of the rows alone, for labels are not known when serving.

        Raises
        ------
        ValueError
            If nothing was learned yet.
        """
        if not self.names:
            raise ValueError("The preprocessor has learned nothing: call fit_transform or load first.")
        encoded = [
            _look_up(self._filled(table, n), self._words[n], self._rates[n], self._overall) for n in self._encoded()
        ]
        return self._columns(table, encoded)

    def _encoded(self) -> list[int]:
        return [n for n, words in enumerate(self._words) if len(words) > self.most_columns]

    def _filled(self, table: Table, n: int) -> Any:
        column = table.words[:, n]
        return np.where(column == "", self._modes[n], column)

    def _out_of_fold(self, table: Table, targets: Doubles) -> list[Doubles]:
        folds = np.random.default_rng(self.seed).permutation(len(table)) % FOLDS
        encoded = []
        for n in self._encoded():
            column, found = self._filled(table, n), np.full(len(table), self._overall)
            for fold in range(FOLDS):
                own = folds == fold
                if own.any() and not own.all():
                    rates = _rates(column[~own], self._words[n], targets[~own])
                    found[own] = _look_up(column[own], self._words[n], rates, float(targets[~own].mean()))
            encoded.append(found)
        return encoded

    def _columns(self, table: Table, encoded: Sequence[Doubles]) -> Doubles:
        gaps = np.isnan(table.numbers)
        scaled = (np.where(gaps, self._medians, table.numbers) - self._means) * self._scales
        parts = [scaled, gaps[:, self._flagged].astype(np.float64)]
        rates = iter(encoded)
        for n, words in enumerate(self._words):
            if n in self._encoded():
                parts.append(next(rates)[:, None])
            else:
                parts.append((self._filled(table, n)[:, None] == np.asarray(words)[None, :]).astype(np.float64))
            if self._gaps[n]:
                parts.append((table.words[:, n] == "").astype(np.float64)[:, None])
        columns: Doubles = np.concatenate(parts, axis=1)
        return columns

    def _names(self) -> tuple[str, ...]:
        names = [
            *NUMBERS,
            *(f"{name} missing" for name, flag in zip(NUMBERS, self._flagged.tolist(), strict=True) if flag),
        ]
        for n, feature in enumerate(WORDS):
            names += [f"{feature} rate"] if n in self._encoded() else [f"{feature}={word}" for word in self._words[n]]
            names += [f"{feature} missing"] if self._gaps[n] else []
        return tuple(names)

    def arrays(self) -> dict[str, Array]:
        """Return what was learned as arrays, for an artifact."""
        return {
            "medians": self._medians,
            "means": self._means,
            "scales": self._scales,
            "flagged": self._flagged,
            "rates": np.concatenate([np.empty(0), *self._rates]),
        }

    def meta(self) -> dict[str, Any]:
        """Return the rest, as JSON can hold it."""
        return {
            "features": [*NUMBERS, *WORDS],
            "most_columns": self.most_columns,
            "seed": self.seed,
            "words": [list(words) for words in self._words],
            "modes": list(self._modes),
            "gaps": list(self._gaps),
            "overall": self._overall,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Self:
        """Make one again from what `arrays` and `meta` returned.

        Raises
        ------
        ValueError
            If it was trained on other features than those of this release.
        """
        if meta.get("features") != [*NUMBERS, *WORDS]:
            raise ValueError("It has learned from other features than this release computes: train it again.")
        made = cls(most_columns=meta["most_columns"], seed=meta["seed"])
        made._medians, made._means, made._scales = (arrays[name] for name in ("medians", "means", "scales"))
        made._flagged, made._overall = arrays["flagged"], meta["overall"]
        made._words = tuple(tuple(words) for words in meta["words"])
        made._modes, made._gaps = tuple(meta["modes"]), tuple(meta["gaps"])
        made._rates = np.split(arrays["rates"], np.cumsum([len(words) for words in made._words])[:-1])
        made.names = made._names()
        return made

    def save(self, directory: Path) -> None:
        """Write what was learned, as arrays and JSON."""
        artifacts.write(directory, self.arrays(), self.meta())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        return cls.of(*artifacts.read(directory, mmap=False))


def _vocabulary(column: Any) -> tuple[tuple[str, ...], str, bool]:
    """Return the words of a column, the most frequent of them, and whether there are gaps."""
    words, counts = np.unique(column[column != ""], return_counts=True)
    mode = str(words[counts.argmax()]) if len(words) else ""
    return tuple(words.tolist()), mode, bool((column == "").any())


def _rates(column: Any, words: Sequence[str], targets: Doubles) -> Doubles:
    """Return the mean label of each word, drawn to the overall mean."""
    overall = targets.mean()
    place = {word: number for number, word in enumerate(words)}
    codes = np.array([place.get(word, len(words)) for word in column.tolist()], dtype=np.int64)
    number = np.bincount(codes, minlength=len(words) + 1)[:-1]
    total = np.bincount(codes, weights=targets, minlength=len(words) + 1)[:-1]
    rates: Doubles = (total + PRIOR * overall) / (number + PRIOR)
    return rates


def _look_up(column: Any, words: Sequence[str], rates: Doubles, unknown: float) -> Doubles:
    place = dict(zip(words, rates.tolist(), strict=True))
    return np.array([place.get(word, unknown) for word in column.tolist()], dtype=np.float64)
