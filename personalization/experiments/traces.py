"""What else left traces during a phase: events that were not believed, and flags that were switched."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.models import ModelLogEntry

from personalization.events.models import Event, Kind
from personalization.experiments.arms import Arms
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.flagging import LOG_FLAG
from personalization.experiments.models import Experiment, Phase
from personalization.experiments.pooling import count
from personalization.experiments.readings import Check
from personalization.experiments.wording import whole

MANY_REMOVED = 0.1


def check_events(phase: Phase, arms: Arms) -> Check:
    """How many exposures were taken for those of scripts, and left out."""
    title = _("Events left out")
    keys = [f"{phase.seed}:{key}" for key in (*arms.names, HELD_OUT)]
    removed = Event.objects.quarantined().filter(kind=Kind.EXPOSURE, arm_key__in=keys).count()
    if not removed:
        return Check("events", "ok", title, _("No exposure was taken for that of a script."))
    text = ngettext(
        "%(number)s exposure was taken for that of a script and left out.",
        "%(number)s exposures were taken for those of scripts and left out.",
        removed,
    ) % {"number": whole(removed)}
    many = removed > MANY_REMOVED * (count(arms.rows) + removed)
    return Check("events", "warning" if many else "ok", title, text)


def check_flags(experiment: Experiment, phase: Phase) -> Check:
    """How often a flag that the test depends on was switched: each time, another set of visitors stays away."""
    title = _("Flags")
    entries = ModelLogEntry.objects.for_instance(experiment).filter(action=LOG_FLAG, timestamp__gte=phase.started_at)
    if phase.ended_at:
        entries = entries.filter(timestamp__lte=phase.ended_at)
    switched = entries.count()
    if not switched:
        return Check("flags", "ok", title, _("No flag that the test depends on was switched."))
    text = ngettext(
        "A flag that the test depends on was switched %(number)s time; the history tells when.",
        "Flags that the test depends on were switched %(number)s times; the history tells when.",
        switched,
    ) % {"number": whole(switched)}
    return Check("flags", "warning", title, text)
