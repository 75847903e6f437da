"""A small history with two tastes, so that learning from it must beat popularity."""

from datetime import datetime, timedelta

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from personalization.catalog.models import Item
from personalization.events.models import Event

N_ITEMS = 40


def write_history(
    *, visitors: int = 120, each: int = 10, allowed: bool = True, kind: str = "view", straying: float = 0.05
) -> None:
    """Let visitors read on many days: the first half of the items, or the second; straying=1 is no taste at all."""
    make_items()
    random = np.random.default_rng(5)
    now = timezone.now()
    events = [
        Event(kind=kind, visitor_key=f"v{number:04d}", item_key=item, occurred_at=at, for_personalization=allowed)
        for number in range(visitors)
        for item, at in _readings(number, each, now, straying, random)
    ]
    Event.objects.bulk_create(events)


def make_items() -> None:
    """Items without pages behind them: training reads the catalog, not the site."""
    kind = ContentType.objects.get_for_model(Item)
    names = [f"page:{number}" for number in range(N_ITEMS)]
    rows = [Item(key=name, group=name, title=name, url="/", content_type=kind, object_id=name) for name in names]
    Item.objects.bulk_create(rows, ignore_conflicts=True)


def _readings(
    number: int, each: int, now: datetime, straying: float, random: np.random.Generator
) -> list[tuple[str, datetime]]:
    own = np.arange(N_ITEMS) // (N_ITEMS // 2) == number % 2
    chances = np.where(own, 1.0, straying) / np.where(own, 1.0, straying).sum()
    chosen = random.choice(N_ITEMS, size=each, replace=False, p=chances)
    days = random.uniform(0.1, 60, size=each)
    return [(f"page:{item}", now - timedelta(days=float(day))) for item, day in zip(chosen, days, strict=True)]
