"""Events that were found bad: set aside, never deleted, and released by a person who knows better."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from wagtail.log_actions import log

from personalization.events.models import Event

CHANGED_AT_ONCE = 5000
LOG_RELEASE = "personalization.release"
RULES = {
    "missing": _("Incomplete"),
    "range": _("Out of range"),
    "future": _("From the future"),
    "unpublished": _("Before its publication"),
    "outlier": _("Far too long"),
    "duplicate": _("Told twice"),
    "robot": _("By a robot"),
    "burst": _("Part of a burst"),
}


@transaction.atomic
def set_aside(*, found: Mapping[str, Sequence[int]]) -> int:
    """Put events into quarantine by the rule that each broke; return how many were not there before."""
    changed = 0
    for rule, keys in found.items():
        for start in range(0, len(keys), CHANGED_AT_ONCE):
            part = Event.objects.filter(pk__in=list(keys[start : start + CHANGED_AT_ONCE]), verdict="")
            changed += part.update(verdict=rule)
    return changed


@transaction.atomic
def release(*, events: QuerySet[Event], user: Any = None) -> int:
    """Let the next training learn from quarantined events, and never suspect them again; return how many."""
    first = events.quarantined().order_by("pk").first()
    if first is None:
        return 0
    released = events.quarantined().update(verdict=Event.RELEASED)
    log(instance=first, action=LOG_RELEASE, user=user, data={"events": released})
    return released
