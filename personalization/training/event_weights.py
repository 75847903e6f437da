"""What an event of each kind counts in training: as configured, or as the events themselves tell."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from personalization import conf
from personalization.recommend.data import Interactions
from personalization.recommend.weights import learn_event_weights
from personalization.visitors.profiles import MOST_DWELL_MS

if TYPE_CHECKING:
    from pandas import DataFrame


def choose_weights(log: "DataFrame") -> dict[str, float]:
    """EVENT_WEIGHTS or, with TRAINING_LEARN_WEIGHTS, what predicts best; the newest part, which judges, is left out."""
    settings = conf.get()
    configured = {kind: float(weight) for kind, weight in settings.event_weights.items()}
    about = log[(log["item"] != "").to_numpy(dtype=bool)]
    if not settings.training_learn_weights or about.empty:
        return configured
    cut = about["time"].quantile(1 - settings.training_holdout)
    return learn_event_weights(_by_kind(about[about["time"] <= cut], configured), configured)


def amounts_of(log: "DataFrame", weights: Mapping[str, float]) -> np.ndarray:
    """How much each event says; a dwell counts in full after a minute, in proportion before."""
    amounts = log["kind"].astype(object).map(dict(weights)).fillna(0.0).to_numpy(dtype=np.float64)
    dwelt = np.clip(log["duration"].fillna(0.0).to_numpy(dtype=np.float64) * 1000 / MOST_DWELL_MS, 0, 1)
    return np.where((log["kind"] == "dwell").to_numpy(dtype=bool), amounts * dwelt, amounts)


def _by_kind(log: "DataFrame", weights: Mapping[str, float]) -> dict[str, Interactions]:
    full = amounts_of(log, {kind: 1.0 for kind, weight in weights.items() if weight > 0})
    log, full = log[full > 0], full[full > 0]
    visitors, items = sorted(set(log["visitor"].tolist())), sorted(set(log["item"].tolist()))
    parts = {}
    for kind in dict.fromkeys(log["kind"].tolist()):
        own = (log["kind"] == kind).to_numpy(dtype=bool)
        names = [log.loc[own, column].tolist() for column in ("visitor", "item", "time")]
        parts[kind] = Interactions.from_rows(*names, full[own], visitor_ids=visitors, item_ids=items)
    return parts
