"""What an experiment tests, in words: for the review before the start, and for whoever looks later."""

from collections.abc import Iterable, Iterator

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from personalization.experiments.choices import Allocation, Method, Role
from personalization.experiments.models import Arm, Experiment, Metric
from personalization.experiments.wording import plain, whole
from personalization.slots.policies import UnknownPolicyError, find
from personalization.variants.choices import ORIGINAL
from personalization.visitors.rules import DEVICES, languages


def facts_of(experiment: Experiment) -> dict[str, list]:
    """Arms and metrics as rows, everything else as labels with values."""
    return {
        "arms": [{"arm": arm, "changes": list(changes_of(arm))} for arm in experiment.arms.all()],
        "metrics": [{"metric": metric, "notes": list(notes_of(metric))} for metric in experiment.metrics.all()],
        "visitors": list(_visitors(experiment)),
        "statistics": list(_statistics(experiment)),
    }


def changes_of(arm: Arm) -> Iterator[str]:
    """What differs from the slot as it is, in a few words each."""
    if not arm.personalizes:
        yield gettext("no personalization: the fallback for everybody")
    if arm.policy:
        yield gettext("policy: %(policy)s") % {"policy": _policy_label(arm.policy)}
    if arm.model_version:
        yield gettext("model version: %(version)s") % {"version": arm.model_version}
    if arm.heading:
        yield gettext("heading: “%(heading)s”") % {"heading": arm.heading}
    if arm.wording == ORIGINAL:
        yield gettext("words: the originals only")
    elif arm.wording:
        yield gettext("words: variants labelled “%(label)s”") % {"label": arm.wording}
    if arm.diversity is not None:
        yield gettext("diversity: %(n)s") % {"n": plain(arm.diversity)}
    if arm.freshness is not None:
        yield gettext("freshness: %(n)s") % {"n": plain(arm.freshness)}


def notes_of(metric: Metric) -> Iterator[str]:
    """What is special about a metric."""
    yield str(metric.get_scope_display())
    yield str(metric.get_direction_display())
    if metric.cap is not None:
        yield gettext("capped at percentile %(n)s") % {"n": plain(metric.cap)}
    if metric.role == Role.GUARDRAIL:
        yield gettext("tolerated harm: %(n)s %%") % {"n": plain(metric.margin)}


def _policy_label(name: str) -> str:
    try:
        return str(find(name).label)
    except UnknownPolicyError:
        return name


def _visitors(experiment: Experiment) -> Iterator[tuple[str, str]]:
    yield gettext("Take part"), gettext("%(n)s %% of visitors") % {"n": plain(experiment.coverage)}
    if experiment.holdout:
        yield gettext("Held out"), gettext("%(n)s %% of visitors") % {"n": plain(experiment.holdout)}
    chosen = {
        gettext("Segments"): experiment.segments.all(),
        gettext("Sites"): experiment.sites.all(),
        gettext("Languages"): _labels(experiment.locales, languages()),
        gettext("Devices"): _labels(experiment.devices, DEVICES),
        gettext("Namespaces"): experiment.namespaces.all(),
    }
    yield from ((label, ", ".join(map(str, values))) for label, values in chosen.items() if values)
    if experiment.flag:
        yield gettext("Flag"), experiment.flag
    if experiment.planned_visitors:
        yield gettext("Planned visitors"), whole(experiment.planned_visitors)
    for label, moment in ((gettext("Start"), experiment.starts_at), (gettext("Planned end"), experiment.ends_at)):
        if moment:
            yield label, date_format(localtime(moment), "DATETIME_FORMAT")


def _statistics(experiment: Experiment) -> Iterator[tuple[str, str]]:
    yield gettext("Division"), str(experiment.get_allocation_display())
    if experiment.allocation != Allocation.FIXED:
        words = {"floor": plain(experiment.floor), "holdback": plain(experiment.holdback)}
        yield gettext("Shares"), gettext("each arm at least %(floor)s %%; %(holdback)s %% get equal shares") % words
    yield gettext("Statistics"), str(experiment.get_method_display())
    if experiment.method == Method.BAYESIAN and experiment.prior_sd:
        yield gettext("Width of the prior"), plain(experiment.prior_sd)
    yield gettext("Accepted risk of a false alarm"), plain(experiment.alpha)
    yield gettext("Correction for several goals"), str(experiment.get_correction_display())
    yield gettext("Days that count"), plain(experiment.window_days)
    if experiment.adjusts:
        yield gettext("Precision"), gettext("uses what visitors did before (CUPED)")
    if experiment.stratifies:
        yield gettext("Strata"), gettext("compared within segments")


def _labels(values: Iterable[str], choices: Iterable[tuple[str, str]]) -> list[str]:
    known = dict(choices)
    return [str(known.get(value, value)) for value in values]
