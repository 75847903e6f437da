"""From an observation to a reference that can be kept, and from a reference and a later observation to findings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from personalization.monitoring.measures import MEASURES, Unit
from personalization.monitoring.observation import Observation
from personalization.recommend.drift import (
    CONFIDENCE,
    Drift,
    Summary,
    VectorSummary,
    compare,
    summarise,
    summarise_vectors,
    tally,
    vector_drift,
)
from personalization.recommend.online import Level, drop

# With fewer visitors, or items, on either side nothing is said: a small site must not be woken up by chance.
FEWEST = 50
FEWEST_CLICKS = 30


@dataclass(frozen=True)
class Finding:
    """One value before it is judged by thresholds; `is_certain` tells whether there was enough, and chance is out."""

    metric: str
    value: float
    is_certain: bool
    is_enough: bool = True
    slice: str = ""
    detail: dict[str, Any] = field(default_factory=dict)


def summarise_week(seen: Observation) -> dict[str, Any]:
    """What is kept of the week that a version had learned from: counts, fit for JSON."""
    vectors = {name: rows for name, rows in seen.vectors.items() if len(rows) >= FEWEST}
    return {
        "numbers": {name: summarise(values).as_dict() for name, values in seen.numbers.items()},
        "mixes": {name: tally(counts).as_dict() for name, counts in seen.mixes.items()},
        "vectors": {name: summarise_vectors(rows).as_dict() for name, rows in vectors.items()},
        "levels": {name: level.as_dict() for name, level in seen.levels.items()},
    }


def find(reference: Mapping[str, Any], seen: Observation) -> Iterator[Finding]:
    """Compare a week with a reference: one finding for each measure that both know."""
    for name, kept in reference["numbers"].items():
        summary = Summary.from_dict(kept)
        yield _drifted(name, compare(summary, summary.recount(seen.numbers.get(name, []))))
    for name, kept in reference["mixes"].items():
        yield _drifted(name, compare(Summary.from_dict(kept), tally(seen.mixes.get(name, {}))))
    for name, kept in reference["vectors"].items():
        yield from _moved(name, VectorSummary.from_dict(kept), seen)
    for name, kept in reference["levels"].items():
        if _is_drop(name):
            yield _dropped(name, Level(**kept), seen.levels.get(name, Level()))
    yield from _shares(seen)
    yield from _by_place(seen)


def _drifted(name: str, drift: Drift, **more: Any) -> Finding:
    return Finding(
        metric=name,
        value=drift.psi,
        is_certain=drift.is_significant,
        is_enough=min(drift.n_reference, drift.n_current) >= FEWEST,
        detail={
            "noise": drift.noise if np.isfinite(drift.noise) else None,
            "ks": drift.ks,
            "p_value": drift.p_value,
            "n": [round(drift.n_reference), round(drift.n_current)],
            "largest": [list(change) for change in drift.largest],
            **more,
        },
    )


def _moved(name: str, reference: VectorSummary, seen: Observation) -> Iterator[Finding]:
    """Vectors of another length come from another model, which the measure "embedder" tells."""
    rows = seen.vectors.get(name, np.empty((0, 0)))
    if len(rows) and rows.shape[1] == len(reference.mean):
        drift = vector_drift(reference, rows)
        yield _drifted(name, drift.worst, shift=round(drift.shift, 4))


def _dropped(name: str, reference: Level, current: Level) -> Finding:
    value, p_value = drop(reference, current)
    enough = min(reference.total, current.total) >= FEWEST_CLICKS or (
        reference.total >= FEWEST_CLICKS and current.n >= reference.n / 2
    )
    return Finding(
        metric=name,
        value=max(value, 0.0),
        is_certain=p_value < 1 - CONFIDENCE,
        is_enough=enough,
        detail={
            "level": _plain(current.mean),
            "reference": _plain(reference.mean),
            "p_value": p_value,
            "n": [round(reference.n), round(current.n)],
        },
    )


def _shares(seen: Observation) -> Iterator[Finding]:
    for name, level in seen.levels.items():
        if not _is_drop(name):
            yield Finding(
                name, level.mean, is_certain=True, is_enough=level.n >= FEWEST, detail={"n": [round(level.n)]}
            )


def _by_place(seen: Observation) -> Iterator[Finding]:
    for place, (shown, clicked) in seen.places.items():
        rate = clicked / shown
        yield Finding(
            "click_rate",
            0.0,
            False,
            slice=f"place {place + 1}",
            detail={"level": rate, "n": [shown], "clicked": clicked},
        )


def _is_drop(name: str) -> bool:
    """Whether a mean is compared with what it was; a reference may name measures that are no more."""
    return name in MEASURES and MEASURES[name].unit == Unit.DROP


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
