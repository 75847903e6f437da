"""Flags and switches, as an experiment's history tells of them: switching one off ends the test for whom it holds."""

from django.db import transaction
from django.db.models import Q, QuerySet
from wagtail.log_actions import log
from wagtail.models import ModelLogEntry

from personalization.experiments.models import Experiment

LOG_FLAG = "personalization.experiment.flag"


@transaction.atomic
def note_flag(*, name: str, is_on: bool) -> int:
    """Tell each experiment under way that depends on a flag, its own or its slot's; return how many heard news."""
    return _tell(Experiment.objects.measured().filter(Q(flag=name) | Q(slot__flag=name)), name, is_on)


@transaction.atomic
def note_switch(*, name: str, is_on: bool) -> int:
    """Tell every experiment under way that personalization was switched on or off."""
    return _tell(Experiment.objects.measured(), name, is_on)


def _tell(experiments: QuerySet[Experiment], name: str, is_on: bool) -> int:
    heard = [experiment for experiment in experiments if _last_known(experiment, name) != is_on]
    for experiment in heard:
        log(instance=experiment, action=LOG_FLAG, data={"flag": name, "on": is_on})
    return len(heard)


def _last_known(experiment: Experiment, name: str) -> bool:
    """What the history says of the flag since the start, for which it had to be on."""
    entries = ModelLogEntry.objects.for_instance(experiment).filter(action=LOG_FLAG)
    known = [entry.data["on"] for entry in entries.order_by("timestamp", "pk") if entry.data["flag"] == name]
    return known[-1] if known else True
