"""Daily sums as the task would have written them, for visitors drawn from known rates."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
from django.utils import timezone

from personalization.experiments.choices import Measure
from personalization.experiments.models import DaySum, Experiment, Metric

AMOUNTS = (Measure.VALUE, Measure.DWELL)
DEVICES = ("desktop", "mobile")


def write_day_sums(
    experiment: Experiment,
    rates: Mapping[str, float | Sequence[float]],
    *,
    days: int = 14,
    visitors: int | Mapping[str, int] = 200,
    segments: Sequence[str] = ("",),
    phase: int = 1,
    holdback: Sequence[str] = (),
    seed: int = 1,
) -> None:
    """Write sums of the last `days` full days: `rates` gives each arm's rate, or one for each metric.

    `visitors` come to each arm each day, or so many to each arm. Arms named in `holdback` have a bandit's holdback too.
    """
    rng = np.random.default_rng(seed)
    metrics = list(experiment.metrics.all())
    stage = experiment.phases.get(number=phase)
    today = timezone.now().date()
    rows = []
    for day in (today - timedelta(days=n) for n in range(days, 0, -1)):
        for arm, rate in rates.items():
            daily = visitors if isinstance(visitors, int) else visitors[arm]
            for is_holdback in (False, True) if arm in holdback else (False,):
                share = 0.1 if is_holdback else 1.0
                rows += [
                    DaySum(
                        phase=stage,
                        day=day,
                        arm_key=arm,
                        device=device,
                        locale="en",
                        segment=segment,
                        is_holdback=is_holdback,
                        **_drawn(rng, metrics, rate, daily * share / len(DEVICES) / len(segments), day),
                    )
                    for device in DEVICES
                    for segment in segments
                ]
    DaySum.objects.bulk_create(rows)
    Experiment.objects.filter(pk=experiment.pk).update(summed_at=timezone.now())


def _drawn(rng: np.random.Generator, metrics: Sequence[Metric], rate, visitors: float, day: date) -> dict:
    n = int(rng.poisson(visitors * (0.8 if day.weekday() >= 5 else 1.0)))
    given = [rate] * len(metrics) if isinstance(rate, float) else rate
    pairs = zip(metrics, given, strict=True)
    return {"n": n, "sums": {str(metric.pk): _sums(rng, metric, part, n) for metric, part in pairs}}


def _sums(rng: np.random.Generator, metric: Metric, rate: float, n: int) -> dict[str, float]:
    if metric.measure == Measure.CLICK_RATE:
        seen = rng.poisson(6, n) + 1
        clicked = rng.binomial(seen, rate)
        parts = {"numerator": clicked, "denominator": seen}
        totals = {f"{name}_total": int(values.sum()) for name, values in parts.items()}
        squares = {f"{name}_squares": int((values**2).sum()) for name, values in parts.items()}
        return totals | squares | {"products": int((clicked * seen).sum())}
    # Before the test the arms are alike.
    before = rng.binomial(1, 0.1, n) if metric.measure not in AMOUNTS else rng.gamma(2, 0.5, n)
    after = rng.binomial(1, rate, n) if metric.measure not in AMOUNTS else rng.gamma(2, rate / 2, n)
    return {
        "post_total": float(after.sum()),
        "post_squares": float((after**2).sum()),
        "pre_total": float(before.sum()),
        "pre_squares": float((before**2).sum()),
        "products": float((before * after).sum()),
    }
