"""What an evaluation from files found out, as one document fit for JSON."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from personalization.recommend.evaluation import Report
from personalization.recommend.offline import LAST, MORE_THAN, RESAMPLES, Outcome, Task

REFERENCE = "popular"
DISTRIBUTIONS = ("wagtail-slots", "numpy", "scipy", "scikit-learn", "implicit", "lightgbm")
RULES = {
    "temporal": "the newest test_fraction of all rows; what a visitor knew before is not predicted again",
    "last-k": f"the last {LAST} items of each visitor with more than {MORE_THAN}",
    "random": "test_fraction of each visitor's items, at random",
}


def document(task: Task, outcome: Outcome) -> dict[str, Any]:
    """Return all that was found out, fit for JSON."""
    report = outcome.report(task.request)
    plain = report.as_dict()["scorers"]
    interactions = task.facts["interactions"]
    return {
        "data": {**interactions, **({"catalog": task.facts["items"]} if "items" in task.facts else {})},
        "split": task.request.split,
        "protocol": _protocol(task, outcome),
        "scorers": {
            name: {"peak_mb": None} | _flat(figures) | _provenance(name, outcome) for name, figures in plain.items()
        },
        "skipped": outcome.skipped,
        "differences": _differences(report),
    }


def _protocol(task: Task, outcome: Outcome) -> dict[str, Any]:
    request, split = task.request, task.split
    return {
        "held_out": RULES[request.split],
        "test_fraction": None if request.split == "last-k" else request.test_fraction,
        "k": list(request.ks),
        "seed": request.seed,
        "tune_seconds": request.tune_seconds,
        "train_pairs": split.train.matrix.nnz,
        "test_pairs": split.test.matrix.nnz,
        "visitors_judged": outcome.n_visitors,
        "left_out": outcome.left_out,
        "seen_items_removed": True,
        "interval": f"95 %, bootstrap over visitors, {RESAMPLES} resamples",
        "peak_mb": "MiB of resident memory above where it stood before the scorer learned and ranked",
        "versions": {name: _version(name) for name in DISTRIBUTIONS},
        "python": platform.python_version(),
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _flat(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Put every figure and its interval side by side, as "ndcg@10" and "ndcg@10_interval"."""
    flat: dict[str, Any] = {}
    for name, value in figures["metrics"].items():
        flat |= {name: value, f"{name}_interval": figures["intervals"][name]}
    flat |= {word: figures.get(word) for word in ("visitors", "fit_seconds", "peak_mb") if word in figures}
    for word in ("segments", "history_lengths"):
        if word in figures:
            flat[word] = {name: _flat(part) for name, part in figures[word].items()}
    return flat


def _provenance(name: str, outcome: Outcome) -> dict[str, Any]:
    tuned = outcome.tuned.get(name)
    return {"params": outcome.params[name]} | ({"tuning": asdict(tuned)} if tuned is not None else {})


def _differences(report: Report) -> dict[str, Any]:
    """Compare all scorers with popularity where it was judged, else with the first of them."""
    names = [row.scorer for row in report.rows]
    if len(names) < 2:
        return {}
    reference = REFERENCE if REFERENCE in names else names[0]
    against = report.differences(reference)
    return {"reference": reference} | {
        name: {metric: _difference(d.mean, d.interval) for metric, d in metrics.items()}
        for name, metrics in against.items()
    }


def _difference(mean: float, interval: Iterable[float]) -> dict[str, Any]:
    low, high = (round(bound, 6) if np.isfinite(bound) else None for bound in interval)
    return {"mean": round(mean, 6) if np.isfinite(mean) else None, "interval": [low, high]}
