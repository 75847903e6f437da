"""Why an experiment may not start, in sentences an editor can act on."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _
from waffle import get_waffle_flag_model, get_waffle_switch_model

from personalization.events.models import Event
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.choices import Role
from personalization.experiments.models import Arm, Experiment
from personalization.experiments.observations import find_bandit_flaws
from personalization.variants.choices import ORIGINAL, State
from personalization.variants.models import Variant

TRAFFIC_DAYS = 28
SWITCH = "personalization"


def find_flaws(experiment: Experiment) -> Iterator[str]:
    """What is wrong with the experiment itself, whatever the time."""
    arms = list(experiment.arms.all())
    yield from _arm_flaws(arms)
    if not any(metric.role == Role.GOAL for metric in experiment.metrics.all()):
        yield _("No metric is a goal: without one nothing can be decided. Add one under Metrics.")
    if not experiment.coverage:
        yield _("No visitor takes part: raise the percentage.")
    if experiment.is_bandit and experiment.floor * len(arms) > 100:
        yield _("The least shares of all arms add up to more than 100 percent: lower the least share.")
    yield from find_bandit_flaws(experiment)


def find_obstacles(experiment: Experiment) -> Iterator[str]:
    """What stands in the way now, flaws included."""
    yield from find_flaws(experiment)
    yield from _model_obstacles(experiment)
    yield from _word_obstacles(experiment)
    if not experiment.slot.live:
        yield _("The slot “%(slot)s” is not live: publish it.") % {"slot": experiment.slot}
    elif not _has_traffic(experiment.slot.key):
        yield _(
            "In the last %(days)d days no visitor who allows analytics saw the slot “%(slot)s”: the test would learn "
            "nothing. Place it on a page that is visited."
        ) % {"days": TRAFFIC_DAYS, "slot": experiment.slot}
    yield from _switch_obstacles(experiment)
    for other in _overlapping(experiment):
        yield _(
            "“%(other)s” runs in the same slot and could want the same visitors. End it, or give both parts of one "
            "namespace that do not overlap."
        ) % {"other": other}


def is_on(name: str) -> bool:
    """Whether a flag is active for any visitor who is not of the staff."""
    flag = get_waffle_flag_model().objects.filter(name=name).first()
    if flag is None or flag.everyone is not None:
        return bool(flag and flag.everyone)
    return bool(
        flag.percent or flag.authenticated or flag.languages.strip() or flag.groups.exists() or flag.users.exists()
    )


def _arm_flaws(arms: list[Arm]) -> Iterator[str]:
    if len(arms) < 2:
        yield _("There must be at least two arms, one of them the control.")
    if any(arm.key == HELD_OUT for arm in arms):
        yield _("An arm may not have the key “%(key)s”: it names the visitors who are held out.") % {"key": HELD_OUT}
    controls = sum(arm.is_control for arm in arms)
    if controls != 1:
        yield _("Exactly one arm must be the control; %(number)d are.") % {"number": controls}
    if sum(arm.weight > 0 for arm in arms) < min(2, len(arms)):
        yield _("At least two arms need a weight above zero: nobody would be sent to the others.")


def _model_obstacles(experiment: Experiment) -> Iterator[str]:
    for arm in experiment.arms.select_related("model_version"):
        if arm.model_version and not arm.model_version.artifact:
            yield _("The files of model version %(version)s, which arm “%(arm)s” needs, are deleted.") % {
                "version": arm.model_version,
                "arm": arm,
            }


def _word_obstacles(experiment: Experiment) -> Iterator[str]:
    shown = Variant.objects.filter(state=State.APPROVED, live=True)
    for arm in experiment.arms.all():
        if arm.wording == ORIGINAL and not shown.exists():
            yield _("Arm “%(arm)s” shows the original words, and so does every other: no variant is approved.") % {
                "arm": arm
            }
        elif arm.wording not in ("", ORIGINAL) and not shown.filter(label=arm.wording).exists():
            yield _(
                "No approved variant is labelled “%(label)s”, which arm “%(arm)s” asks for: it would show originals."
            ) % {"label": arm.wording, "arm": arm}


def _has_traffic(slot_key: str) -> bool:
    since = timezone.now() - timedelta(days=TRAFFIC_DAYS)
    seen = Event.objects.believed().filter(slot_key=slot_key, for_analytics=True, occurred_at__gte=since)
    return seen.exclude(visitor_key="").exists()


def _switch_obstacles(experiment: Experiment) -> Iterator[str]:
    if get_waffle_switch_model().objects.filter(name=SWITCH, active=False).exists():
        yield _("Personalization is switched off for the whole site.")
    own = (experiment.flag, _("the experiment"))
    of_slot = (experiment.slot.flag, _("the slot"))
    for flag, whose in (own, of_slot):
        if flag and not is_on(flag):
            yield _(
                "The flag “%(flag)s” of %(whose)s does not exist, or is active for nobody but staff: switch it on."
            ) % {"flag": flag, "whose": whose}


def _overlapping(experiment: Experiment) -> list[Experiment]:
    others = Experiment.objects.serving().filter(slot=experiment.slot_id).exclude(pk=experiment.pk)
    return [other for other in others.prefetch_related("namespaces") if not _are_apart(experiment, other)]


def _are_apart(one: Experiment, other: Experiment) -> bool:
    """Whether in some namespace the two have parts that share no visitor."""
    return any(
        mine.namespace == theirs.namespace and (mine.end <= theirs.start or theirs.end <= mine.start)
        for mine in one.namespaces.all()
        for theirs in other.namespaces.all()
    )
