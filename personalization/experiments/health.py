"""Whether a test can be believed, asked before anybody reads its result."""

from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from personalization.experiments.arms import Arms
from personalization.experiments.choices import Measure, Method, Role
from personalization.experiments.interaction import check_overlaps
from personalization.experiments.models import Experiment, Metric, Phase
from personalization.experiments.pooling import Row, condensed, count, earlier_statistic, statistic
from personalization.experiments.ratio import check_ratio
from personalization.experiments.readings import Check
from personalization.experiments.series import read_trend
from personalization.experiments.traces import check_events, check_flags
from personalization.experiments.wording import listed, percent, probability, visitors, whole
from personalization.stats import holm, pool, pre_exposure_imbalance
from personalization.stats.statistics import Proportion, Ratio

__all__ = ["Check", "read_health"]

SEVERAL_ARMS_WARNING, SEVERAL_ARMS_DANGER = 0.005, 0.05
IMBALANCE_WARNING, IMBALANCE_DANGER = 0.01, 0.001
FADING = 0.01
FEWEST_VISITORS = 100
FEWEST_SUCCESSES = 10


def read_health(experiment: Experiment, phase: Phase, sums: Sequence[Row]) -> tuple[Check, ...]:
    """Every check of a phase, whether it found something or not; `sums` are the rows that `read_rows` gives."""
    whole = Arms.of(experiment, sums)
    arms = replace(whole, rows=condensed(sums, by_segment=False))
    metrics = list(experiment.metrics.all())
    goals = [metric for metric in metrics if metric.role == Role.GOAL]
    ratio = check_ratio(phase, whole)
    # A bandit's visitors count on every day, and its effect is meant to grow.
    over_time = () if arms.is_bandit else (check_before(metrics, arms), check_novelty(goals, arms))
    return (
        ratio,
        check_several_arms(arms, is_uneven=ratio.level == "danger"),
        *over_time,
        check_sample(goals, arms),
        check_events(phase, arms),
        check_flags(experiment, phase),
        check_overlaps(phase, next(iter(goals), None)),
    )


def check_several_arms(arms: Arms, *, is_uneven: bool) -> Check:
    """Visitors who were seen in more than one arm count in none: few do no harm, many say that arms do not stick."""
    title = _("Visitors in several arms")
    lost = count(row for row in arms.rows if not row.arm_key)
    total = count(arms.rows)
    share = lost / total if total else 0.0
    if not lost:
        return Check("several arms", "ok", title, _("Nobody was seen in more than one arm."))
    text = _("%(share)s of the visitors were seen in more than one arm and are left out (%(number)s).")
    told = text % {"share": percent(share, 2), "number": whole(lost)}
    if share > SEVERAL_ARMS_DANGER or (share > SEVERAL_ARMS_WARNING and is_uneven):
        more = _("So many may have changed the arms themselves: find out why they did not keep their arm.")
        return Check("several arms", "danger", title, f"{told} {more}", blocks=True)
    return Check("several arms", "warning" if share > SEVERAL_ARMS_WARNING else "ok", title, told)


def check_before(metrics: Sequence[Metric], arms: Arms) -> Check:
    """Whether the arms differed before anybody was exposed, which only chance or a fault can bring about."""
    title = _("Before the test")
    told = [metric for metric in metrics if metric.measure != Measure.CLICK_RATE]
    found = [(metric, _imbalance(metric, arms)) for metric in told]
    known = [(metric, p_value) for metric, p_value in found if p_value is not None]
    if not known:
        return Check("before", "ok", title, _("Nothing is known of what visitors did before, so nothing differs."))
    corrected = holm([p_value for metric, p_value in known])
    p_value, number = min(zip(corrected, range(len(known)), strict=True))
    if p_value >= IMBALANCE_WARNING:
        return Check("before", "ok", title, _("Visitors of all arms did alike before they were exposed."))
    text = _("Visitors of the arms already differed before they were exposed, in %(metric)s (%(p)s).")
    text %= {"metric": listed([str(known[number][0])]), "p": probability(p_value)}
    if p_value >= IMBALANCE_DANGER:
        return Check("before", "warning", title, text)
    return Check("before", "danger", title, text, blocks=True)


def _imbalance(metric: Metric, arms: Arms) -> float | None:
    seen = [earlier_statistic(rows, metric) for rows in arms.judged.values()]
    return pre_exposure_imbalance(seen) if seen else None


def check_sample(goals: Sequence[Metric], arms: Arms) -> Check:
    """Whether there is enough to read anything: visitors in each arm, a few successes, a fixed test's whole plan."""
    title = _("Size of the sample")
    sizes = [count(rows) for rows in arms.judged.values()]
    if min(sizes, default=0) < FEWEST_VISITORS:
        text = _("An arm has only %(visitors)s so far; at least %(fewest)s are needed to say anything.")
        values = {"visitors": visitors(min(sizes, default=0)), "fewest": whole(FEWEST_VISITORS)}
        return Check("sample", "warning", title, text % values, blocks=True)
    if rare := [metric for metric in goals if _is_rare(metric, arms)]:
        text = _("Too few visitors have reached %(metrics)s so far to say anything.")
        return Check("sample", "warning", title, text % {"metrics": listed(map(str, rare))}, blocks=True)
    if not is_ripe(arms.experiment, sum(sizes)):
        text = _(
            "These statistics hold once, when the planned visitors are in: looking earlier finds what is not there."
        )
        return Check("sample", "warning", title, text, blocks=True)
    text = _("Each arm has at least %(number)s visitors.") % {"number": whole(min(sizes))}
    return Check("sample", "ok", title, text)


def _is_rare(metric: Metric, arms: Arms) -> bool:
    told = pool(statistic(rows, metric) for rows in arms.judged.values())
    if isinstance(told, Proportion):
        return told.successes < FEWEST_SUCCESSES * len(arms.judged)
    return isinstance(told, Ratio) and told.numerator_total < FEWEST_SUCCESSES * len(arms.judged)


def is_ripe(experiment: Experiment, n: int) -> bool:
    """Whether the statistics may be read: those of a fixed horizon only once as many visitors came as were planned."""
    return experiment.method != Method.FIXED or n >= (experiment.planned_visitors or float("inf"))


def check_novelty(goals: Sequence[Metric], arms: Arms) -> Check:
    """Whether the effect fades or grows from day to day: what is new gets clicks because it is new."""
    title = _("Novelty")
    tested = [(metric, key) for metric in goals for key in list(arms.judged)[1:]]
    trends = [read_trend(arms.judged[key], metric, arms) for metric, key in tested]
    known = [number for number, trend in enumerate(trends) if trend.p_value is not None]
    corrected = holm([trends[number].p_value for number in known])
    found = [tested[number] for number, p_value in zip(known, corrected, strict=True) if p_value < FADING]
    if not known:
        return Check("novelty", "ok", title, _("Too few days are complete to tell whether the effect changes."))
    if not found:
        return Check("novelty", "ok", title, _("The effect does not change noticeably from day to day."))
    text = _(
        "The effect on %(metrics)s changes from day to day: later visitors react otherwise than the first ones. Let "
        "the test run until it has settled."
    )
    names = dict.fromkeys(str(metric) for metric, key in found)
    return Check("novelty", "warning", title, text % {"metrics": listed(names)})
