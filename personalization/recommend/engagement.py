"""The probability that a visitor follows an item that is shown: P(click | visitor, item, context)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from personalization.recommend import artifacts
from personalization.recommend.artifacts import Array
from personalization.recommend.classifiers import CLASSIFIERS, Classifier
from personalization.recommend.data import Doubles, Indexes, Mask
from personalization.recommend.features import Table
from personalization.recommend.metrics import expected_calibration_error, log_loss
from personalization.recommend.preprocessing import Preprocessor

CALIBRATION, HOLDOUT = 0.15, 0.15
# Of fewer showings of either sort no curve is drawn.
FEWEST = 10


@dataclass(frozen=True)
class EngagementReport:
    """How good the probabilities are, on rows later than all that was learned from.

    Parameters
    ----------
    rows : int
        Rows judged; 0 where there were too few to keep any back. The figures then are NaN.
    base_rate : float
        Share of rows with a click.
    auc : float
        Chance that a row with a click is ranked above one without; .5 is guessing.
    log_loss, base_log_loss : float
        Of the probabilities, and of saying the learned base rate every time (nats a row).
    calibration_error : float
        Expected calibration error, 10 bins.
    """

    rows: int
    base_rate: float
    auc: float
    log_loss: float
    base_log_loss: float
    calibration_error: float

    def as_dict(self) -> dict[str, float | None]:
        """Return plain numbers; None where a figure is not known."""
        return {name: None if np.isnan(number) else number for name, number in asdict(self).items()}


NO_REPORT = EngagementReport(0, np.nan, np.nan, np.nan, np.nan, np.nan)


class EngagementModel:
    """Learn from what was shown and followed or not, and say with what probability the next showing is followed.

    Parameters
    ----------
    kind : {"logistic", "forest", "boosting"}
        Logistic regression, a random forest, or gradient boosting (lightgbm).
    seed : int
        Of everything that chance decides.

    Notes
    -----
    Rows are taken to be in order of time. The first 70 % are learned from; on the next 15 % the margins are calibrated
    (J. Platt, "Probabilistic outputs for support vector machines", 1999: a logistic curve, so that log-odds stay sums
    of contributions); the last 15 % make the report. What was never shown - read by itself, or drawn to learn from -
    helps to tell items apart, but says nothing of how often a showing is followed: it is left out of both.

    Examples
    --------
    >>> from personalization.recommend.features import NUMBERS, WORDS
    >>> random = np.random.default_rng(0)
    >>> numbers = random.normal(size=(400, len(NUMBERS)))
    >>> table = Table(numbers, np.full((400, len(WORDS)), "x"))
    >>> model = EngagementModel().fit(table, numbers[:, 0] + random.normal(size=400) > 0)
    >>> model.report.auc > 0.7, max(model.importances(), key=model.importances().get)
    (True, 'recency')
    """

    def __init__(self, *, kind: str = "logistic", seed: int = 0) -> None:
        if kind not in CLASSIFIERS:
            raise ValueError(f"{kind!r} is no kind of engagement model; there are {', '.join(CLASSIFIERS)}.")
        self.kind, self.seed = kind, seed
        self.report = NO_REPORT

    def fit(self, table: Table, labels: Any, shown: Any = None) -> Self:
        """Learn, calibrate and judge.

        Parameters
        ----------
        table : Table
            Features of each showing as of its time, oldest first.
        labels : array of bool, shape (m,)
            Whether it was followed.
        shown : array of bool, shape (m,), optional
            Which rows were shown. These alone are calibrated on and judged by, where there are enough; all rows, when
            left out.

        Raises
        ------
        ValueError
            If there are not both sorts of labels to learn from.
        """
        followed: Mask = np.asarray(labels, dtype=np.bool_)
        train, tune, test = _parts(followed)
        if followed[train].all() or not followed[train].any():
            raise ValueError("An engagement model needs showings that were followed and such that were not.")
        self.encoder = Preprocessor(seed=self.seed)
        columns = self.encoder.fit_transform(table.take(train), followed[train].astype(np.float64))
        self.classifier: Classifier = CLASSIFIERS[self.kind](self.seed).fit(columns, followed[train])
        known, tuned, judged = (_of_shown(part, followed, shown) for part in (train, tune, test))
        self._slope, self._base = _platt(self.classifier.margins(self._columns(table, tuned)), followed[tuned])
        self._judge(table.take(judged), followed[judged], float(followed[known].mean()))
        return self

    def log_odds(self, table: Table) -> Doubles:
        """Return the calibrated log-odds of rows, shape (m,)."""
        margins = self.classifier.margins(self.encoder.transform(table))
        return np.asarray(self._slope * margins + self._base, dtype=np.float64)

    def probabilities(self, table: Table) -> Doubles:
        """Return the calibrated probabilities of rows, shape (m,)."""
        from scipy.special import expit

        return np.asarray(expit(self.log_odds(table)), dtype=np.float64)

    def contributions(self, table: Table) -> tuple[tuple[str, ...], Doubles]:
        """Return features, and what each adds to the log-odds of each row; the last is what no feature says."""
        parts = self.classifier.contributions(self.encoder.transform(table)) * self._slope
        parts[:, -1] += self._base
        features = self._features()
        names = tuple(dict.fromkeys(features))
        sums = np.zeros((len(parts), len(names) + 1))
        np.add.at(sums.T, [names.index(name) for name in features], parts[:, :-1].T)
        sums[:, -1] = parts[:, -1]
        return names, sums

    def importances(self) -> dict[str, float]:
        """Return how much each feature matters, all its columns together, most important first; they sum to 1."""
        totals: dict[str, float] = {}
        for name, share in zip(self._features(), self.classifier.importances().tolist(), strict=True):
            totals[name] = totals.get(name, 0.0) + share
        return dict(sorted(totals.items(), key=lambda pair: -pair[1]))

    def _features(self) -> list[str]:
        """Return for each column the feature that it is of."""
        return [name.split("=")[0].split(" ")[0] for name in self.encoder.names]

    def _columns(self, table: Table, rows: Indexes) -> Doubles:
        return self.encoder.transform(table.take(rows))

    def _judge(self, table: Table, followed: Mask, base_rate: float) -> None:
        if followed.all() or not followed.any():
            return
        from sklearn.metrics import roc_auc_score

        said = self.probabilities(table)
        self.report = EngagementReport(
            rows=len(followed),
            base_rate=float(followed.mean()),
            auc=float(roc_auc_score(followed, said)),
            log_loss=log_loss(said, followed),
            base_log_loss=log_loss(np.full(len(followed), base_rate), followed),
            calibration_error=expected_calibration_error(said, followed),
        )

    def arrays(self) -> dict[str, Array]:
        """Return what was learned as arrays, for an artifact."""
        columns = {f"columns_{name}": array for name, array in self.encoder.arrays().items()}
        return columns | {f"model_{name}": np.asarray(array) for name, array in self.classifier.arrays().items()}

    def meta(self) -> dict[str, Any]:
        """Return the rest, as JSON can hold it."""
        line = {"slope": self._slope, "base": self._base}
        return {
            "kind": self.kind,
            "seed": self.seed,
            "encoder": self.encoder.meta(),
            "report": self.report.as_dict(),
            **line,
        }

    @classmethod
    def of(cls, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Self:
        """Make one again from what `arrays` and `meta` returned."""
        made = cls(kind=meta["kind"], seed=meta["seed"])
        parts: dict[str, dict[str, Any]] = {"columns": {}, "model": {}}
        for name, array in arrays.items():
            part, _, own = name.partition("_")
            parts.get(part, {})[own] = array
        made.encoder = Preprocessor.of(parts["columns"], meta["encoder"])
        made.classifier = CLASSIFIERS[made.kind](made.seed).restore(parts["model"])
        made._slope, made._base = float(meta["slope"]), float(meta["base"])
        report: dict[str, Any] = {name: np.nan if n is None else n for name, n in meta["report"].items()}
        made.report = EngagementReport(**report)
        return made

    def save(self, directory: Path) -> None:
        """Write arrays and JSON; never a pickle."""
        artifacts.write(directory, self.arrays(), self.meta())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote."""
        return cls.of(*artifacts.read(directory, mmap=False))


def _parts(followed: Mask) -> tuple[slice, slice, slice]:
    """Return what to learn from, to calibrate on and to judge by; of too few rows none is kept back."""
    n = len(followed)
    first, second = round(n * (1 - CALIBRATION - HOLDOUT)), round(n * (1 - HOLDOUT))
    train, tune, test = slice(first), slice(first, second), slice(second, n)
    if all(followed[part].any() and not followed[part].all() for part in (train, tune)):
        return train, tune, test
    return slice(n), slice(n), slice(n, n)


def _of_shown(part: slice, followed: Mask, shown: Any) -> Indexes:
    """Return the rows of a part that were shown; all of it, if they are too few to tell anything."""
    rows = np.arange(len(followed))[part]
    own = rows if shown is None else rows[np.asarray(shown, dtype=np.bool_)[rows]]
    followed_of_own = int(followed[own].sum())
    return own if min(followed_of_own, len(own) - followed_of_own) >= FEWEST else rows


def _platt(margins: Doubles, followed: Mask) -> tuple[float, float]:
    """Return slope and base of the logistic curve that turns margins into probabilities."""
    from sklearn.linear_model import LogisticRegression

    scale = float(margins.std())
    if scale < 1e-9:
        rate = float(followed.mean())
        return 0.0, float(np.log(rate / (1 - rate)))
    curve = LogisticRegression(C=1e3).fit(margins[:, None] / scale, followed)
    return float(curve.coef_[0, 0]) / scale, float(curve.intercept_[0])
