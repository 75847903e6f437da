"""The gate between a candidate and the visitors: what it must reach, by how much, and in which words that is told."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.conf import Settings
from personalization.recommend.evaluation import Report, paired_difference
from personalization.training.speed import Latency

CANDIDATE = "hybrid"
BASELINE = "popular"
SERVING = "serving"
SHOWN = 10


@dataclass(frozen=True)
class Check:
    """One criterion: what was measured, with its 95 % interval where there is one, and what it had to reach."""

    criterion: str
    passed: bool
    value: float
    limit: float
    interval: tuple[float, float] | None = None

    @property
    def sentence(self) -> str:
        """The outcome in words, in the reader's language."""
        return _words(self)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Check":
        """Take back what `as_dict` gave."""
        interval = fields.get("interval")
        return cls(**{**fields, "interval": tuple(interval) if interval else None})


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate may serve, and the sentences that say why."""

    passed: bool
    reason: str
    checks: tuple[Check, ...] = ()


def judge(report: Report, latency: Latency, *, n_items: int, settings: Settings) -> Verdict:
    """Let a candidate pass that meets every criterion; else the verdict names those that it does not meet.

    It must clearly beat popularity and be, within the margin, no worse than what serves now: both are compared visitor
    by visitor on the same hold-out, and "clearly" and "no worse" speak of the whole 95 % interval of the difference in
    NDCG@10. It must show enough of the catalog, and rank it fast enough.
    """
    checks = tuple(_checks(report, latency, n_items, settings))
    failed = [check for check in checks if not check.passed]
    return Verdict(not failed, " ".join(check.sentence for check in failed or checks), checks)


def _checks(report: Report, latency: Latency, n_items: int, settings: Settings) -> Iterator[Check]:
    above = paired_difference(report, CANDIDATE, BASELINE)
    yield Check("popularity", above.is_clear, above.mean, 0.0, above.interval)
    if any(row.scorer == SERVING for row in report.rows):
        against = paired_difference(report, CANDIDATE, SERVING)
        margin = settings.promotion_margin
        yield Check("serving", against.interval[0] >= -margin, against.mean, -margin, against.interval)
    # A few judges cannot be shown a large catalog: what counts is the share of what their lists had room for.
    room = min(n_items, SHOWN * report.n_visitors)
    reached = report.row(CANDIDATE).metrics[f"coverage@{SHOWN}"] * n_items / room
    yield Check(
        "coverage", reached >= settings.promotion_coverage_minimum, reached, settings.promotion_coverage_minimum
    )
    fast = latency.interval[1] <= settings.promotion_latency_ms
    yield Check("latency", fast, latency.median, settings.promotion_latency_ms, latency.interval)


def _words(check: Check) -> str:
    passed, failed, told = _SENTENCES[check.criterion]
    return str(passed if check.passed else failed) % {"figures": told(check)}


def _difference(check: Check) -> str:
    low, high = check.interval or (check.value, check.value)
    return _("NDCG@10 %(mean)s (%(low)s to %(high)s)") % {
        "mean": _signed(check.value),
        "low": _signed(low),
        "high": _signed(high),
    }


def _share(check: Check) -> str:
    return _("%(share)s %% of the items within reach, at least %(limit)s %%") % {
        "share": number_format(round(100 * check.value, 1), 1),
        "limit": number_format(round(100 * check.limit, 1), 1),
    }


def _time(check: Check) -> str:
    return _("%(time)s ms for one visitor, at most %(limit)s ms") % {
        "time": number_format(round(check.value, 2), 2),
        "limit": number_format(check.limit),
    }


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{number_format(round(abs(value), 4), 4)}"


# What is said when a check is passed, when it is failed, and the figures in both.
_SENTENCES = {
    "popularity": (
        gettext_lazy("Beats popularity: %(figures)s."),
        gettext_lazy("Not clearly better than popularity: %(figures)s."),
        _difference,
    ),
    "serving": (
        gettext_lazy("No worse than the version serving now: %(figures)s."),
        gettext_lazy("May be worse than the version serving now: %(figures)s."),
        _difference,
    ),
    "coverage": (
        gettext_lazy("Shows enough of the catalog: %(figures)s."),
        gettext_lazy("Shows too little of the catalog: %(figures)s."),
        _share,
    ),
    "latency": (gettext_lazy("Ranks fast enough: %(figures)s."), gettext_lazy("Ranks too slowly: %(figures)s."), _time),
}
