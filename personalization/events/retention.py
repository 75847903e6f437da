"""Forgetting in time: facts older than the site keeps them, and visitors who can no longer come back."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from personalization import conf
from personalization.events.models import Event
from personalization.visitors.models import Visitor

DELETED_AT_ONCE = 5000
# Long enough for the nightly training to tell scripted clicks, even when it has failed for some nights.
NETWORK_DAYS = 14


def purge_events(*, older_than_days: int) -> int:
    """Delete events that happened longer ago, in small steps that hold no lock for long; return how many."""
    return _purge(Event.objects.filter(occurred_at__lt=timezone.now() - timedelta(days=older_than_days)))


def blank_networks() -> int:
    """Forget from which address range older events came; return how many held one."""
    old = Event.objects.filter(received_at__lt=timezone.now() - timedelta(days=NETWORK_DAYS)).exclude(network="")
    return old.update(network="")


def purge_lapsed_visitors() -> int:
    """Delete anonymous visitors whose cookie has expired since their last choice: no browser can bring it back."""
    lapsed = timezone.now() - timedelta(days=conf.get().visitor_cookie_days)
    return _purge(Visitor.objects.filter(user=None, consent__updated_at__lt=lapsed))


def _purge(rows: QuerySet) -> int:
    deleted = 0
    while keys := list(rows.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE]):
        rows.model._default_manager.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted
