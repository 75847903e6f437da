"""Reads over events."""

from collections.abc import Iterator
from datetime import datetime

from personalization import conf
from personalization.catalog.models import Item
from personalization.events.models import Event
from personalization.visitors.profiles import weight_of

CHUNK = 10_000


def interaction_rows(*, since: datetime, until: datetime) -> Iterator[tuple[str, str, float, float, str]]:
    """Yield (visitor key, item group, epoch seconds, weight, kind) of what may be learned from, in order of time.

    Only rows that their visitor allowed to be used for personalization, of kinds that EVENT_WEIGHTS gives a weight,
    about items that the catalog knows or has known. Rows are streamed: the database's table never is in memory.
    """
    kinds = [kind for kind, weight in conf.get().event_weights.items() if weight > 0]
    groups = dict(Item.objects.values_list("key", "group").iterator(chunk_size=CHUNK))
    events = Event.objects.filter(
        for_personalization=True, kind__in=kinds, occurred_at__gte=since, occurred_at__lt=until
    ).order_by("occurred_at", "pk")
    facts = events.values_list("visitor_key", "item_key", "occurred_at", "kind", "duration_ms")
    for visitor_key, item_key, at, kind, duration_ms in facts.iterator(chunk_size=CHUNK):
        group, weight = groups.get(item_key), weight_of(kind, duration_ms)
        if group and weight > 0:
            yield visitor_key, group, at.timestamp(), weight, kind


def count_interactions(*, since: datetime, most: int) -> int:
    """How many events that may be learned from have happened since; counting stops at `most`."""
    kinds = [kind for kind, weight in conf.get().event_weights.items() if weight > 0]
    events = Event.objects.filter(for_personalization=True, kind__in=kinds, occurred_at__gt=since)
    return events.order_by()[:most].count()
